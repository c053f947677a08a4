package verify_test

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/inspect/verify"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// quick has windows so short that a test can wait for them.
var quick = wire.Settings{WindowMS: 200, LatenessMS: 10000}

// tappers appends reactions to both partitions, and writes counts of them, until the
// returned function is called. Its counts of the first window are wrong by by.
func (in *installation) tappers(by int64) (stop func()) {
	ctx, cancel := context.WithCancel(in.t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		again := time.NewTicker(3 * time.Millisecond)
		defer again.Stop()
		counts := map[int64]int64{}
		reactions, out := in.client.Writer(in.names.Reactions()), in.client.Writer(in.names.Counts())
		for n := 0; ctx.Err() == nil; n++ {
			at := time.Now().UnixMilli()
			end := at/200*200 + 200
			if len(counts) == 0 {
				counts[end] = by
			}
			if reactions.Write(ctx, n%2, []stream.Record{tap(at, "🔥", "")}) != nil {
				return
			}
			counts[end]++
			r := count(end, "🔥", counts[end], at, "")
			r.Value = []byte(strings.Replace(string(r.Value), string(wire.AppendTime(nil, end-2000)), string(wire.AppendTime(nil, end-200)), 1))
			if counts[end] > 0 && out.Write(ctx, n%2, []stream.Record{r}) != nil {
				return
			}
			<-again.C
		}
	})
	return func() {
		cancel()
		running.Wait()
	}
}

// While reactions keep coming, Wait finds that correct counts are correct, and finds a
// fault in a window that has ended.
func TestWaitUnderTraffic(t *testing.T) {
	t.Parallel()
	for name, by := range map[string]int64{"all is counted": 0, "one is lost": -1, "one is doubled": 1} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := install(t)
			in.mark(0, base, quick)
			stop := in.tappers(by)
			defer stop()
			waited := make(chan struct{})
			once := sync.OnceFunc(func() { close(waited) })
			in.until(func() bool { // until there are a few windows
				_, end, err := in.client.Offsets(in.within(), in.names.Counts(), 0)
				return err == nil && end > 100
			})
			cfg := in.config()
			cfg.Progress = func(p verify.Progress) {
				if !p.Until.IsZero() {
					once()
				}
			}
			limit := time.Minute
			if by != 0 {
				limit = 5 * time.Second // Wait uses up its time, in case the fault goes away
			}
			r, err := verify.Wait(in.within(), cfg, limit)
			if err != nil {
				t.Fatal(err)
			}
			addsUp(t, r)
			if r.Doubled != max(0, by) || r.Lost != max(0, -by) || r.Windows < 2 || r.WindowsUndecided > 0 {
				t.Errorf("off by %d: %s", by, sums(r))
			}
			select {
			case <-waited:
			default:
				t.Error("it did not wait for the open window to end")
			}
		})
	}
}

// until waits until check returns true.
func (in *installation) until(check func() bool) {
	in.t.Helper()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for ctx := in.within(); !check(); {
		select {
		case <-again.C:
		case <-ctx.Done():
			in.t.Fatal("it never comes to that")
		}
	}
}

// Wait ends when its context ends, whatever it waits for.
func TestCancel(t *testing.T) {
	in := install(t)
	in.counted()
	in.write(in.names.Reactions(), 0, tap(base, "💖", "")) // a reaction that is never counted
	for name, when := range map[string]func(verify.Progress) bool{
		"while it reads":                  func(p verify.Progress) bool { return p.Read > 0 },
		"while it waits for the counting": func(p verify.Progress) bool { return p.Difference > 0 },
		"while it waits for a window":     func(p verify.Progress) bool { return !p.Until.IsZero() },
	} {
		t.Run(name, func(t *testing.T) {
			if strings.HasSuffix(name, "window") {
				in.write(in.names.Reactions(), 0, tap(time.Now().UnixMilli(), "🔥", ""))
			}
			ctx, cancel := context.WithCancel(in.within())
			cfg := in.config()
			cfg.Progress = func(p verify.Progress) {
				if when(p) {
					cancel()
				}
			}
			if r, err := verify.Wait(ctx, cfg, time.Hour); !errors.Is(err, context.Canceled) {
				t.Errorf("Wait = %+v, %v", r, err)
			}
		})
	}
}

// If a broker does not answer, verifying ends with an error that says so.
func TestNobodyAnswers(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close() // it accepts connections and answers nothing
	for name, addr := range map[string]string{"nobody": "127.0.0.1:1", "a mute": ln.Addr().String()} {
		c, err := kafka.Open(kafka.Config{Brokers: []string{addr}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := verify.Check(t.Context(), verify.Config{Client: c, Stall: 50 * time.Millisecond}); err == nil || !strings.Contains(err.Error(), "describe topics") {
			t.Errorf("%s: Check = %v", name, err)
		}
	}
}

// If a broker stops answering, verifying ends with an error, too.
func TestABrokerThatGoesAway(t *testing.T) {
	t.Parallel()
	in := install(t)
	in.counted()
	cfg := in.config()
	cfg.Stall = time.Second
	var gone sync.Once
	cfg.Progress = func(p verify.Progress) {
		if p.Read > 0 {
			gone.Do(in.stop)
		}
	}
	if _, err := verify.Wait(in.within(), cfg, time.Minute); err == nil || !strings.Contains(err.Error(), "no answer from Kafka for 1s") {
		t.Errorf("Wait = %v", err)
	}
}

// Records that retention has removed from a broker are noticed, and their windows left
// out.
func TestRetentionOnABroker(t *testing.T) {
	in := install(t)
	layout := kafka.Layout{Names: wire.Topics{Prefix: "short."}, Reactions: 1, Retention: time.Hour}
	in.names = layout.Names
	if _, err := in.client.EnsureTopics(in.within(), layout.ReactionsTopic(), layout.CountsTopic()); err != nil {
		t.Fatal(err)
	}
	now := time.Now().Add(-5*time.Minute).UnixMilli() / 2000 * 2000
	for range 10 {
		in.write(in.names.Reactions(), 0, tap(now-2*3600_000, "💖", ""))
	}
	in.until(func() bool {
		start, _, err := in.client.Offsets(in.within(), in.names.Reactions(), 0)
		return err == nil && start == 10
	})
	for range 100 {
		in.write(in.names.Reactions(), 0, tap(now, "🔥", ""))
	}
	in.write(in.names.Reactions(), 0, tap(now+14000, "🎉", ""))
	in.write(in.names.Counts(), 0, count(now+2000, "🔥", 120, now+2100, ""), count(now+16000, "🎉", 1, now+16100, ""))
	cfg := in.config()
	cfg.Window = 2 * time.Second
	r, err := verify.Check(in.within(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := sums(r), "agree: 101 reactions, 1 counted, 0 lost, 0 doubled, 0 open, 100 left out; windows: 1 compared, 0 open, 1 left out, 0 undecided"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
