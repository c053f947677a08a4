package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/inspect/verify"
	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/windowing"
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

// check refuses values out of range, and flags that do not go together.
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
		if _, err := windowing.New(cmp.Or(v.window, windowing.DefaultWindow), cmp.Or(v.lateness, windowing.DefaultLateness)); err != nil {
			return usagef("--%w", err)
		}
	}
	return nil
}

// minStall is the least time for which verify waits for an answer of a broker, even if
// --wait is shorter.
const minStall = 5 * time.Second

// runVerify compares the log with the counts and reports what it found.
func (f *consumeFlags) runVerify(ctx context.Context, io streams, asJSON bool) error {
	c, err := f.client(ctx, io, "consume")
	if err != nil {
		return err
	}
	defer c.Close()
	p := &verifyProgress{out: io.err, printAfter: time.Now().Add(progressInterval)}
	r, err := verify.Wait(ctx, verify.Config{
		Client: c, Topics: f.names(), Window: f.verify.window, Lateness: f.verify.lateness,
		Stall: max(minStall, f.verify.wait), Progress: p.show,
	}, f.verify.wait)
	if ctx.Err() != nil {
		_, _ = fmt.Fprintf(io.err, "interrupted while %s; nothing is decided\n", p)
		return errInterrupted
	}
	if _, ok := errors.AsType[*verify.MissingError](err); ok {
		return fmt.Errorf("%w at %s: nothing was ever sent there, or --brokers or --topic-prefix is another's (emostream topics describe tells which topics there are)", err, strings.Join(f.brokers, ","))
	}
	if other, ok := errors.AsType[*verify.SettingsError](err); ok {
		return usagef("the counting is done with %s, and %s was given: leave it out", countingFlags(other.Counted), countingFlags(other.Given))
	}
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	if asJSON {
		err = writeJSON(io.out, r)
	} else {
		err = printVerify(io.out, f.names(), r)
	}
	return errors.Join(err, f.verify.verifyExit(r))
}

// verifyExit returns the error that ends the comparison, which decides the exit code: 4
// if reactions were lost or counted twice.
func (v *verifyFlags) verifyExit(r verify.Report) error {
	switch {
	case r.Verdict == verify.Agree:
		return nil
	case r.Verdict == verify.Undecided && len(r.Blocked) > 0:
		return errors.New("not decided: " + blockedText(r.Blocked[0]) + "; verify again when it has ended (kafka-transactions.sh tells whose it is, and can end it)")
	case r.Lost > 0:
		return &exitError{exitUnverified, fmt.Errorf("verification failed: %s lost, %s doubled. What aggregate had not counted after --wait %v is taken for lost: see that it runs, or wait longer",
			text.Plural(r.Lost, "reaction"), text.Thousands(r.Doubled), v.wait)}
	case r.Verdict == verify.Differ:
		return &exitError{exitUnverified, fmt.Errorf("verification failed: %s doubled, none lost", text.Plural(r.Doubled, "reaction"))}
	case r.WindowsUndecided > 0 && r.Compared == verify.ByTotal:
		return errors.New("not decided: only totals can be compared, and reactions came in all the while; verify again when none do, and when the windows of all are written (a job in append mode writes the last ones only after later reactions)")
	case r.Behind:
		return fmt.Errorf("not decided: the newest window that was written ended at %v, and of the %s since then some came over a minute later; see that the job runs, and verify again", r.Written, text.Plural(r.Open, "reaction"))
	case r.WindowsUndecided > 0:
		return fmt.Errorf("not decided: %s got reactions all the while; verify again, or with more than --wait %v", text.Plural(int64(r.WindowsUndecided), "window"), v.wait)
	case r.Open > 0:
		return fmt.Errorf("not decided: all windows that could be compared are open; verify again with more than --wait %v", v.wait)
	}
	return errors.New("not decided: retention has removed records that all that is left may belong with; verify again when newer windows have ended")
}
