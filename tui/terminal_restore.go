package tui

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	tea "charm.land/bubbletea/v2"
)

// ErrAbandoned says that somebody left the view before what it shows had ended.
var ErrAbandoned = errors.New("the view was left before the end of what it shows")

// Messages to the view of something that runs in this process.
type (
	// Stopping says that it was asked to end.
	StopRequested struct{}
	// Ended says that it is over, and closes the view.
	Ended struct{}
)

// show runs a view while work does what it shows, and returns when both have ended.
// work gets a context that ends when ctx does, or when the view calls stop, and a
// function to send messages with. The terminal is left as it was found, also when
// work panics; then the panic goes on. A view that fails does not end the work.
func (t Terminal) show(ctx context.Context, view func(stop func()) tea.Model, work func(context.Context, func(tea.Msg))) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	p := t.program(view(stop), tea.WithFPS(20))
	defer context.AfterFunc(ctx, func() { p.Send(StopRequested{}) })()
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
		work(ctx, p.Send)
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

// lookInterval is the time between two looks at what is shown.
const snapshotInterval = time.Second / 3

// watch is show for what is looked at three times a second.
func (t Terminal) showSnapshots(ctx context.Context, view func(stop func()) tea.Model, look func() tea.Msg, run func(context.Context)) error {
	return t.show(ctx, view, func(ctx context.Context, send func(tea.Msg)) {
		ended := make(chan struct{})
		watched := make(chan struct{})
		go func() {
			defer close(watched)
			tick := time.NewTicker(snapshotInterval)
			defer tick.Stop()
			for {
				send(look())
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
