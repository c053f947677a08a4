package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/inspect/trace"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/tui"
)

// traceFlags are the settings of consume --trace.
type traceFlags struct {
	trace bool
	stuck time.Duration
}

func (t *traceFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.BoolVar(&t.trace, "trace", false, "follow reactions through all topics, and tell where each is and how long each hop took")
	fl.DurationVar(&t.stuck, "stuck-after", 30*time.Second, "with --trace: how long a reaction may stay where it is, after its window's end, until it is given up")
}

// check refuses values out of range, and flags that do not go together.
func (t *traceFlags) check(cmd *cobra.Command) error {
	if !t.trace {
		if given(cmd)("stuck-after") {
			return usagef("--stuck-after is for --trace: give both")
		}
		return nil
	}
	for _, name := range []string{"verify", "topic", "partition", "from-beginning", "from", "to", "last"} {
		if given(cmd)(name) {
			return usagef("--trace follows the reactions that come from now on, through all topics: leave out --%s", name)
		}
	}
	if t.stuck < time.Second || t.stuck > time.Hour {
		return usagef("--stuck-after %v: want 1s to 1h", t.stuck)
	}
	return nil
}

// runTrace follows reactions through the topics, shows them on the way, and prints a
// table in the end.
func (f *consumeFlags) runTrace(ctx context.Context, io streams, asJSON bool) error {
	wants, err := f.wantsReaction()
	if err != nil {
		return err
	}
	t := &traceRun{
		names: f.names(),
		cfg:   trace.Config{Wants: wants, StuckAfter: f.trace.stuck, End: int64(f.records)},
	}
	if !asJSON && isTerminal(io.out) {
		theme := themeFlags{theme: "auto"}
		return runFullscreen(ctx, io, func(ctx context.Context) error {
			var err error
			shown := tui.ShowTextPage(ctx, "emostream consume --trace on "+strings.Join(f.brokers, ","), theme.terminal(io.in, io.out), t.snapshot, func(ctx context.Context) {
				err = f.followTrace(ctx, io, t)
			})
			return errors.Join(shown, f.reportTrace(io, t, false, err))
		})
	}
	lines := &journeyPrinter{out: bufio.NewWriter(io.out), json: asJSON}
	t.print = lines.print
	t.printNote = func(s string) { _, _ = fmt.Fprintln(io.err, s) }
	return f.reportTrace(io, t, asJSON, f.followTrace(ctx, io, t))
}

// wantsReaction returns a function that says whether a reaction is to be followed.
func (f *consumeFlags) wantsReaction() (func(wire.ReactionFields) bool, error) {
	filter, err := f.filter()
	if err != nil {
		return nil, err
	}
	return func(t wire.ReactionFields) bool {
		return f.wantsUser(string(t.UserID)) && filter.Wants(string(t.Channel), string(t.Emoji))
	}, nil
}

// followTrace traces until ctx ends or enough reactions were followed. It returns nil
// then, or errInterrupted if a signal came first and the command would have ended by
// itself.
func (f *consumeFlags) followTrace(ctx context.Context, io streams, t *traceRun) error {
	c, err := f.client(ctx, io, "consume")
	if err != nil {
		return f.unlessSignal(ctx, err)
	}
	defer c.Close()
	err = trace.Follow(ctx, trace.FollowConfig{Client: c, Topics: t.names, Tracer: t.cfg, Note: t.addNote, See: t.update})
	if errors.Is(err, errEnough) {
		return nil
	}
	return f.unlessSignal(ctx, err)
}

// unlessSignal returns err, or signalError if ctx has ended.
func (f *consumeFlags) unlessSignal(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return f.signalError()
	}
	return err
}

// reportTrace prints the table if any reaction was looked for, and returns err.
func (f *consumeFlags) reportTrace(io streams, t *traceRun, asJSON bool, err error) error {
	r, began := t.report()
	switch {
	case !began:
		return err
	case asJSON:
		return errors.Join(writeJSON(io.out, map[string]trace.Report{"trace": r}), err)
	}
	_, failed := fmt.Fprintln(io.out, strings.Join(traceTable(r), "\n"))
	return errors.Join(failed, err)
}

// traceRun is a trace in progress: what it prints, and what a view may show of it.
type traceRun struct {
	names     wire.Topics
	cfg       trace.Config
	print     func([]trace.Journey) error // of reactions that are done or stuck; nil: they are not printed
	printNote func(string)                // nil: notes are kept for the view

	mu    sync.Mutex // guards what follows, which a view reads
	last  trace.Report
	taken time.Time
	notes []string
}

// maxNotes is how many notes a view shows: the newest.
const maxNotes = 3

// addNote prints a note, or keeps it for the view.
func (t *traceRun) addNote(s string) {
	if t.printNote != nil {
		t.printNote(s)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.notes = append(t.notes, s)
	t.notes = t.notes[max(0, len(t.notes)-maxNotes):]
}

// update prints the reactions that the tracer has finished, and takes a report of it for
// the view.
func (t *traceRun) update(now *trace.Tracer) error {
	done := now.Finished()
	if t.print != nil && len(done) > 0 {
		if err := t.print(done); err != nil {
			return err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.taken.IsZero() && t.printNote != nil {
		t.printNote("following the reactions that come from now on")
	}
	if now.Ended() || time.Since(t.taken) > 100*time.Millisecond { // update is called much more often
		t.last, t.taken = now.Report(), time.Now()
	}
	if now.Ended() {
		return errEnough
	}
	return nil
}

// report returns the newest report. began is false until tracing has begun.
func (t *traceRun) report() (r trace.Report, began bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last, !t.taken.IsZero()
}

// snapshot returns the lines that the view shows now.
func (t *traceRun) snapshot() tui.TextLines {
	r, began := t.report()
	t.mu.Lock()
	notes := slices.Clone(t.notes)
	t.mu.Unlock()
	now := time.Now()
	return func(width, height int) []string {
		if !began {
			return append([]string{"", "looking at the topics"}, notes...)
		}
		return tracePage(r, notes, now, width, height)
	}
}
