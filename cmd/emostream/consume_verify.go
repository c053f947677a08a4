package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/aggregator"
	"github.com/emostream/emostream/internal/inspect/verify"
	"github.com/emostream/emostream/internal/wire"
)

// verifyFlags are the settings of consume --verify.
type verifyFlags struct {
	verify   bool
	wait     time.Duration
	window   time.Duration
	lateness time.Duration
}

func (v *verifyFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.BoolVar(&v.verify, "verify", false, "compare what was counted with emoji-topic, and fail with exit code 4 on a difference")
	fl.DurationVar(&v.wait, "wait", 15*time.Second, "with --verify: how long the counting may take to catch up after the open window's end, and a broker to answer; 0: compare at once")
	fl.DurationVar(&v.window, "window", 0, "with --verify: length of a window; default what aggregate says in emoji-partials")
	fl.DurationVar(&v.lateness, "lateness", 0, "with --verify: lateness of aggregate; default what it says in emoji-partials")
}

// check refuses what cannot be, and flags that do not go together.
func (v *verifyFlags) check(cmd *cobra.Command) error {
	if !v.verify {
		if given(cmd)("wait") {
			return usagef("--wait is for --verify: give both")
		}
		return nil
	}
	for _, name := range []string{"topic", "partition", "from-beginning", "from", "to", "last", "user", "channel", "emoji", "records"} {
		if given(cmd)(name) {
			return usagef("--verify reads the topics that it needs, from their beginning: leave out --%s", name)
		}
	}
	if v.wait < 0 {
		return usagef("--wait %v: want at least 0", v.wait)
	}
	if v.window != 0 || v.lateness != 0 {
		if _, err := aggregator.NewWindows(cmp.Or(v.window, 2*time.Second), cmp.Or(v.lateness, 10*time.Second)); err != nil {
			return &exitError{exitUsage, err}
		}
	}
	return nil
}

// leastStall is how long a broker may take to answer, however short --wait is.
const leastStall = 5 * time.Second

// runVerify audits the installation and reports.
func (f *consumeFlags) runVerify(ctx context.Context, io streams, asJSON bool) error {
	c, err := f.client(ctx, io, "consume")
	if err != nil {
		return err
	}
	defer c.Close()
	p := &auditProgress{out: io.err, tellAfter: time.Now().Add(tellEvery)}
	r, err := verify.Wait(ctx, verify.Config{
		Client: c, Topics: f.names(), Window: f.verify.window, Lateness: f.verify.lateness,
		Stall: max(leastStall, f.verify.wait), Progress: p.tell,
	}, f.verify.wait)
	if ctx.Err() != nil {
		_, _ = fmt.Fprintf(io.err, "interrupted while %s; nothing is decided\n", p)
		return errInterrupted
	}
	if missing := (*verify.MissingError)(nil); errors.As(err, &missing) {
		return fmt.Errorf("%w at %s: nothing was ever sent there, or --brokers or --topic-prefix is another's (emostream topics describe tells which topics there are)", err, strings.Join(f.brokers, ","))
	}
	if other := (*verify.SettingsError)(nil); errors.As(err, &other) {
		return usagef("%w", other)
	}
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	if asJSON {
		err = json.NewEncoder(io.out).Encode(r)
	} else {
		err = printAudit(io.out, f.names(), r)
	}
	return errors.Join(err, f.verify.judge(r))
}

// judge is the error that a verdict is.
func (v *verifyFlags) judge(r verify.Report) error {
	switch {
	case r.Verdict == verify.Agree:
		return nil
	case r.Lost > 0:
		return &exitError{exitUnverified, fmt.Errorf("verification failed: %s lost, %s doubled. What aggregate had not counted after --wait %v is taken for lost: see that it runs, or wait longer",
			plural(r.Lost, "reaction"), thousands(r.Doubled), v.wait)}
	case r.Verdict == verify.Differ:
		return &exitError{exitUnverified, fmt.Errorf("verification failed: %s doubled, none lost", plural(r.Doubled, "reaction"))}
	case r.WindowsUndecided > 0 && r.Compared == verify.ByTotal:
		return errors.New("not decided: only totals can be compared, and reactions came in all the while; verify again when none do")
	case r.WindowsUndecided > 0:
		return fmt.Errorf("not decided: %s got reactions all the while; verify again, or with more than --wait %v", plural(int64(r.WindowsUndecided), "window"), v.wait)
	case r.Open > 0:
		return fmt.Errorf("not decided: all windows that could be compared are open; verify again with more than --wait %v", v.wait)
	}
	return errors.New("not decided: retention has removed records that all that is left may belong with; verify again when newer windows have ended")
}

// printAudit reports to a person.
func printAudit(out io.Writer, names wire.Topics, r verify.Report) error {
	w := &errWriter{w: out}
	row := func(what, n, about string) {
		w.printf("%s\n", strings.TrimSpace(fmt.Sprintf("%-10s%12s  %s", what, n, about)))
	}
	number := func(what string, n int64, about string) { row(what, thousands(n), about) }
	optional := func(what string, n int64, about string) {
		if n > 0 {
			number(what, n, about)
		}
	}
	number("reactions", r.Reactions, "in "+names.Reactions())
	number("counted", r.Counted, "in "+names.Counts())
	number("lost", r.Lost, "")
	number("doubled", r.Doubled, "")
	optional("open", r.Open, fmt.Sprintf("too new to be compared, most of them in %s", plural(int64(r.WindowsOpen), "open window")))
	optional("left out", r.LeftOut, fmt.Sprintf("in %s that retention may have taken something of", plural(int64(r.WindowsLeftOut), "window")))
	optional("skipped", r.Skipped, "records of "+names.Reactions()+" that are no reactions")
	optional("unread", r.Unreadable, "records of "+names.Counts()+" that are no counts")
	optional("late", r.Late, "in a later window than their own, which was closed")
	if r.Compared == verify.ByWindow {
		number("windows", int64(r.Windows), fmt.Sprintf("compared, by --window %v --lateness %v (%s)", ms(r.WindowMS), ms(r.LatenessMS), r.Source))
	} else {
		row("windows", "-", "not compared, only totals: no aggregate has said in "+names.Partials()+" what windows it counts by")
	}
	if d := r.Latest; d != nil {
		row("latest", ms(d.MS).String(), fmt.Sprintf("after the end of window %s (%s)", wire.AppendTime(nil, d.Window.End), printable(d.Channel)))
	}
	if r.Verdict == verify.Agree {
		w.printf("\n%s\n", agreement(r))
	}
	if len(r.Differences) > 0 {
		w.printf("\n")
		printDifferences(w, r)
	}
	return w.err
}

func agreement(r verify.Report) string {
	switch {
	case r.Counted == 0:
		return "verified: there is nothing to count yet"
	case r.Open+r.LeftOut > 0:
		return "verified: every reaction that could be compared was counted once"
	}
	return "verified: every reaction was counted once"
}

func printDifferences(w *errWriter, r verify.Report) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "WINDOW'S END\tCHANNEL\tEMOJI\tIN THE LOG\tCOUNTED\tDIFFERENCE")
	for _, d := range r.Differences {
		end := "all"
		if d.Window != (wire.Window{}) {
			end = string(wire.AppendTime(nil, d.Window.End))
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%d\t%d\t%+d\n", end, printable(d.Channel), printable(d.Emoji), d.Log, d.Counted, d.Counted-d.Log)
	}
	_ = table.Flush() // w keeps the error
	if r.More > 0 {
		w.printf("and %s more\n", thousands(int64(r.More)))
	}
}

func ms(n int64) time.Duration { return time.Duration(n) * time.Millisecond }

// errWriter keeps the first error of many writes.
type errWriter struct {
	w   io.Writer
	err error
}

func (w *errWriter) Write(b []byte) (int, error) {
	if w.err == nil {
		_, w.err = w.w.Write(b)
	}
	return len(b), w.err
}

func (w *errWriter) printf(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

// tellEvery is how often an audit that takes long says how far it is.
const tellEvery = 2 * time.Second

// auditProgress tells on stderr how far an audit is, when it takes long.
type auditProgress struct {
	out       io.Writer
	last      verify.Progress
	tellAfter time.Time
}

func (p *auditProgress) tell(now verify.Progress) {
	p.last = now
	waits := !now.Until.IsZero() && time.Until(now.Until) > tellEvery // then nothing is told for a while
	if waits || time.Now().After(p.tellAfter) {
		p.tellAfter = time.Now().Add(tellEvery)
		_, _ = fmt.Fprintln(p.out, p)
	}
}

func (p *auditProgress) String() string {
	switch {
	case !p.last.Until.IsZero():
		return fmt.Sprintf("waiting until %s for the open window to end", p.last.Until.Format(time.TimeOnly))
	case p.last.Apart > 0:
		return fmt.Sprintf("waiting for the counting: %s not counted yet, or too often", plural(p.last.Apart, "reaction"))
	}
	return fmt.Sprintf("reading: %s of %s", thousands(p.last.Read), plural(p.last.Known, "record"))
}
