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

// fetchWait is how long one fetch waits for records.
const fetchWait = 200 * time.Millisecond

// openWait is how long a transaction may be open before a reading ends in front of it.
// Most transactions are short.
const openWait = 2 * time.Second

// Unread is the offsets from From up to, and without, To of a partition, which were not
// read.
type Unread struct {
	Topic     string
	Partition int
	From, To  int64
	// Open says that they lie behind a transaction of another program that is open. They
	// can be read once it ends.
	Open   bool
	Reason error // why they cannot be read; nil if Open
}

// errBlocked says that a transaction is open in front of the next record.
var errBlocked = errors.New("a transaction is open")

// Endless is greater than all offsets: reading up to it does not end.
const Endless = math.MaxInt64

// Cursor reads one partition forwards from an offset. It is not safe for concurrent
// use.
type Cursor struct {
	client    *kafka.Client
	topic     string
	partition int
	stall     time.Duration
	reader    stream.Reader
	next      int64
	unread    func(Unread) // may be nil
}

// NewCursor returns a cursor at offset 0 of a partition. Its calls fail if the brokers
// give no answer, or not a record that they should have, for stall. With a stall of 0
// they wait for ever.
func NewCursor(c *kafka.Client, topic string, partition int, stall time.Duration) *Cursor {
	return &Cursor{client: c, topic: topic, partition: partition, stall: stall, reader: c.Reader(topic, partition)}
}

// OnUnread sets a function that is called with what is not read: batches that cannot be
// read, and the rest behind a transaction that stays open.
func (c *Cursor) OnUnread(f func(Unread)) { c.unread = f }

func (c *Cursor) tell(u Unread) {
	if c.unread != nil {
		u.Topic, u.Partition = c.topic, c.partition
		c.unread(u)
	}
}

// Next returns the offset that is read next.
func (c *Cursor) Next() int64 { return c.next }

// MoveTo sets the offset that is read next.
func (c *Cursor) MoveTo(offset int64) { c.next = offset }

// Ends returns the first offset of the partition and the one after its last record. A
// leader that has just taken over may not know yet how much of its log is safe, and may
// name an end that is before the cursor. Then Ends asks again, for as long as the
// cursor's stall.
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

// shorterError returns the error for a log that ends before what was already read of it.
func (c *Cursor) shorterError(end int64) error {
	return fmt.Errorf("%s/%d: the log ends at %d and was read to %d: it was made anew, or has lost its tail; begin again", c.topic, c.partition, end, c.next)
}

// Read reads up to and without offset end, and waits for records that do not exist yet.
// If end is Endless it reads until ctx ends. It hands the records to take, batch by
// batch; they are valid until take returns. If take returns an error, Read ends and
// returns it. If gap is not nil, it is called with the number of records that retention
// removed before they could be read.
//
// If a transaction stays open before end, Read ends in front of it, except if end is
// Endless.
func (c *Cursor) Read(ctx context.Context, end int64, take func([]stream.Record) error, gap func(records int64)) error {
	for c.next < end {
		records, gone, err := c.fetch(ctx)
		if errors.Is(err, errBlocked) {
			return nil
		}
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

// before returns the records whose offset is below end. records must be in the order of
// their offsets.
func before(records []stream.Record, end int64) []stream.Record {
	n := len(records)
	for n > 0 && records[n-1].Offset >= end {
		n--
	}
	return records[:n]
}

// StableEnds does what Ends does. But the end is in front of the oldest transaction that
// is open.
func (c *Cursor) StableEnds(ctx context.Context) (start, end int64, err error) {
	if start, end, err = c.Ends(ctx); err != nil {
		return start, end, err
	}
	stable, err := c.stableEnd(ctx)
	return start, max(start, min(end, stable)), err
}

// Blocked returns where the oldest open transaction begins, and how many records lie
// behind it; 0: none is open.
func (c *Cursor) Blocked(ctx context.Context) (offset, records int64, err error) {
	_, end, err := c.Ends(ctx)
	if err != nil {
		return 0, 0, err
	}
	stable, err := c.stableEnd(ctx)
	return stable, max(0, end-stable), err
}

// stableEnd returns the offset in front of the oldest open transaction, or the end.
func (c *Cursor) stableEnd(ctx context.Context) (int64, error) {
	bounded, cancel := c.withStall(ctx)
	defer cancel()
	stable, err := c.client.StableEnd(bounded, c.topic, c.partition)
	return stable, c.orStalled(ctx, err)
}

// ReadLast reads the last n records that can be read at the time of the call, and hands
// them to take as Read does.
func (c *Cursor) ReadLast(ctx context.Context, n int64, take func([]stream.Record) error) error {
	start, end, err := c.StableEnds(ctx)
	if err != nil {
		return err
	}
	c.MoveTo(max(start, end-n))
	return c.Read(ctx, end, take, nil)
}

// fetch waits for the next records. If retention has removed records before they could
// be read, it returns how many in gone, and no records. The records are valid until the
// next fetch. They may be none, for example where compaction has removed them. It
// returns errBlocked if a transaction stays open in front of them, unless the cursor
// waits for ever.
func (c *Cursor) fetch(ctx context.Context) (records []stream.Record, gone int64, err error) {
	reported := false // the transaction
	for began := time.Now(); ; {
		b, err := c.fetchOnce(ctx)
		if out, ok := errors.AsType[*stream.OutOfRangeError](err); ok {
			if out.Anew {
				return nil, 0, fmt.Errorf("%w: begin again", out)
			}
			if out.Replaced() {
				return nil, 0, c.shorterError(out.End)
			}
			gone, c.next = out.Start-c.next, out.Start
			return nil, gone, nil
		}
		if err != nil {
			return nil, 0, err
		}
		for _, s := range b.Skipped {
			c.tell(Unread{From: s.From, To: s.To, Reason: s.Reason})
		}
		if b.Next > c.next {
			c.next = b.Next
			return b.Records, 0, nil
		}
		if b.Blocked() && time.Since(began) > openWait {
			if !reported {
				reported = true
				c.tell(Unread{From: c.next, To: b.HighWatermark, Open: true})
			}
			if c.stall > 0 {
				return nil, 0, errBlocked
			}
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

// orStalled returns err, or, if the call took longer than the stall while ctx has not
// ended, an error that says so.
func (c *Cursor) orStalled(ctx context.Context, err error) error {
	if damaged, ok := errors.AsType[*kafka.DamagedError](err); ok && ctx.Err() == nil {
		return damaged
	}
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("read %s/%d: no answer from Kafka for %v", c.topic, c.partition, c.stall)
	}
	return err
}
