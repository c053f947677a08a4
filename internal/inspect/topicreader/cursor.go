package topicreader

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/stream"
)

// fetchWait is how long a fetch waits for records that must be there.
const fetchWait = 200 * time.Millisecond

// Endless is an end that no partition reaches.
const Endless = math.MaxInt64

// Cursor reads one partition on and on. It must not be used concurrently.
type Cursor struct {
	client    *kafka.Client
	topic     string
	partition int
	stall     time.Duration
	reader    stream.Reader
	next      int64
}

// NewCursor returns a cursor at the beginning of a partition. The cursor fails when
// the brokers give no answer for stall, or not a record that they should have; with
// a stall of 0 it waits for ever.
func NewCursor(c *kafka.Client, topic string, partition int, stall time.Duration) *Cursor {
	return &Cursor{client: c, topic: topic, partition: partition, stall: stall, reader: c.Reader(topic, partition)}
}

// Next is the offset of what is read next.
func (c *Cursor) Next() int64 { return c.next }

// MoveTo goes to an offset.
func (c *Cursor) MoveTo(offset int64) { c.next = offset }

// Ends returns the first offset of the partition and the one after its last. A
// leader that has just taken over may not know yet how far its log is safe, and
// answers with less than was read already: Ends asks again until it knows.
func (c *Cursor) Ends(ctx context.Context) (start, end int64, err error) {
	bounded, cancel := c.withStall(ctx)
	defer cancel()
	for {
		start, end, err = c.client.Offsets(bounded, c.topic, c.partition)
		if err != nil || end >= c.next {
			return start, end, c.orStalled(ctx, err)
		}
		if sleep.For(bounded, fetchWait) != nil && ctx.Err() == nil {
			return start, end, c.shorterError(end)
		}
	}
}

// shorterError is the error of a log that ends before what was read of it.
func (c *Cursor) shorterError(end int64) error {
	return fmt.Errorf("%s/%d: the log ends at %d and was read to %d: it was made anew, or has lost its tail; begin again", c.topic, c.partition, end, c.next)
}

// Read reads on to end, which the log has or will have (Endless: until ctx ends), and
// hands the records before it to take, batch by batch. They are valid until take
// returns. An error of take ends the reading, and is returned. Gap, if it is not nil,
// is told how many records retention removed before they could be read.
func (c *Cursor) Read(ctx context.Context, end int64, take func([]stream.Record) error, gap func(records int64)) error {
	for c.next < end {
		records, gone, err := c.fetch(ctx)
		if err != nil {
			return err
		}
		if gone > 0 {
			if gap != nil {
				gap(gone)
			}
			continue
		}
		c.next = min(c.next, end)
		if err := take(before(records, end)); err != nil {
			return err
		}
	}
	return nil
}

// before returns those of records, which are in the order of their offsets, that have
// one before end.
func before(records []stream.Record, end int64) []stream.Record {
	n := len(records)
	for n > 0 && records[n-1].Offset >= end {
		n--
	}
	return records[:n]
}

// ReadLast reads the last n records that the partition holds when it is called, in
// the way of Read.
func (c *Cursor) ReadLast(ctx context.Context, n int64, take func([]stream.Record) error) error {
	start, end, err := c.Ends(ctx)
	if err != nil {
		return err
	}
	c.MoveTo(max(start, end-n))
	return c.Read(ctx, end, take, nil)
}

// fetch waits for what comes next: records, or that so many are gone, since
// retention was quicker. The records are valid until the next fetch. There may be
// none, as where compaction has removed them.
func (c *Cursor) fetch(ctx context.Context) (records []stream.Record, gone int64, err error) {
	for began := time.Now(); ; {
		b, err := c.fetchOnce(ctx)
		if out, ok := errors.AsType[*stream.OutOfRangeError](err); ok {
			if out.Start <= c.next {
				return nil, 0, c.shorterError(out.End)
			}
			gone, c.next = out.Start-c.next, out.Start
			return nil, gone, nil
		}
		if err != nil {
			return nil, 0, err
		}
		if b.Next > c.next {
			c.next = b.Next
			return b.Records, 0, nil
		}
		if c.stall > 0 && time.Since(began) > c.stall {
			return nil, 0, fmt.Errorf("read %s/%d: the broker gives no records from %d on, though the log is longer", c.topic, c.partition, c.next)
		}
	}
}

// fetchOnce fetches once.
func (c *Cursor) fetchOnce(ctx context.Context) (stream.Batch, error) {
	bounded, cancel := c.withStall(ctx)
	defer cancel()
	b, err := c.reader.Fetch(bounded, c.next, fetchWait)
	return b, c.orStalled(ctx, err)
}

// withStall bounds ctx by the stall timeout.
func (c *Cursor) withStall(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.stall == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, c.stall)
}

// orStalled returns err, or what it means if the call ran out of its own time.
func (c *Cursor) orStalled(ctx context.Context, err error) error {
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("read %s/%d: no answer from Kafka for %v", c.topic, c.partition, c.stall)
	}
	return err
}
