package verify_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/broker"
	"github.com/emostream/emostream/internal/inspect/verify"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// installation is the topics of an installation on an embedded broker.
type installation struct {
	t      *testing.T
	client *kafka.Client
	names  wire.Topics
	stop   func() // stops the broker
	broker string // its address
}

// install starts a broker and creates the topics, emoji-topic with two partitions.
func install(t *testing.T) *installation {
	t.Helper()
	b, err := broker.Open(broker.Config{Listen: "127.0.0.1:0", Housekeeping: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("broker: %v", err)
		}
	})
	t.Cleanup(stop)
	c, err := kafka.Open(kafka.Config{Brokers: []string{b.Addr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	in := &installation{t, c, wire.Topics{Prefix: "audited."}, stop, b.Addr()}
	const forever = 100 * 365 * 24 * time.Hour // the records' times are years ago
	layout := kafka.Layout{Names: in.names, Reactions: 2, Counts: 2, Partials: 2, Retention: forever}
	if _, err := c.EnsureTopics(in.within(), layout.ReactionsTopic(), layout.PartialsTopic(), layout.CountsTopic()); err != nil {
		t.Fatal(err)
	}
	return in
}

// within returns a context that ends with the test, and after a minute at the latest.
func (in *installation) within() context.Context {
	ctx, cancel := context.WithTimeout(in.t.Context(), time.Minute)
	in.t.Cleanup(cancel)
	return ctx
}

func (in *installation) write(topic string, partition int, records ...stream.Record) {
	in.t.Helper()
	if err := in.client.Writer(topic).Write(in.within(), partition, records); err != nil {
		in.t.Fatal(err)
	}
}

// mark writes a mark to a partition of emoji-partials.
func (in *installation) mark(partition int, at int64, s wire.Settings) {
	in.t.Helper()
	m := wire.Mark{Version: wire.FormatVersion, Partitions: 2, Reducers: 2, Settings: s}
	in.write(in.names.Partials(), partition, stream.Record{Time: at, Value: wire.Progress{Mark: &m}.Encode()})
}

func (in *installation) config() verify.Config {
	return verify.Config{Client: in.client, Topics: in.names}
}

func (in *installation) check() verify.Report {
	in.t.Helper()
	r, err := verify.Check(in.within(), in.config())
	if err != nil {
		in.t.Fatal(err)
	}
	addsUp(in.t, r)
	return r
}

// counted writes three reactions of two windows, and their counts.
func (in *installation) counted() {
	in.t.Helper()
	in.mark(1, base, twos)
	in.write(in.names.Reactions(), 0, tap(base, "🔥", ""), tap(base+2000, "🔥", ""))
	in.write(in.names.Reactions(), 1, tap(base+1, "🔥", ""))
	in.write(in.names.Counts(), 0, count(base+2000, "🔥", 2, base+2150, ""))
	in.write(in.names.Counts(), 1, count(base+4000, "🔥", 1, base+4100, ""))
}

// Beside a Spark job in append mode, what it has not written yet is open, and what it
// has lost is lost.
func TestCheckBesideASparkJob(t *testing.T) {
	in := install(t)
	spark := func(start, end, emoji, n string) stream.Record {
		return stream.Record{Time: base + 20_000, Value: []byte(`{"window":{"start":"2025-10-09 08:53:` + start + `","end":"2025-10-09 08:53:` + end + `"},"emoji_type":"` + emoji + `","emoji_count":` + n + `,"emoji_count_aggregated":"1.0"}`)}
	}
	in.write(in.names.Reactions(), 0, tap(base, "🔥", ""), tap(base+1999, "❤", ""), tap(base+2000, "🔥", ""), tap(base+4000, "🔥", ""))
	in.write(in.names.Reactions(), 1, tap(base+1, "🔥", ""), tap(base+3999, "🔥", ""), tap(base+9000, "❤", ""))
	in.write(in.names.Counts(), 0, spark("22", "24", "🔥", `"2"`), spark("20", "22", "❤", "1.0"), spark("20", "22", "🔥", "2"))
	r := in.check()
	if got, want := sums(r), "agree: 7 reactions, 5 counted, 0 lost, 0 doubled, 2 open, 0 left out; windows: 0 compared, 0 open, 0 left out, 0 undecided"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if r.Compared != verify.ByTotal || r.Written != wire.Time(base+4000) || r.Behind {
		t.Errorf("compared %s, written until %v, behind: %v", r.Compared, r.Written, r.Behind)
	}

	in.write(in.names.Reactions(), 1, tap(base+3000, "🔥", "")) // the job drops what is too late for its watermark
	r = in.check()
	if got, want := sums(r), "differ: 8 reactions, 5 counted, 1 lost, 0 doubled, 2 open, 0 left out; windows: 0 compared, 0 open, 0 left out, 0 undecided"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestCheck(t *testing.T) {
	in := install(t)
	in.counted()
	r := in.check()
	if got, want := sums(r), "agree: 3 reactions, 3 counted, 0 lost, 0 doubled, 0 open, 0 left out; windows: 2 compared, 0 open, 0 left out, 0 undecided"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if r.Compared != verify.ByWindow || r.Source != "emoji-partials" || r.Settings != twos {
		t.Errorf("compared %s by the settings %v from %s", r.Compared, r.Settings, r.Source)
	}
	if want := (verify.Delay{Window: window(base + 2000), Channel: "main", MS: 150}); r.Latest == nil || *r.Latest != want {
		t.Errorf("latest is %+v, want %+v", r.Latest, want)
	}

	in.write(in.names.Reactions(), 1, tap(base+2, "🎉", ""))
	in.write(in.names.Counts(), 0, count(base+4000, "🔥", 3, base+4200, ""))
	r = in.check()
	want := []verify.Difference{
		{Window: window(base + 2000), Channel: "main", Emoji: "🎉", Log: 1},
		{Window: window(base + 4000), Channel: "main", Emoji: "🔥", Log: 1, Counted: 3},
	}
	if r.Verdict != verify.Differ || r.Lost != 1 || r.Doubled != 2 || !slices.Equal(r.Differences, want) {
		t.Errorf("a planted loss and a planted doubling: %+v", r)
	}
}

// Wait waits for counts that are behind, as long as its limit allows.
func TestWait(t *testing.T) {
	in := install(t)
	in.counted()
	in.write(in.names.Reactions(), 0, tap(base+2001, "💖", ""))
	cfg := in.config()
	behind := false
	cfg.Progress = func(p verify.Progress) {
		if p.Difference == 1 && !behind {
			behind = true
			in.write(in.names.Counts(), 1, count(base+4000, "💖", 1, base+9000, ""))
		}
	}
	r, err := verify.Wait(in.within(), cfg, time.Minute)
	if err != nil || r.Verdict != verify.Agree || r.Counted != 4 || !behind {
		t.Errorf("it was behind: %v, %+v, %v", behind, r, err)
	}
	if r.Latest == nil || r.Latest.MS != 5000 {
		t.Errorf("latest is %+v, want one of 5 s", r.Latest)
	}

	in.write(in.names.Reactions(), 0, tap(base+2002, "💖", ""))
	r, err = verify.Wait(in.within(), in.config(), 300*time.Millisecond)
	if err != nil || r.Verdict != verify.Differ || r.Lost != 1 {
		t.Errorf("one is never counted: %+v, %v", r, err)
	}
}

func TestTopicsThatAreMissing(t *testing.T) {
	in := install(t)
	in.names.Prefix = "other."
	_, err := verify.Check(in.within(), in.config())
	if missing, ok := errors.AsType[*verify.MissingError](err); !ok || !slices.Equal(missing.Topics, []string{"other.emoji-topic", "other.emoji-aggregated"}) {
		t.Fatalf("Check = %v", err)
	}
	if want := "topics other.emoji-topic and other.emoji-aggregated do not exist"; !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
}
