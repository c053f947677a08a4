package loadgen_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/loadgen/report"
)

// balance holds the numbers of a report that say what became of reactions.
type balance struct{ Sent, Accepted, Rejected, InDoubt, Counted, Lost, Doubled, Shifted, Gaps int64 }

func balanceOf(t *testing.T, r report.Report) balance {
	t.Helper()
	if r.Counted == nil || r.Lost == nil || r.Doubled == nil || r.Shifted == nil {
		t.Fatalf("there is no balance: %v", r.Notes)
	}
	return balance{r.Sent, r.Accepted, r.Rejected, r.InDoubt, *r.Counted, *r.Lost, *r.Doubled, *r.Shifted, r.Listeners.Gaps}
}

// longTimeout is longer than anything takes, even on a busy machine.
const longTimeout = 5 * time.Minute

// The report shows exactly the faults that the server has.
func TestRunFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	const sent = 400
	for name, tt := range map[string]struct {
		faults faults
		cfg    loadgen.Config
		want   func(injected map[string]int64) balance
	}{
		"nothing": {want: func(map[string]int64) balance {
			return balance{Sent: sent, Accepted: sent, Counted: sent}
		}},
		"one in 100 is dropped": {faults: faults{drop: 100}, want: func(i map[string]int64) balance {
			return balance{Sent: sent, Accepted: sent, Counted: sent - i["dropped"], Lost: i["dropped"]}
		}},
		"one in 100 is doubled": {faults: faults{double: 100}, want: func(i map[string]int64) balance {
			return balance{Sent: sent, Accepted: sent, Counted: sent + i["doubled"], Doubled: i["doubled"]}
		}},
		"some are counted later": {faults: faults{shift: 20}, want: func(i map[string]int64) balance {
			return balance{Sent: sent, Accepted: sent, Counted: sent, Shifted: i["shifted"]}
		}},
		"one in 50 is refused": {faults: faults{refuse: 50}, want: func(i map[string]int64) balance {
			n := i["refused"]
			return balance{Sent: sent, Accepted: sent - n, Rejected: n, Counted: sent - n}
		}},
		"one in 100 is in doubt, and counted": {faults: faults{doubt: 100}, want: func(i map[string]int64) balance {
			n := i["in doubt"]
			return balance{Sent: sent, Accepted: sent - n, InDoubt: n, Counted: sent}
		}},
		"batches": {cfg: loadgen.Config{Batch: 20}, want: func(map[string]int64) balance {
			return balance{Sent: sent, Accepted: sent, Counted: sent}
		}},
		"batches of which some are dropped": {cfg: loadgen.Config{Batch: 20}, faults: faults{drop: 100}, want: func(i map[string]int64) balance {
			return balance{Sent: sent, Accepted: sent, Counted: sent - i["dropped"], Lost: i["dropped"]}
		}},
		"batches of which some are in doubt, and counted": {cfg: loadgen.Config{Batch: 20}, faults: faults{doubt: 70}, want: func(i map[string]int64) balance {
			return balance{Sent: sent, Accepted: sent - i["in doubt"], InDoubt: i["in doubt"], Counted: sent}
		}},
		"channels": {cfg: loadgen.Config{Channels: 3, Listeners: 2}, want: func(map[string]int64) balance {
			return balance{Sent: sent, Accepted: sent, Counted: sent}
		}},
		"channels of which some are dropped": {cfg: loadgen.Config{Channels: 3, Batch: 20, Listeners: 6}, faults: faults{drop: 100}, want: func(i map[string]int64) balance {
			return balance{Sent: sent, Accepted: sent, Counted: sent - i["dropped"], Lost: i["dropped"]}
		}},
		"channels of which some are in doubt, and counted": {cfg: loadgen.Config{Channels: 3}, faults: faults{doubt: 70}, want: func(i map[string]int64) balance {
			return balance{Sent: sent, Accepted: sent - i["in doubt"], InDoubt: i["in doubt"], Counted: sent}
		}},
		"channels whose streams break all the time": {cfg: loadgen.Config{Channels: 2, Churn: 10, Listeners: 6}, faults: faults{cut: true}, want: func(map[string]int64) balance {
			return balance{Sent: sent, Accepted: sent, Counted: sent}
		}},
		"one listener misses two windows": {faults: faults{gap: 2}, want: func(map[string]int64) balance {
			return balance{Sent: sent, Accepted: sent, Counted: sent, Gaps: 2}
		}},
		"a listener is late": {faults: faults{delay: 300 * time.Millisecond}, want: func(map[string]int64) balance {
			return balance{Sent: sent, Accepted: sent, Counted: sent}
		}},
		"streams break all the time": {faults: faults{cut: true}, want: func(map[string]int64) balance {
			return balance{Sent: sent, Accepted: sent, Counted: sent}
		}},
		"streams are refused at first": {faults: faults{full: 3}, want: func(map[string]int64) balance {
			return balance{Sent: sent, Accepted: sent, Counted: sent}
		}},
		"listeners are told to come back later": {faults: faults{away: 3}, want: func(map[string]int64) balance {
			return balance{Sent: sent, Accepted: sent, Counted: sent}
		}},
		"the server that they listen to is killed": {faults: faults{dies: true}, want: func(map[string]int64) balance {
			return balance{Sent: sent, Accepted: sent, Counted: sent}
		}},
		"listeners come and go, and some never read": {cfg: loadgen.Config{Churn: 10, Stalled: 2, Listeners: 10}, want: func(map[string]int64) balance {
			return balance{Sent: sent, Accepted: sent, Counted: sent}
		}},
		"nothing, over HTTP/2": {cfg: loadgen.Config{HTTP2: true}, want: func(map[string]int64) balance {
			return balance{Sent: sent, Accepted: sent, Counted: sent}
		}},
		"one in 50 is refused, over HTTP/2": {cfg: loadgen.Config{HTTP2: true}, faults: faults{refuse: 50}, want: func(i map[string]int64) balance {
			n := i["refused"]
			return balance{Sent: sent, Accepted: sent - n, Rejected: n, Counted: sent - n}
		}},
		"batches of which some are dropped, over HTTP/2": {cfg: loadgen.Config{HTTP2: true, Batch: 20}, faults: faults{drop: 100}, want: func(i map[string]int64) balance {
			return balance{Sent: sent, Accepted: sent, Counted: sent - i["dropped"], Lost: i["dropped"]}
		}},
		"streams over HTTP/2 break all the time": {cfg: loadgen.Config{HTTP2: true}, faults: faults{cut: true}, want: func(map[string]int64) balance {
			return balance{Sent: sent, Accepted: sent, Counted: sent}
		}},
		"streams over HTTP/2 are refused at first": {cfg: loadgen.Config{HTTP2: true}, faults: faults{full: 3}, want: func(map[string]int64) balance {
			return balance{Sent: sent, Accepted: sent, Counted: sent}
		}},
		"listeners are told over HTTP/2 to come back later": {cfg: loadgen.Config{HTTP2: true}, faults: faults{away: 3}, want: func(map[string]int64) balance {
			return balance{Sent: sent, Accepted: sent, Counted: sent}
		}},
		"the server that they listen to over HTTP/2 is killed": {cfg: loadgen.Config{HTTP2: true}, faults: faults{dies: true}, want: func(map[string]int64) balance {
			return balance{Sent: sent, Accepted: sent, Counted: sent}
		}},
		"listeners over HTTP/2 come and go, and some never read": {cfg: loadgen.Config{HTTP2: true, Churn: 10, Stalled: 2, Listeners: 10}, want: func(map[string]int64) balance {
			return balance{Sent: sent, Accepted: sent, Counted: sent}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startFaulty(t, tt.faults)
			cfg := tt.cfg
			cfg.Server, cfg.Rate, cfg.Duration, cfg.Connections = s.url, sent, time.Second, 8
			if cfg.Listeners == 0 {
				cfg.Listeners = 3
			}
			cfg.BalanceTimeout, cfg.Drain, cfg.Timeout = longTimeout, longTimeout, longTimeout
			if f := tt.faults; f.drop+f.double+int64(f.gap) > 0 { // the run will wait in vain for its balance
				cfg.BalanceTimeout = 4 * time.Second
			}
			r, err := loadgen.Run(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want(s.injected), balanceOf(t, r)); diff != "" {
				t.Errorf("balance (-want +got):\n%s", diff)
			}
			if wrong := *r.Lost + *r.Doubled + *r.Shifted; (wrong > 0) != (len(r.Windows) > 0) && tt.faults.doubt == 0 {
				t.Errorf("%d are wrong, and these windows are named: %v", wrong, r.Windows)
			}
			tt.faults.seen(t, r, s)
			s.left(t, cfg)
		})
	}
}

// seen checks the other effects of a fault in the report.
func (f faults) seen(t *testing.T, r report.Report, s *faulty) {
	t.Helper()
	l := r.Listeners
	if f.delay > 0 && r.Latency[report.Overhead].Max < 300 {
		t.Errorf("the slowest listener is %v ms late, want at least 300", r.Latency[report.Overhead].Max)
	}
	if f.cut && (l.Reconnects == 0 || l.Resumes == 0 || s.asked[len(s.asked)-1] == "") {
		t.Errorf("the streams broke: %+v", l)
	}
	if f.full > 0 && l.Refused != int64(f.full) {
		t.Errorf("%d were refused, want %d", l.Refused, f.full)
	}
	for i, sent := range s.sentAway {
		if d := s.cameBack[i].Sub(sent); d < time.Second {
			t.Errorf("was told to come back in a second, and came after %v", d)
		}
	}
	if f.dies && (s.avoided != 3 || slices.Contains(s.asked[len(s.asked)-3:], "")) {
		t.Errorf("of 3 whose server died %d said so, and they resumed after %q", s.avoided, s.asked)
	}
	if f.refuse > 0 && r.Errors["503 not_written"] != s.injected["refused"] {
		t.Errorf("errors: %v", r.Errors)
	}
	for _, name := range []string{report.SendDelay, report.Ack, report.WindowWait, report.Overhead, report.EndToEnd, report.Connect, report.FirstEvent} {
		if r.Latency[name] == nil {
			t.Errorf("there is no %s", name)
		}
	}
	if n := r.Latency[report.WindowWait].Count; n != r.Accepted {
		t.Errorf("%d waited for their windows, want %d", n, r.Accepted)
	}
}

// left checks that all connections and registrations have ended.
func (s *faulty) left(t *testing.T, cfg loadgen.Config) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 1000 {
		s.mu.Lock()
		open := s.open
		s.mu.Unlock()
		if open == 0 {
			break
		}
		<-tick.C
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open > 0 {
		t.Errorf("%d streams are left open", s.open)
	}
	// A listener that is refused registers again, and unregisters once.
	if s.unregistered != s.registered && s.full+s.away == 0 && !s.dies && cfg.Churn == 0 {
		t.Errorf("registered %d times, and unregistered %d times", s.registered, s.unregistered)
	}
}

// An interrupted run reports what was done, and balances.
func TestRunInterrupted(t *testing.T) {
	s := startFaulty(t, faults{})
	ctx, cancel := context.WithCancel(t.Context())
	once := sync.OnceFunc(cancel)
	r, err := loadgen.Run(ctx, loadgen.Config{
		Server: s.url, Rate: 500, Duration: time.Hour, Connections: 4,
		Observe: func(s loadgen.Snapshot) {
			if s.Accepted > 100 {
				once()
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	b := balanceOf(t, r)
	if !r.Interrupted || b.Sent < 100 || b.Sent > 1e6 || b.Counted != b.Accepted || b.Lost+b.Doubled > 0 || b.Accepted != b.Sent {
		t.Errorf("interrupted: %v, %+v", r.Interrupted, b)
	}
	s.left(t, loadgen.Config{})
}

// The snapshots go through the phases in order, and their counts only grow.
func TestRunIsObserved(t *testing.T) {
	s := startFaulty(t, faults{})
	var seen []loadgen.Snapshot
	r, err := loadgen.Run(t.Context(), loadgen.Config{
		Server: s.url, Stages: "500ms:200,500ms:400", Connections: 4, Listeners: 2, StartAt: time.Now().Add(500 * time.Millisecond),
		Observe: func(s loadgen.Snapshot) { seen = append(seen, s) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Sent != 300 || r.Accepted != 300 {
		t.Errorf("sent %d, accepted %d, want 300", r.Sent, r.Accepted)
	}
	var phases []loadgen.Phase
	stages := map[int]bool{}
	last := loadgen.Snapshot{}
	for _, s := range seen {
		if s.Phase != last.Phase {
			phases = append(phases, s.Phase)
		}
		if s.Sent < last.Sent || s.Accepted < last.Accepted || s.Events < last.Events || s.Elapsed < last.Elapsed {
			t.Errorf("%+v comes after %+v", s, last)
		}
		stages[s.Stage] = true
		last = s
	}
	if n := len(phases); n < 3 || phases[n-3] != loadgen.Waiting || phases[n-2] != loadgen.Sending || phases[n-1] != loadgen.Settling {
		t.Errorf("phases: %v", phases)
	}
	if !stages[0] || !stages[1] || last.Stages != 2 || last.Listeners != 2 || last.Wanted != 2 || last.Sent != 300 || last.Planned != time.Second {
		t.Errorf("stages %v, in the end %+v", stages, last)
	}
	points := int64(0)
	for _, p := range r.Series {
		points += p.Sent
	}
	if points != r.Sent {
		t.Errorf("the series is of %d reactions, want %d", points, r.Sent)
	}
}

func TestRunRefuses(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	for name, tt := range map[string]struct {
		cfg  loadgen.Config
		says string
	}{
		"no target":         {loadgen.Config{}, "either a server or another service"},
		"a remote target":   {loadgen.Config{Server: "http://192.0.2.1:5000"}, "192.0.2.1 is not this machine"},
		"nobody listens":    {loadgen.Config{Server: "http://" + ln.Addr().String()}, "is it running? try emostream up"},
		"too many kinds":    {loadgen.Config{Server: "http://localhost", Kinds: 51}, "kinds 51: 1 to 50 are allowed"},
		"less than none":    {loadgen.Config{Server: "http://localhost", Rate: -1, Churn: 2e5, Drain: -1}, "rate -1: 0 to 10000000 are allowed\nchurn 200000: 0 to 100000 are allowed\ndrain -1ns: nothing below 0 is allowed"},
		"two schedules":     {loadgen.Config{Server: "http://localhost", Burst: "1s:5", Rate: 5}, "one of a rate, stages and bursts"},
		"a wrong stage":     {loadgen.Config{Server: "http://localhost", Stages: "x"}, `stage "x"`},
		"a long warm-up":    {loadgen.Config{Server: "http://localhost", Stages: "1s:1,1s:2..0", WarmUp: 2 * time.Second}, "warm-up 2s: less than 2s is allowed"},
		"no warm-up":        {loadgen.Config{Server: "http://localhost", WarmUp: -1}, "warm-up -1ns: nothing below 0 is allowed"},
		"no URL":            {loadgen.Config{Server: "localhost:5000"}, "want a URL like"},
		"a batch elsewhere": {loadgen.Config{Publish: &loadgen.Publish{PostURL: "http://localhost"}, Batch: 2}, "no batches"},
	} {
		t.Run(name, func(t *testing.T) {
			if r, err := loadgen.Run(t.Context(), tt.cfg); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("Run = %+v, %v; want %q", r, err, tt.says)
			}
		})
	}
	_, err = loadgen.Run(t.Context(), loadgen.Config{Server: "http://192.0.2.1:5000"})
	if _, ok := errors.AsType[*loadgen.RemoteError](err); !ok {
		t.Errorf("%v is no RemoteError", err)
	}
}
