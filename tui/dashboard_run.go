package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"
)

// ShowDashboard shows a pipeline while run runs it, and returns when both have ended.
// snapshot returns the state of the pipeline; it is called every snapshotInterval.
func ShowDashboard(ctx context.Context, t Terminal, snapshot func() PipelineSnapshot, run func(context.Context)) error {
	view := func(stop func()) tea.Model { return NewDashboard(t.Appearance, stop) }
	return t.showSnapshots(ctx, view, func() tea.Msg { return snapshot() }, run)
}
