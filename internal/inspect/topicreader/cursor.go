package topicreader

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/stream"
)

// poll is how long a fetch waits for records that must be there.
const poll = 200 * time.Millisecond

// Cursor reads one partition on and on. It must not be used concurrently.
type Cursor struct {
	client    *kafka.Client
	topic     string
	partition int
	stall     time.Duration
	reader    stream.Reader
	next      int64
}

// NewCursor returns a cursor at the beginning of a partition. Stall is how long the
// brokers may go without an answer, or without a record that they should have,
// before it gives up; 0: for ever.
func NewCursor(c *kafka.Client, topic string, partition int, stall time.Duration) *Cursor {
	return &Cursor{client: c, topic: topic, partition: partition, stall: stall, reader: c.Reader(topic, partition)}
}

// Next is the offset of what is read next.
func (c *Cursor) Next() int64 { return c.next }

// MoveTo goes to an offset.
func (c *Cursor) MoveTo(offset int64) { c.next = offset }

// Ends returns the first offset of the partition and the one after its last. A
// leader that has just taken over may not know yet how far its log is safe, and
// answers with less than was read already: that passes.
func (c *Cursor) Ends(ctx context.Context) (start, end int64, err error) {
	bounded, cancel := c.bounded(ctx)
	defer cancel()
	for {
		start, end, err = c.client.Offsets(bounded, c.topic, c.partition)
		if err != nil || end >= c.next {
			return start, end, c.stalled(ctx, err)
		}
		if sleep.For(bounded, poll) != nil && ctx.Err() == nil {
			return start, end, c.shorter(end)
		}
	}
}

// shorter is the error of a log that ends before what was read of it.
func (c *Cursor) shorter(end int64) error {
	return fmt.Errorf("%s/%d: the log ends at %d and was read to %d: it was made anew, or has lost its tail; begin again", c.topic, c.partition, end, c.next)
}

// Read reads on to an offset, or beyond, and hands over every batch; and to gap how
// many records retention had removed before they were read.
func (c *Cursor) Read(ctx context.Context, end int64, take func(stream.Batch), gap func(records int64)) error {
	for c.next < end {
		b, gone, err := c.Fetch(ctx)
		if err != nil {
			return err
		}
		if gone > 0 {
			gap(gone)
			continue
		}
		take(b)
	}
	return nil
}

// Fetch waits for what comes next: a batch, or that so many records are gone, since
// retention was quicker. The batch's records are valid until the next Fetch.
func (c *Cursor) Fetch(ctx context.Context) (b stream.Batch, gone int64, err error) {
	for began := time.Now(); ; {
		b, err = c.fetch(ctx)
		if out := (*stream.OutOfRangeError)(nil); errors.As(err, &out) {
			if out.Start <= c.next {
				return stream.Batch{}, 0, c.shorter(out.End)
			}
			gone, c.next = out.Start-c.next, out.Start
			return stream.Batch{}, gone, nil
		}
		if err != nil {
			return stream.Batch{}, 0, err
		}
		if b.Next > c.next {
			c.next = b.Next
			return b, 0, nil
		}
		if c.stall > 0 && time.Since(began) > c.stall {
			return stream.Batch{}, 0, fmt.Errorf("read %s/%d: the broker gives no records from %d on, though the log is longer", c.topic, c.partition, c.next)
		}
	}
}

func (c *Cursor) fetch(ctx context.Context) (stream.Batch, error) {
	bounded, cancel := c.bounded(ctx)
	defer cancel()
	b, err := c.reader.Fetch(bounded, c.next, poll)
	return b, c.stalled(ctx, err)
}

func (c *Cursor) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.stall == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, c.stall)
}

// stalled says what it means when a call has run out of its own time.
func (c *Cursor) stalled(ctx context.Context, err error) error {
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("read %s/%d: no answer from Kafka for %v", c.topic, c.partition, c.stall)
	}
	return err
}
