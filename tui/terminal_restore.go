package tui

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	tea "charm.land/bubbletea/v2"
)

// ErrAbandoned says that the user left a view before the work shown in it had ended.
var ErrAbandoned = errors.New("the view was left before the end of what it shows")

// Messages to a view that shows work in this process.
type (
	// StopRequested says that the work was asked to end.
	StopRequested struct{}
	// Ended says that the work has ended, and closes the view.
	Ended struct{}
)

// show runs a view and work, which the view shows, and returns when both have ended.
// work gets a context, which ends with ctx or when the view calls stop, and a function
// that sends messages to the view. The terminal is restored, even if work panics; the
// panic then continues. If the view fails, work still runs to its end.
func (t Terminal) show(ctx context.Context, view func(stop func()) tea.Model, work func(context.Context, func(tea.Msg))) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	p := t.program(view(stop), tea.WithFPS(20))
	defer context.AfterFunc(ctx, func() { p.Send(StopRequested{}) })()
	done := make(chan any, 1) // receives the value of panicOf(work)
	go func() {
		var failure any
		defer func() {
			done <- failure
			p.Send(Ended{})
		}()
		failure = panicOf(func() { work(ctx, p.Send) })
	}()
	last, err := p.Run()
	if v, ok := last.(interface{ Abandoned() bool }); ok && v.Abandoned() {
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

// panicOf calls run. If run panics, panicOf returns the panic's value together with the
// stack, since a panic that is raised again elsewhere would not show that stack.
// Otherwise it returns nil.
func panicOf(run func()) (failure any) {
	defer func() {
		if r := recover(); r != nil {
			failure = fmt.Sprintf("%v\n\n%s", r, debug.Stack())
		}
	}()
	run()
	return nil
}

// snapshotInterval is the time between two snapshots.
const snapshotInterval = time.Second / 3

// showSnapshots does what show does, and sends the view a snapshot every
// snapshotInterval.
func (t Terminal) showSnapshots(ctx context.Context, view func(stop func()) tea.Model, snapshot func() tea.Msg, run func(context.Context)) error {
	return t.show(ctx, view, func(ctx context.Context, send func(tea.Msg)) {
		ended := make(chan struct{})
		watched := make(chan struct{})
		go func() {
			defer close(watched)
			tick := time.NewTicker(snapshotInterval)
			defer tick.Stop()
			for {
				send(snapshot())
				select {
				case <-tick.C:
				case <-ended:
					return
				}
			}
		}()
		defer func() {
			close(ended)
			<-watched
		}()
		run(ctx)
	})
}
