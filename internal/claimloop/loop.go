// Package claimloop is what every stage does with a partition that it has claimed:
// fetch records, hand them to a state machine, write what is due, and commit.
//
// The order carries the promise of the counting: what the machine emits is
// acknowledged before the machine is told, and committed only after that.
package claimloop

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/emostream/emostream/internal/stream"
)

// Machine is the state machine that the records of one partition go through. E is
// what it emits at once. It does no I/O and reads no clock: it is given the time,
// in milliseconds since the Unix epoch.
type Machine[E any] interface { //nolint:interfacebloat // all that the loop does with it, in one place
	// Position is the offset of the next record that Add wants.
	Position() int64
	// Add takes in a record that was read at now. Its offset is not below
	// Position; offsets between the two do not exist in the log. When it fails,
	// the record counts as read all the same. The machine keeps none of the
	// record's bytes: they are the reader's again at the next fetch.
	Add(r stream.Record, now int64) error
	// Advance says that all records of a batch were added, and forgets what is
	// needed no more.
	Advance(b stream.Batch)
	// NextDue returns when Due is to be asked again if no record comes before,
	// at once if that is not after now. It returns false if only records can make
	// something due.
	NextDue(now int64) (at int64, ok bool)
	// Due returns what is to be written at now, and false if that is nothing.
	// It changes nothing. Nothing may be added between Due and Confirm.
	Due(now int64) (e E, ok bool)
	// Confirm says that an emission is acknowledged in full, and forgets what is
	// needed no more.
	Confirm(e E)
	// Commit returns what may be committed after Confirm, or when nothing was due.
	// It changes nothing.
	Commit() stream.Commit
}

// Loop is the work of a stage on one claimed partition.
type Loop[E any] struct {
	// Name says in errors what failed to write or to commit.
	Name    string
	Claim   stream.Claim
	Machine Machine[E]
	Lag     Lag
	// Write returns when an emission is acknowledged in full.
	Write func(ctx context.Context, e E) error
	// OnBatch, if set, is called with each batch that the machine has taken in.
	OnBatch func(b stream.Batch)
	// OnRefused, if set, is called with each record for which Add fails, and the
	// loop goes on; if not, it ends with the error.
	OnRefused func(r stream.Record, err error)
	// OnLost, if set, is called when retention has removed records before they
	// were read, and the loop goes on at the log's start; if not, it ends with the
	// error.
	OnLost func(err *stream.OutOfRangeError)
	// BacklogInterval is the least time between two emissions, and commits, while
	// the partition was not read to its end; 0: none.
	BacklogInterval time.Duration
}

// idle is how long a fetch waits at most when nothing becomes due by the clock.
const idle = time.Second

// Run works until ctx ends. It returns an error that trying again cannot mend, or
// one that wraps stream.ErrFenced when the partition has passed to another copy.
func (l Loop[E]) Run(ctx context.Context) error {
	defer l.Lag.forget(l.Claim)
	var written time.Time
	committed := l.Claim.Committed
	for {
		b, err := l.Claim.Log.Fetch(ctx, l.Machine.Position(), l.wait(time.Now()))
		if lost, ok := errors.AsType[*stream.OutOfRangeError](err); ok && l.OnLost != nil && lost.Start > lost.Offset {
			l.OnLost(lost)
			l.Machine.Advance(stream.Batch{Next: lost.Start, HighWatermark: lost.End})
			continue
		}
		if err != nil {
			return err
		}
		now := time.Now().UnixMilli()
		if err := l.add(b, now); err != nil {
			return err
		}
		l.Lag.set(l.Claim, b.HighWatermark-b.Next)
		if !b.AtEnd() && time.Since(written) < l.BacklogInterval {
			continue
		}
		if e, due := l.Machine.Due(now); due {
			if err := l.Write(ctx, e); err != nil {
				return fmt.Errorf("%s: %w", l.Name, err)
			}
			l.Machine.Confirm(e)
			written = time.Now()
		}
		if next := l.Machine.Commit(); next != committed {
			if err := l.Claim.Offsets.Commit(ctx, next); err != nil {
				return fmt.Errorf("%s: %w", l.Name, err)
			}
			committed = next
		}
	}
}

// wait is how long a fetch may wait for records.
func (l Loop[E]) wait(now time.Time) time.Duration {
	at, ok := l.Machine.NextDue(now.UnixMilli())
	switch {
	case !ok:
		return idle
	case at <= now.UnixMilli():
		return 0
	default:
		return min(idle, time.UnixMilli(at).Sub(now))
	}
}

// add hands the records of a batch to the machine.
func (l Loop[E]) add(b stream.Batch, now int64) error {
	for _, r := range b.Records {
		if err := l.Machine.Add(r, now); err != nil {
			if l.OnRefused == nil {
				return err
			}
			l.OnRefused(r, err)
		}
	}
	l.Machine.Advance(b)
	if l.OnBatch != nil {
		l.OnBatch(b)
	}
	return nil
}
