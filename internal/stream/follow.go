package stream

import (
	"context"
	"errors"
	"time"
)

// followWait is how long a fetch of Follow waits for a record.
const followWait = time.Second

// Follow reads a partition from offset on and hands every batch to take. After each
// second without records it hands over an empty batch. It returns nil when ctx ends, or
// an error of log.
//
// If the log does not hold the next offset, because retention removed it or the log is
// shorter than it was, Follow goes on with the first record of the log.
//
// It calls caughtUp once, when all records before end were handed over or are gone, or
// when a transaction of another program keeps the rest from being read. end is where the
// partition ended when the caller began. caughtUp may be nil.
func Follow(ctx context.Context, log Reader, offset, end int64, take func(Batch), caughtUp func()) error {
	for ctx.Err() == nil {
		if caughtUp != nil && offset >= end {
			caughtUp()
			caughtUp = nil
		}
		b, err := log.Fetch(ctx, offset, followWait)
		if gone, ok := errors.AsType[*OutOfRangeError](err); ok {
			offset, end = gone.Start, min(end, gone.End)
			continue
		}
		if ctx.Err() != nil && err != nil {
			return nil //nolint:nilerr // Follow ends without an error when ctx ends
		}
		if err != nil {
			return err
		}
		take(b)
		offset = b.Next
		if b.Blocked() {
			end = min(end, offset)
		}
	}
	return nil
}
