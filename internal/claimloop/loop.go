// Package claimloop is the work of a stage on a partition that it has claimed: it
// fetches records, hands them to a state machine, writes what is due, and commits.
//
// The promise of the counting rests on the order: an emission is confirmed to the
// machine only after Kafka has acknowledged it, and only then committed.
package claimloop

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/emostream/emostream/internal/passedover"
	"github.com/emostream/emostream/internal/stream"
)

// Machine is the state machine of one partition. E is the type of its emissions. It
// does no I/O and reads no clock: the loop gives it the time, in ms since the Unix
// epoch.
type Machine[E any] interface { //nolint:interfacebloat // the loop calls all of these methods
	// Position returns the offset of the next record to be added.
	Position() int64
	// Add takes in a record that was read at now. Its offset is Position or greater;
	// the log does not hold the offsets between them. If Add fails, the record counts
	// as read nevertheless. The machine must not keep the record's bytes: the next
	// fetch overwrites them.
	Add(r stream.Record, now int64) error
	// Advance says that all records of a batch were added. The machine forgets what it
	// no longer needs.
	Advance(b stream.Batch)
	// NextDue returns when to call Due again if no record comes before. If that is not
	// after now, Due is called at once. It returns false if only records can make
	// something due.
	NextDue(now int64) (at int64, ok bool)
	// Due returns what is to be written at now, or false if nothing is. It changes
	// nothing. No record may be added between Due and Confirm.
	Due(now int64) (e E, ok bool)
	// Confirm says that all of an emission was acknowledged. The machine forgets what
	// it no longer needs.
	Confirm(e E)
	// Commit returns what may be committed, after Confirm or when nothing was due. It
	// changes nothing.
	Commit() stream.Commit
}

// Loop is the work of a stage on one claimed partition.
type Loop[E any] struct {
	// Name is the beginning of errors of Write and of commits.
	Name    string
	Claim   stream.Claim
	Machine Machine[E]
	Lag     Lag
	// Write writes an emission, and returns when all of it is acknowledged.
	Write func(ctx context.Context, e E) error
	// OnBatch, if set, is called with each batch after its records were added.
	OnBatch func(b stream.Batch)
	// PassedOver is told of the records for which Add fails, and of batches that cannot
	// be read. The loop goes on after them.
	PassedOver *passedover.Reporter
	// Stops, if set, says that the loop must end with an error of Add.
	Stops func(err error) bool
	// OnLost, if set, is called when retention has removed records before they were
	// read. If it returns nil, the loop goes on at the log's start. If it is not set, the
	// loop ends with the error.
	OnLost func(lost *stream.OutOfRangeError) error
	// BacklogInterval is how long the loop only reads and adds, after it has written or
	// committed, while the partition is not read to its end; 0: not at all.
	BacklogInterval time.Duration
}

// idle is the longest time that a fetch waits if nothing becomes due before.
const idle = time.Second

// Run works until ctx ends. It returns an error if trying again cannot help, and one
// that wraps stream.ErrFenced if another copy has claimed the partition.
func (l Loop[E]) Run(ctx context.Context) error {
	defer l.Lag.forget(l.Claim)
	defer l.PassedOver.Forget(l.Claim.Topic, l.Claim.Partition)
	var done time.Time // when the loop last wrote or committed
	committed := l.Claim.Committed
	for {
		b, err := l.Claim.Log.Fetch(ctx, l.Machine.Position(), l.wait(time.Now()))
		if lost, ok := errors.AsType[*stream.OutOfRangeError](err); ok && l.OnLost != nil && !lost.Replaced() {
			if err := l.OnLost(lost); err != nil {
				return err
			}
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
		if !b.AtEnd() && time.Since(done) < l.BacklogInterval {
			continue
		}
		if e, due := l.Machine.Due(now); due {
			if err := l.Write(ctx, e); err != nil {
				return fmt.Errorf("%s: %w", l.Name, err)
			}
			l.Machine.Confirm(e)
			done = time.Now()
		}
		if next := l.Machine.Commit(); next != committed {
			if err := l.Claim.Offsets.Commit(ctx, next); err != nil {
				return fmt.Errorf("%s: %w", l.Name, err)
			}
			committed, done = next, time.Now()
		}
	}
}

// wait returns how long the next fetch may wait for records.
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
			if l.Stops != nil && l.Stops(err) {
				return err
			}
			l.PassedOver.Record(l.Claim.Topic, l.Claim.Partition, r.Offset, err)
		}
	}
	l.PassedOver.Batch(l.Claim.Topic, l.Claim.Partition, b)
	l.Machine.Advance(b)
	if l.OnBatch != nil {
		l.OnBatch(b)
	}
	return nil
}
