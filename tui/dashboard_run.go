package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"
)

// ShowDashboard calls run, which runs a pipeline, shows the pipeline, and returns when
// both have ended. It calls snapshot every snapshotInterval for the state of the
// pipeline.
func ShowDashboard(ctx context.Context, t Terminal, snapshot func() PipelineSnapshot, run func(context.Context)) error {
	view := func(stop func()) tea.Model { return NewDashboard(t.Appearance, stop) }
	return t.showSnapshots(ctx, view, func() tea.Msg { return snapshot() }, run)
}
