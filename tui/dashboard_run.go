package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"
)

// lookInterval is the time between two looks at what is shown.
const snapshotInterval = time.Second / 3

// ShowDashboard shows a pipeline while run runs it, and returns when both have
// ended, as Terminal.show does. look tells how the pipeline is; it is called three
// times a second.
func ShowDashboard(ctx context.Context, t Terminal, look func() PipelineSnapshot, run func(context.Context)) error {
	view := func(stop func()) tea.Model { return NewDashboard(t.Appearance, stop) }
	return t.showSnapshots(ctx, view, func() tea.Msg { return look() }, run)
}

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
