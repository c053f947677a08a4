package stream

import (
	"context"
	"errors"
	"time"
)

// followWait is how long a fetch of Follow waits for a record.
const followWait = time.Second

// Follow reads a partition from offset on and hands every batch to take, an empty
// one after each second without records. It ends with ctx, and then returns nil, or
// with an error of log.
//
// Where log does not hold the next offset, since retention was quicker or the log is
// shorter than it was, Follow goes on with the first record that there is.
//
// It calls caughtUp once, before it fetches on, when all records before end have
// been handed over or are gone. End is where the partition ended when the caller
// began. CaughtUp may be nil.
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
			return nil //nolint:nilerr // the end of ctx is how following ends
		}
		if err != nil {
			return err
		}
		take(b)
		offset = b.Next
	}
	return nil
}
