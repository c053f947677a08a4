package kafka

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/stream"
)

// retry calls f until it succeeds or ctx ends, or until it returns an error that trying
// again cannot mend. It returns nil, the context's error or that error.
func (c *Client) retry(ctx context.Context, f func(context.Context) error) error {
	call := retrying{outage: &c.outage}
	defer call.end(false)
	for delay := 50 * time.Millisecond; ; delay = min(2*delay, 2*time.Second) {
		err := f(ctx)
		switch {
		case err == nil:
			call.end(true)
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !transient(err):
			return err
		case isStale(err):
			delay = staleConnectionDelay
		default:
			call.failed(err)
		}
		if err := pause(ctx, delay); err != nil {
			return err
		}
	}
}

// staleConnectionDelay is how soon a request is sent again if its connection was stale
// (see isStale).
const staleConnectionDelay = 10 * time.Millisecond

// pause sleeps for d, more or less by up to a quarter, drawn at random.
func pause(ctx context.Context, d time.Duration) error {
	return sleep.For(ctx, d*3/4+rand.N(d/2+1))
}

// transient returns whether an error may go away by itself. That is so for errors that
// are not a broker's answer, with few exceptions, and for the answers that Kafka calls
// retriable.
func transient(err error) bool {
	if errors.Is(err, stream.ErrFenced) || identityFailed(err) || is[*anewError](err) {
		return false
	}
	k, ok := errors.AsType[kafka.Error](err)
	if !ok {
		return true
	}
	switch k {
	case kafka.Unknown, kafka.UnknownTopicOrPartition, kafka.BrokerNotAvailable,
		kafka.RebalanceInProgress, kafka.IllegalGeneration, kafka.UnknownMemberId, kafka.MemberIDRequired: // while joining a group
		return true
	}
	return k.Temporary()
}

// Permanent returns whether an error stays until somebody does something about it, and
// does not just pass when a broker is back.
func Permanent(err error) bool { return !transient(err) }

// is returns whether err is, or wraps, an error of type E.
func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
