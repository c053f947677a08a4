package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"
)

// dashboardInterval is the time between two looks at the pipeline.
const dashboardInterval = time.Second / 3

// ShowDashboard shows a pipeline while run runs it, and returns when both have
// ended, as Terminal.show does. look tells how the pipeline is; it is called three
// times a second.
func ShowDashboard(ctx context.Context, t Terminal, look func() Pipeline, run func(context.Context)) error {
	view := func(stop func()) tea.Model { return NewDashboard(t.Look, stop) }
	return t.show(ctx, view, func(ctx context.Context, send func(tea.Msg)) {
		ended := make(chan struct{})
		watched := make(chan struct{})
		go func() {
			defer close(watched)
			tick := time.NewTicker(dashboardInterval)
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
