package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/emostream/emostream/aggregator"
	"github.com/emostream/emostream/internal/broker"
	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/inspect/topicreader"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/loadgen/report"
	"github.com/emostream/emostream/server/fanout"
)

// Packages know nothing of flags: only this program writes their names. They come into
// the errors of packages in three ways.
//
// An error about a setting begins with the name of that setting, as in "window 3ms:
// want whole milliseconds". settingError puts the dashes before it.
//
// An error that a flag mends has a type of its own, with the facts. advised adds the
// flag, for all commands alike, just before the error is printed.
//
// An error that a package logs by itself must have the flag before that. withAdvice does
// so for the aggregator, and kafkaFlagNames hands the names of flags to the Kafka client.

// settingError makes an error of usage of a package's error that begins with the name
// of a setting.
func settingError(err error) error { return usagef("--%w", err) }

// settingErrors does what settingError does for each of several joined errors. Those
// that are not about a single setting stay as they are.
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

// advised adds to a command's error the flag or the command that helps, if there is
// one.
func advised(err error) error {
	if disagreed, ok := errors.AsType[*loadgen.TLSError](err); ok {
		return fmt.Errorf("%w: %s", err, tlsAdvice(disagreed.Problem))
	}
	if other, ok := errors.AsType[*loadgen.VersionError](err); ok {
		if other.Lacked == loadgen.HTTP1 {
			return fmt.Errorf("%w: give --http2", err)
		}
		return fmt.Errorf("%w: leave out --http2", err)
	}
	if refused, ok := errors.AsType[*client.RefusalError](err); ok && refused.Code == "token_missing" {
		return fmt.Errorf("%w: give --token-file, or set %s", err, tokenVariable)
	}
	switch {
	case is[*loadgen.RemoteError](err):
		return usagef("%w: --allow-remote", err)
	case is[*topicreader.MissingError](err):
		return fmt.Errorf("%w: emostream topics describe tells which ones do, and --topic-prefix is put before the name", err)
	case is[*broker.NoHostError](err):
		return fmt.Errorf("%w: give --advertise host:port", err)
	case is[*broker.LockedError](err):
		return fmt.Errorf("%w: stop that one, or give another --data-dir", err)
	case is[*broker.FolderError](err):
		return fmt.Errorf("%w: give another --data-dir, or --ephemeral", err)
	case is[*broker.FormatError](err):
		return fmt.Errorf("%w: use the newer emostream, or give another --data-dir", err)
	case is[*fanout.NameTakenError](err):
		return fmt.Errorf("%w: stop that one, choose another with --name of subscribe, or run an installation of its own with --topic-prefix and --group-prefix", err)
	case is[*report.OverlapError](err):
		return fmt.Errorf("%w: start all generators together with --start-at", err)
	case is[*report.LoopError](err):
		return fmt.Errorf("%w: --rate 0 waits for answers and cannot be added to a rate", err)
	}
	return err
}

// tlsAdvice returns what helps when a target and bench do not agree on a TLS connection.
func tlsAdvice(problem loadgen.TLSProblem) string {
	switch problem {
	case loadgen.UnknownAuthority:
		return "give the authority's certificate with --cacert, or check none with --insecure"
	case loadgen.CertificateExpired, loadgen.CertificateTooNew, loadgen.Untrusted:
		return "renew it, or check none with --insecure"
	case loadgen.OtherName:
		return "use a name that it is for, or check none with --insecure"
	case loadgen.NoCertificate:
		return "give one with --cert and --key"
	case loadgen.RefusedCertificate:
		return "give another one with --cert and --key"
	}
	return string(problem)
}

// is says whether an error of type E is in the chain of err.
func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// withAdvice returns work with errors that name the flags of aggregate that help.
func withAdvice(work func(context.Context, stream.Claim) error) func(context.Context, stream.Claim) error {
	return func(ctx context.Context, claim stream.Claim) error {
		err := work(ctx, claim)
		if _, ok := errors.AsType[*aggregator.CommitError](err); ok {
			return fmt.Errorf("%w. If that is acceptable, start aggregate once with --reset-lost to go on from the log's start", err)
		}
		if _, ok := errors.AsType[*aggregator.PartialsError](err); ok {
			return fmt.Errorf("%w. If that is acceptable, start aggregate once with --reset-lost to go on without them", err)
		}
		other, isMark := errors.AsType[*aggregator.OtherMarkError](err)
		if e, ok := errors.AsType[*aggregator.SettingsError](err); ok {
			err = settingsAdvice(e)
		}
		if isMark {
			return fmt.Errorf("%w. If no aggregate wrote the mark at offset %d that says so, start aggregate with --skip-other-marks to pass over it", err, other.Offset)
		}
		if is[*wire.NewerFormatError](err) {
			return fmt.Errorf("%w. Use the newer emostream, or pass over what it wrote with --skip-newer, which may lose counts", err)
		}
		return err
	}
}

// settingsAdvice says what to do if another copy of aggregate runs with other settings.
// For emoji-topic only a new installation helps: its windows were counted with the old
// settings and cannot be counted again with others. For emoji-partials it is enough to
// start all copies with the same settings, since the partials in it will soon have been
// reduced.
func settingsAdvice(e *aggregator.SettingsError) error {
	done, advice := "was counted", "use the same, or begin anew under another --topic-prefix (emostream up: in another --data-dir)"
	if e.Topic == (wire.Topics{}).Partials() {
		done, advice = "was written", "all copies must use the same"
	}
	return fmt.Errorf("%s/%d %s with %s and this aggregate was started with %s: %s",
		e.Topic, e.Partition, done, countingFlags(e.Theirs), countingFlags(e.Ours), advice)
}

// countingFlags returns the flags of aggregate that make these settings.
func countingFlags(s wire.Settings) string {
	return fmt.Sprintf("--window %v --lateness %v", milliseconds(s.WindowMS), milliseconds(s.LatenessMS))
}
