package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/tui"
)

// progressFlag is how a run is shown while it lasts, on stderr: stdout stays data.
type progressFlag struct{ how string }

func (p *progressFlag) add(cmd *cobra.Command) {
	cmd.Flags().Var(newChoice(&p.how, "auto", "view", "lines", "none", "auto"), "progress", "view (live, full screen), lines (one a second), none, or auto: view on a terminal, else lines")
}

// check says what is wrong with the flag.
func (p *progressFlag) check(io streams) error {
	if p.how == "view" && !isTerminal(io.err) {
		return usagef("--progress view needs a terminal on stderr: use lines or none")
	}
	return nil
}

// show runs a load test and shows how far it is. What the test finds does not
// depend on it.
func (p *progressFlag) show(ctx context.Context, io streams, target string, test func(context.Context, func(loadgen.Snapshot)) (loadgen.Report, error)) (loadgen.Report, error) {
	switch {
	case p.how == "none":
		return test(ctx, nil)
	case p.how == "lines", !isTerminal(io.err):
		lines := &tui.BenchLines{Out: io.err}
		return test(ctx, lines.Show)
	}
	terminal := tui.Terminal{Out: io.err, Environ: os.Environ()}
	if isTerminal(io.in) {
		terminal.In = io.in
	}
	var (
		r   loadgen.Report
		err error
	)
	shown := tui.ShowBench(ctx, target, terminal, func(ctx context.Context, observe func(loadgen.Snapshot)) {
		r, err = test(ctx, observe)
	})
	if errors.Is(shown, tui.ErrAbandoned) {
		return loadgen.Report{}, errInterrupted
	}
	if shown != nil { // the run has gone on without it
		_, _ = fmt.Fprintf(io.err, "emostream: %v\n", shown)
	}
	return r, err
}
