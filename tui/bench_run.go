package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/emostream/emostream/loadgen"
)

// ErrAbandoned says that somebody left the view before the run had ended.
var ErrAbandoned = errors.New("the view was left before the run had ended")

// ShowBench shows a run while work does it, and returns when both have ended.
// work gets a context that ends when ctx does, or when somebody asks for it, and a
// function to hand snapshots to. The terminal is left as it was found, also when
// work panics; then the panic goes on. A view that fails does not end the run.
func ShowBench(ctx context.Context, target string, t Terminal, work func(context.Context, func(loadgen.Snapshot))) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	p := t.program(NewBench(target, t.Look, stop), tea.WithFPS(20))
	defer context.AfterFunc(ctx, func() { p.Send(Stopping{}) })()
	done := make(chan any, 1) // what work panicked with
	go func() {
		var failure any
		defer func() {
			done <- failure
			p.Send(Ended{})
		}()
		defer func() {
			if r := recover(); r != nil {
				failure = fmt.Sprintf("%v\n\n%s", r, debug.Stack()) // the stack below is not the one that failed
			}
		}()
		work(ctx, func(s loadgen.Snapshot) { p.Send(s) })
	}()
	last, err := p.Run()
	if b, ok := last.(Bench); ok && b.Abandoned {
		return ErrAbandoned
	}
	if failure := <-done; failure != nil {
		panic(failure)
	}
	if err != nil {
		return fmt.Errorf("live view: %w", err)
	}
	return nil
}

// BenchLines writes a line of progress a second, for logs and pipes. It is not
// safe for concurrent use.
type BenchLines struct {
	Out  io.Writer
	last time.Duration
	seen loadgen.Phase
}

// Show writes a line when the phase is another one, and once a second.
func (l *BenchLines) Show(s loadgen.Snapshot) {
	if s.Phase == l.seen && s.Elapsed-l.last < time.Second && s.Elapsed >= l.last {
		return
	}
	l.seen, l.last = s.Phase, s.Elapsed.Truncate(time.Second)
	_, _ = fmt.Fprintln(l.Out, BenchLine(s))
}

// BenchLine is a snapshot on a line.
func BenchLine(s loadgen.Snapshot) string {
	b := Bench{now: s}
	if s.Phase != loadgen.Sending || s.Elapsed < time.Second {
		return fmt.Sprintf("%s: %d of %d listeners", s.Phase, s.Listeners, s.Wanted)
	}
	failed := int64(0)
	for _, n := range s.Errors {
		failed += n
	}
	line := fmt.Sprintf("%s: %s %s, ack p50 %s p99 %s, %s listeners", b.elapsed(), rate(s.Reached), b.asked(), millis(s.AckP50), millis(s.AckP99), thousands(int64(s.Listeners)))
	if failed > 0 {
		line += ", " + thousands(failed) + " requests failed"
	}
	return line
}
