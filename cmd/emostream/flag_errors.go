package main

import (
	"errors"
	"fmt"

	"github.com/emostream/emostream/internal/broker"
	"github.com/emostream/emostream/internal/inspect/topicreader"
	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/loadgen/report"
	"github.com/emostream/emostream/server/fanout"
)

// Packages know nothing of flags: only this program writes their names. They come into
// the errors of packages in two ways.
//
// An error about a setting begins with the name of that setting, as in "window 3ms:
// want whole milliseconds". settingError puts the dashes before it.
//
// An error that a flag mends has a type of its own, with the facts. advised adds the
// flag, for all commands alike, just before the error is printed.

// settingError makes an error of usage of a package's error that begins with the name
// of a setting.
func settingError(err error) error { return usagef("--%w", err) }

// settingErrors does so for several errors that were joined. Those that are not of one
// setting stay as they are.
func settingErrors(err error) error {
	joined, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err)
	if !ok {
		return &exitError{exitUsage, err}
	}
	var errs []error
	for _, e := range joined.Unwrap() {
		if is[*loadgen.BoundsError](e) {
			e = fmt.Errorf("--%w", e)
		}
		errs = append(errs, e)
	}
	return &exitError{exitUsage, errors.Join(errs...)}
}

// advised adds to a command's error what to do next, where that is a flag or another
// command.
func advised(err error) error {
	switch {
	case is[*loadgen.RemoteError](err):
		return usagef("%w: --allow-remote", err)
	case is[*topicreader.MissingError](err):
		return fmt.Errorf("%w: emostream topics describe tells which ones do, and --topic-prefix is put before the name", err)
	case is[*broker.NoHostError](err):
		return fmt.Errorf("%w: give --advertise host:port", err)
	case is[*broker.LockedError](err):
		return fmt.Errorf("%w: stop that one, or give another --data-dir", err)
	case is[*broker.FormatError](err):
		return fmt.Errorf("%w: use the newer emostream, or give another --data-dir", err)
	case is[*fanout.NameTakenError](err):
		return fmt.Errorf("%w: stop that one, or choose another with --name", err)
	case is[*report.OverlapError](err):
		return fmt.Errorf("%w: start all generators together with --start-at", err)
	case is[*report.LoopError](err):
		return fmt.Errorf("%w: --rate 0 waits for answers and cannot be added to a rate", err)
	}
	return err
}

// is says whether an error of type E is in the chain of err.
func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
