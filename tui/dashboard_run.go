package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"
)

// ShowDashboard shows a pipeline while run runs it, and returns when both have
// ended, as Terminal.show does. look tells how the pipeline is; it is called three
// times a second.
func ShowDashboard(ctx context.Context, t Terminal, look func() PipelineSnapshot, run func(context.Context)) error {
	view := func(stop func()) tea.Model { return NewDashboard(t.Appearance, stop) }
	return t.showSnapshots(ctx, view, func() tea.Msg { return look() }, run)
}
