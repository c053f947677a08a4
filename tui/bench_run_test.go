package tui_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/tui"
)

// fakeTerminal records what is written to it.
type fakeTerminal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *fakeTerminal) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *fakeTerminal) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func (s *fakeTerminal) terminal() tui.Terminal {
	return tui.Terminal{Out: s, Environ: []string{"TERM=xterm-256color"}}
}

// checkRestored checks that the alternate screen was left and the cursor is visible
// again.
func checkRestored(t *testing.T, s *fakeTerminal) {
	t.Helper()
	out := s.String()
	for _, mode := range []string{"\x1b[?1049", "\x1b[?25"} {
		if on, off := strings.LastIndex(out, mode+"h"), strings.LastIndex(out, mode+"l"); (on > off) != (mode == "\x1b[?25") {
			t.Errorf("mode %q was not restored in %q", mode, out)
		}
	}
	if !strings.Contains(out, "\x1b[?1049h") {
		t.Errorf("the view was not drawn: %q", out)
	}
}

func TestShowBench(t *testing.T) {
	s := new(fakeTerminal)
	drawn := untilDrawn(s)
	err := tui.ShowBench(t.Context(), "http://x", s.terminal(), func(ctx context.Context, observe func(loadgen.Snapshot)) {
		observe(runningSnapshot(1))
		drawn(ctx)
	})
	if err != nil {
		t.Error(err)
	}
	checkRestored(t, s)
}

// untilDrawn returns a function that waits until the view is drawn for the first time.
func untilDrawn(s *fakeTerminal) func(context.Context) {
	return func(ctx context.Context) {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for !strings.Contains(s.String(), "\x1b[?1049h") {
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}
}

// When the context ends, the run is asked to end, and the view waits for it.
func TestShowBenchContextEnds(t *testing.T) {
	s := new(fakeTerminal)
	ctx, cancel := context.WithCancel(t.Context())
	ended := false
	err := tui.ShowBench(ctx, "http://x", s.terminal(), func(ctx context.Context, observe func(loadgen.Snapshot)) {
		untilDrawn(s)(ctx)
		cancel()
		<-ctx.Done()
		observe(runningSnapshot(2)) // while the run settles
		ended = true
	})
	if err != nil || !ended {
		t.Errorf("got %v; the run has ended: %t", err, ended)
	}
	checkRestored(t, s)
}

// ctrl+c ends the run; a second one leaves the view before the run has ended.
func TestShowBenchKeys(t *testing.T) {
	for name, test := range map[string]struct {
		keys string
		want error
	}{
		"once":  {"\x03", nil},
		"twice": {"\x03\x03", tui.ErrAbandoned},
	} {
		t.Run(name, func(t *testing.T) {
			s := new(fakeTerminal)
			terminal := s.terminal()
			terminal.In = strings.NewReader(test.keys)
			release := make(chan struct{})
			err := tui.ShowBench(t.Context(), "http://x", terminal, func(ctx context.Context, _ func(loadgen.Snapshot)) {
				<-ctx.Done()
				if test.want != nil {
					<-release // the run does not end before the view is left
				}
			})
			close(release)
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

// A panic of the run continues after the terminal is restored.
func TestShowBenchRestoresTerminalAfterPanic(t *testing.T) {
	s := new(fakeTerminal)
	defer func() {
		if r, _ := recover().(string); !strings.Contains(r, "no more coffee") || !strings.Contains(r, "TestShowBenchRestoresTerminalAfterPanic") {
			t.Errorf("it panicked with %q, want the cause and its stack", r)
		}
		checkRestored(t, s)
	}()
	_ = tui.ShowBench(t.Context(), "http://x", s.terminal(), func(ctx context.Context, _ func(loadgen.Snapshot)) {
		untilDrawn(s)(ctx)
		panic("no more coffee")
	})
	t.Error("the panic was lost")
}

// Without a terminal, BenchLines writes one line a second, and one for each phase.
func TestBenchLines(t *testing.T) {
	var b bytes.Buffer
	l := &tui.BenchLines{Out: &b}
	l.Show(loadgen.Snapshot{Phase: loadgen.Registering, Listeners: 7, Wanted: 1000})
	l.Show(loadgen.Snapshot{Phase: loadgen.Registering, Listeners: 8, Wanted: 1000})
	for i := range 25 {
		s := failingSnapshot(2)
		s.Elapsed = time.Duration(i) * 100 * time.Millisecond
		l.Show(s)
	}
	closed := loadgen.Snapshot{Phase: loadgen.Sending, Elapsed: 3 * time.Second, Stages: 1, ClosedLoop: true, Reached: 31234.4}
	l.Show(closed)
	l.Show(loadgen.Snapshot{Phase: loadgen.Settling, Elapsed: 3 * time.Second, Listeners: 9, Wanted: 9})
	want := `registering: 7 of 1000 listeners
sending: 962 of 1000 listeners
1s of 40s, stage 1 of 2: 1,909/s of 2,000/s asked, ack p50 1.80 ms p99 6.25 ms, 962 listeners, 38 requests failed
2s of 40s, stage 1 of 2: 1,909/s of 2,000/s asked, ack p50 1.80 ms p99 6.25 ms, 962 listeners, 38 requests failed
3s: 31,234/s as fast as answers come, ack p50 - p99 -, 0 listeners
settling: 9 of 9 listeners
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}
