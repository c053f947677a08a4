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

// retry calls f until it returns nil, an error that trying again cannot mend,
// or ctx ends; then it returns that error, or the context's.
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

// staleConnectionDelay is how soon a request is made again that met a stale
// connection (see isStale).
const staleConnectionDelay = 10 * time.Millisecond

// pause sleeps for d, give or take a quarter.
func pause(ctx context.Context, d time.Duration) error {
	return sleep.For(ctx, d*3/4+rand.N(d/2+1))
}

// transient says whether an error may go away by itself: anything that is not an
// answer of the broker, and the answers that Kafka calls retriable.
func transient(err error) bool {
	if errors.Is(err, stream.ErrFenced) || errors.Is(err, errUnreadable) || identityFailed(err) {
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

// Permanent says whether an error stays as long as nobody does something about it,
// rather than until a broker is back.
func Permanent(err error) bool { return !transient(err) }

// is says whether err is, or wraps, an error of a type.
func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
