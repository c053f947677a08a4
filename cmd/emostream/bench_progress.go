package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/loadgen/report"
	"github.com/emostream/emostream/tui"
)

// progressFlag is --progress: how a run is shown on stderr while it lasts. Stdout is for
// the report alone.
type progressFlag struct {
	mode  string
	theme themeFlags
}

func (p *progressFlag) add(cmd *cobra.Command) {
	cmd.Flags().Var(newEnumFlag(&p.mode, "auto", "view", "lines", "none", "auto"), "progress", "view (live, full screen), lines (one a second), none, or auto: view on a terminal, else lines")
	p.theme.add(cmd)
}

// check says what is wrong with the flags, nil if nothing is.
func (p *progressFlag) check(io streams) error {
	if p.mode == "view" && !isTerminal(io.err) {
		return usagef("--progress view needs a terminal on stderr: use lines or none")
	}
	return p.theme.check()
}

// takesScreen says whether the run is shown on the full screen.
func (p *progressFlag) takesScreen(io streams) bool {
	return p.mode == "view" || p.mode == "auto" && isTerminal(io.err)
}

// run calls f, on the full screen if the run is shown there.
func (p *progressFlag) run(ctx context.Context, io streams, f func(context.Context) error) error {
	if !p.takesScreen(io) {
		return f(ctx)
	}
	return runFullscreen(ctx, io, f)
}

// show runs a load test and shows its progress, which does not influence the results.
func (p *progressFlag) show(ctx context.Context, io streams, target string, test func(context.Context, func(loadgen.Snapshot)) (report.Report, error)) (report.Report, error) {
	switch {
	case p.mode == "none" || ctx.Err() != nil: // with nothing to show of what was interrupted before
		return test(ctx, nil)
	case !p.takesScreen(io):
		lines := &tui.BenchLines{Out: io.err}
		return test(ctx, lines.Show)
	}
	var (
		r   report.Report
		err error
	)
	shown := tui.ShowBench(ctx, target, p.theme.terminal(io.in, io.err), func(ctx context.Context, observe func(loadgen.Snapshot)) {
		r, err = test(ctx, observe)
	})
	if errors.Is(shown, tui.ErrAbandoned) {
		return report.Report{}, errInterrupted
	}
	if shown != nil { // the view failed, the run did not
		_, _ = fmt.Fprintf(io.err, "emostream: %v\n", shown)
	}
	return r, err
}
