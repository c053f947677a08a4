package audit

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
)

// audit reads an installation's topics into a ledger.
type audit struct {
	cfg      Config
	ledger   *Ledger
	source   string // of the settings
	log      []*cursor
	counts   []*cursor
	progress Progress
}

// cursor is how far a partition was read.
type cursor struct {
	client    *kafka.Client
	topic     string
	partition int
	reader    stream.Reader
	next      int64
	known     int64 // offsets before it are in the progress
	stall     time.Duration
}

// open looks at the topics and reads the settings.
func open(ctx context.Context, cfg Config) (*audit, error) {
	a := &audit{cfg: cfg}
	ctx, cancel := context.WithTimeout(ctx, 2*cfg.Stall)
	defer cancel()
	partitions, err := a.partitions(ctx)
	if err != nil {
		return nil, err
	}
	settings, source, err := a.settings(ctx, partitions[cfg.Topics.Partials()])
	if err != nil {
		return nil, err
	}
	a.ledger, a.source = NewLedger(settings), source
	for topic, to := range map[string]*[]*cursor{cfg.Topics.Reactions(): &a.log, cfg.Topics.Counts(): &a.counts} {
		for p := range partitions[topic] {
			*to = append(*to, a.cursor(topic, p))
		}
	}
	return a, nil
}

// partitions returns how many partitions each topic has.
func (a *audit) partitions(ctx context.Context) (map[string]int, error) {
	names := a.cfg.Topics
	states, err := a.cfg.Client.Describe(ctx, names.Reactions(), names.Counts(), names.Partials())
	if err != nil {
		return nil, err
	}
	out := map[string]int{}
	missing := &MissingError{}
	for _, t := range states {
		out[t.Name] = t.Partitions
		if !t.Exists && t.Name != names.Partials() {
			missing.Topics = append(missing.Topics, t.Name)
		}
	}
	if len(missing.Topics) > 0 {
		return nil, missing
	}
	return out, nil
}

func (a *audit) cursor(topic string, partition int) *cursor {
	c := a.cfg.Client
	return &cursor{client: c, topic: topic, partition: partition, reader: c.Reader(topic, partition), stall: a.cfg.Stall}
}

// readLog reads emoji-topic on to the ends it has now.
func (a *audit) readLog(ctx context.Context) error {
	return a.read(ctx, a.log, a.ledger.Reaction, a.ledger.LogGap)
}

// readCounts reads emoji-aggregated on to the ends it has now.
func (a *audit) readCounts(ctx context.Context) error {
	return a.read(ctx, a.counts, a.ledger.Count, a.ledger.CountsGap)
}

func (a *audit) read(ctx context.Context, topic []*cursor, take func(int, stream.Record), gap func(int)) error {
	ends := make([]int64, len(topic))
	for i, c := range topic { // all ends first: what is read is what there was at one moment, or later
		start, end, err := c.offsets(ctx)
		if err != nil {
			return err
		}
		if start > c.next {
			c.next, c.known = start, max(c.known, start)
			gap(c.partition)
		}
		ends[i] = end
		a.progress.Known += end - c.known
		c.known = end
	}
	for i, c := range topic {
		err := c.read(ctx, ends[i], func(b stream.Batch) {
			for _, r := range b.Records {
				take(c.partition, r)
			}
			a.progress.Read += int64(len(b.Records))
			a.tell()
		}, func() { gap(c.partition) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (a *audit) tell() { a.cfg.Progress(a.progress) }

// offsets returns the partition's ends. A leader that has just taken over may
// not know yet how far its log is safe, and answers with less than was read
// already: that passes.
func (c *cursor) offsets(ctx context.Context) (start, end int64, err error) {
	bounded, cancel := context.WithTimeout(ctx, c.stall)
	defer cancel()
	for {
		start, end, err = c.client.Offsets(bounded, c.topic, c.partition)
		if err != nil || end >= c.next {
			return start, end, c.stalled(ctx, err)
		}
		if pause(bounded, poll) != nil && ctx.Err() == nil {
			return start, end, fmt.Errorf("%s/%d: the log ends at %d and was read to %d: it was made anew, or has lost its tail; audit again", c.topic, c.partition, end, c.next)
		}
	}
}

// read reads on to an offset, or beyond.
func (c *cursor) read(ctx context.Context, end int64, take func(stream.Batch), gap func()) error {
	idle := time.Now()
	for c.next < end {
		b, err := c.fetch(ctx)
		if gone := (*stream.OutOfRangeError)(nil); errors.As(err, &gone) && gone.Start > c.next {
			c.next = gone.Start // retention was quicker
			gap()
			continue
		}
		if err != nil {
			return err
		}
		take(b)
		if b.Next > c.next {
			c.next, idle = b.Next, time.Now()
		} else if time.Since(idle) > c.stall {
			return fmt.Errorf("read %s/%d: the broker gives no records from %d on, though the log ends at %d", c.topic, c.partition, c.next, end)
		}
	}
	return nil
}

func (c *cursor) fetch(ctx context.Context) (stream.Batch, error) {
	bounded, cancel := context.WithTimeout(ctx, c.stall)
	defer cancel()
	b, err := c.reader.Fetch(bounded, c.next, poll)
	return b, c.stalled(ctx, err)
}

// stalled says what it means when a call has run out of its own time.
func (c *cursor) stalled(ctx context.Context, err error) error {
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("read %s/%d: no answer from Kafka for %v", c.topic, c.partition, c.stall)
	}
	return err
}
