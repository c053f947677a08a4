package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/inspect/replay"
	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/wire"
)

// print reports what became of the reactions.
func (f *replayFlags) print(io streams, r replay.Report, asJSON bool) error {
	if asJSON {
		return writeJSON(io.out, r)
	}
	v := valueLines{nameWidth: 12}
	row := func(n int64, what, about string) { v.add(what, text.Thousands(n), text.Clean(about)) }
	row(r.Read, "read", "reactions of the recording")
	row(r.Accepted, "accepted", durationAndRate(r))
	for _, code := range slices.Sorted(maps.Keys(r.Refused)) {
		row(r.Refused[code], "refused", code)
	}
	optional := func(n int64, what, about string) {
		if n > 0 {
			row(n, what, about)
		}
	}
	optional(r.InDoubt, "in doubt", "counted once or not at all: their answer is missing")
	unsent := "certainly not counted"
	if r.UnsentNote != "" {
		unsent += "; " + f.notTaken(r.UnsentNote)
	}
	optional(r.Unsent, "not sent", unsent)
	optional(r.Skipped, "skipped", "no reactions: "+r.SkipNote)
	optional(r.Gone, "gone", "records that retention removed before they were read")
	if f.speed != "max" {
		v.add("late", milliseconds(r.LateMS).String(), "behind the recording, at most")
	}
	_, err := fmt.Fprintln(io.out, strings.Join(v.lines, "\n"))
	return err
}

// durationAndRate says how long a replay took and how many reactions were accepted a
// second.
func durationAndRate(r replay.Report) string {
	s := "in " + milliseconds(r.TookMS).String()
	if r.TookMS >= 1000 {
		s += fmt.Sprintf(", %s a second", text.Thousands(r.Accepted*1000/r.TookMS))
	}
	return s
}

// replayExit returns the error that ends a replay, which decides the exit code.
func replayExit(ctx context.Context, r replay.Report, err error) error {
	switch {
	case ctx.Err() != nil:
		return errInterrupted
	case err != nil:
		return fmt.Errorf("replay: %w", err)
	case r.Gone > 0:
		return errors.New("not all was replayed: retention was quicker; replay faster, or keep emoji-topic for longer")
	case r.Accepted < r.Read:
		return fmt.Errorf("not all reactions were accepted: %s", text.Clean(r.Reason))
	}
	return nil
}

// printProgress returns a function that prints how far a replay is. When that changes,
// it also prints why the server takes no reactions.
func (f *replayFlags) printProgress(w io.Writer) func(replay.Report) {
	why := ""
	return func(r replay.Report) {
		line := replayProgress(r)
		switch {
		case r.NotTaken == why:
		case r.NotTaken != "":
			line += "\n" + text.Clean(f.notTaken(r.NotTaken))
		default:
			line += "\nthe server takes reactions again"
		}
		why = r.NotTaken
		_, _ = fmt.Fprintln(w, line)
	}
}

// notTaken says why a server did not take reactions, and which server that is.
func (f *replayFlags) notTaken(reason string) string {
	if strings.Contains(reason, f.server) {
		return "not taken: " + text.HideSecrets(reason)
	}
	return text.HideSecrets("not taken by " + f.server + ": " + reason)
}

// replayProgress says how far a replay is.
func replayProgress(r replay.Report) string {
	s := fmt.Sprintf("%s read, %s accepted", text.Thousands(r.Read), text.Thousands(r.Accepted))
	if n := r.RefusedAll(); n > 0 {
		s += fmt.Sprintf(", %s refused", text.Thousands(n))
	}
	if r.InDoubt > 0 {
		s += fmt.Sprintf(", %s in doubt", text.Thousands(r.InDoubt))
	}
	if r.At != 0 {
		s += fmt.Sprintf("; at %s of the recording", wire.Time(r.At))
	}
	if r.LateMS > 1000 {
		s += fmt.Sprintf("; up to %v late", milliseconds(r.LateMS).Round(time.Second))
	}
	return s
}
