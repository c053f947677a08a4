package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"

	"github.com/emostream/emostream/loadgen"
)

// ShowBench runs work, shows the load test that work runs, and returns when both have
// ended. work calls the function that it is given with each snapshot.
func ShowBench(ctx context.Context, target string, t Terminal, work func(context.Context, func(loadgen.Snapshot))) error {
	view := func(stop func()) tea.Model { return NewBench(target, t.Appearance, stop) }
	return t.show(ctx, view, func(ctx context.Context, send func(tea.Msg)) {
		work(ctx, func(s loadgen.Snapshot) { send(s) })
	})
}
