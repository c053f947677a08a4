// Package topicreader reads a part of a topic, from here to there: all its records in the
// order of their times, or each partition by itself and on as they come.
//
// A span is of times or of offsets. Where it ends is decided when it is opened, so
// that what is written meanwhile, perhaps by whoever reads it, does not belong to
// it. Records stand nearly in the order of their times in a partition, but not
// quite: what was accepted first may have been written second. So a span of times
// takes in all records of its times that stand within a minute of them.
//
// Nothing of a span is held but one batch of each partition.
package topicreader

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"math"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
)

// disorder is how far after a record of a later time one of an earlier time is
// looked for. A main server gives a reaction up after five seconds.
const disorder = time.Minute

// Config says what to read. Client and Topic must be set.
type Config struct {
	Client *kafka.Client
	Topic  string
	// From and To are where the span begins and, exclusively, ends; default all
	// that there is when it is opened.
	From, To Bound
	// Partition, if set, is the only one that is read.
	Partition *int
	// Follow lets a span without To go on as records come. Then no broker is given
	// up.
	Follow bool
	// Stall is how long the brokers may go without an answer; default 15 s.
	Stall time.Duration
	// Progress, if set, is called after every batch, by one goroutine at a time.
	Progress func(Progress)
}

// Progress is how far a span was read.
type Progress struct {
	Read  int64 // records, also those that are not of its times
	Known int64 // records that there were when it was opened
	Gone  int64 // records that retention took before they were read
}

// MissingError is that the topic does not exist.
type MissingError struct{ Topic string }

func (e *MissingError) Error() string { return fmt.Sprintf("topic %s does not exist", e.Topic) }

// PartitionError is that the topic has no such partition.
type PartitionError struct {
	Topic                 string
	Partition, Partitions int
}

func (e *PartitionError) Error() string {
	return fmt.Sprintf("topic %s has no partition %d: it has %d, from 0 on", e.Topic, e.Partition, e.Partitions)
}

// Range is a part of a topic.
type Range struct {
	cfg      Config
	parts    []part
	from, to int64 // ms: records of other times do not belong to it

	mu       sync.Mutex // of a reading that is concurrent
	progress Progress
}

// part is the offsets of a partition that are read.
type part struct{ start, end int64 }

// Open finds out where a span begins and ends.
func Open(ctx context.Context, cfg Config) (*Range, error) {
	cfg.Stall = cmp.Or(cfg.Stall, 15*time.Second)
	s := &Range{cfg: cfg, from: math.MinInt64, to: math.MaxInt64}
	if at, ok := cfg.From.ms(); ok {
		s.from = at
	}
	if at, ok := cfg.To.ms(); ok {
		s.to = at
	}
	ctx, cancel := context.WithTimeout(ctx, 2*cfg.Stall)
	defer cancel()
	states, err := cfg.Client.Describe(ctx, cfg.Topic)
	if err != nil {
		return nil, err
	}
	if err := states[0].Forbidden(); err != nil {
		return nil, err
	}
	if !states[0].Exists {
		return nil, &MissingError{cfg.Topic}
	}
	if only := cfg.Partition; only != nil && *only >= states[0].Partitions {
		return nil, &PartitionError{cfg.Topic, *only, states[0].Partitions}
	}
	for p := range states[0].Partitions {
		if cfg.Partition != nil && p != *cfg.Partition {
			s.parts = append(s.parts, part{})
			continue
		}
		at, err := s.locate(ctx, p)
		if err != nil {
			return nil, err
		}
		s.parts = append(s.parts, at)
		if at.end != math.MaxInt64 {
			s.progress.Known += at.end - at.start
		}
	}
	return s, nil
}

// locate returns the offsets of a partition that may belong to the span.
func (s *Range) locate(ctx context.Context, partition int) (part, error) {
	first, last, err := s.cfg.Client.Offsets(ctx, s.cfg.Topic, partition)
	if err != nil {
		return part{}, err
	}
	at := part{first, last}
	if at.start, err = s.offset(ctx, partition, s.cfg.From, 0, first, last); err != nil {
		return part{}, err
	}
	if at.end, err = s.offset(ctx, partition, s.cfg.To, disorder, last, last); err != nil {
		return part{}, err
	}
	at.start, at.end = max(first, at.start), min(last, at.end)
	at.start = min(at.start, last)
	at.end = max(at.start, at.end)
	if s.endless() {
		at.end = math.MaxInt64
	}
	return at, nil
}

// offset is that of a bound; a topic's own is known already.
func (s *Range) offset(ctx context.Context, partition int, b Bound, later time.Duration, own, last int64) (int64, error) {
	switch at, ok := b.ms(); {
	case b.Offset != nil:
		return *b.Offset, nil
	case b.Now:
		return last, nil
	case ok:
		return s.cfg.Client.OffsetAt(ctx, s.cfg.Topic, partition, time.UnixMilli(at).Add(later))
	}
	return own, nil
}

// endless says whether the span goes on as records come.
func (s *Range) endless() bool { return s.cfg.Follow && s.cfg.To == Bound{} }

// Partitions is how many partitions the topic has.
func (s *Range) Partitions() int { return len(s.parts) }

// Progress is how far the span was read. It may not be called while that goes on.
func (s *Range) Progress() Progress { return s.progress }

// Each reads all partitions at the same time, and hands their batches to take, one
// at a time. It ends with the span, when take fails, or when ctx ends.
func (s *Range) Each(ctx context.Context, take func(partition int, records []stream.Record) error) error {
	s.rewind()
	g, ctx := errgroup.WithContext(ctx)
	for p, at := range s.parts {
		g.Go(func() error {
			for c := s.cursor(p); c.next < at.end; {
				b, gone, err := c.Fetch(ctx)
				if err != nil {
					return err
				}
				if err := s.hand(p, b.Records, gone, take); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return g.Wait()
}

// hand hands over what belongs to the span of a batch, while nobody else does.
func (s *Range) hand(partition int, read []stream.Record, gone int64, take func(int, []stream.Record) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.passed(int64(len(read)), gone)
	if kept := s.belonging(read, s.parts[partition].end); len(kept) > 0 {
		return take(partition, kept)
	}
	return nil
}

// rewind begins a reading.
func (s *Range) rewind() { s.progress = Progress{Known: s.progress.Known} }

func (s *Range) passed(records, gone int64) {
	s.progress.Read += records
	s.progress.Gone += gone
	if s.cfg.Progress != nil {
		s.cfg.Progress(s.progress)
	}
}

func (s *Range) cursor(partition int) *Cursor {
	stall := s.cfg.Stall
	if s.endless() {
		stall = 0
	}
	c := NewCursor(s.cfg.Client, s.cfg.Topic, partition, stall)
	c.MoveTo(s.parts[partition].start)
	return c
}

// belonging takes out what does not belong to the span, in place.
func (s *Range) belonging(records []stream.Record, end int64) []stream.Record {
	kept := records[:0]
	for _, r := range records {
		if r.Offset < end && r.Time >= s.from && r.Time < s.to {
			kept = append(kept, r)
		}
	}
	return kept
}

// Records reads the span in the order of the records' times: of those that the
// partitions have next, the earliest. A record is valid until the next one is asked
// for. After an error nothing follows. It may be called again and begins anew.
func (s *Range) Records(ctx context.Context) iter.Seq2[stream.Record, error] {
	return func(yield func(stream.Record, error) bool) {
		s.rewind()
		heads := make([]head, len(s.parts))
		for p, at := range s.parts {
			heads[p] = head{cursor: s.cursor(p), end: at.end}
		}
		for {
			first, err := s.earliest(ctx, heads)
			if err != nil {
				yield(stream.Record{}, err)
				return
			}
			if first == nil {
				return
			}
			r := first.records[0]
			first.records = first.records[1:]
			if !yield(r, nil) {
				return
			}
		}
	}
}

// head is what comes next of a partition.
type head struct {
	cursor  *Cursor
	end     int64
	records []stream.Record
}

// earliest returns the partition whose next record is the earliest; nil at the end.
func (s *Range) earliest(ctx context.Context, heads []head) (*head, error) {
	var first *head
	for i := range heads {
		h := &heads[i]
		for len(h.records) == 0 && h.cursor.next < h.end {
			b, gone, err := h.cursor.Fetch(ctx)
			if err != nil {
				return nil, err
			}
			s.passed(int64(len(b.Records)), gone)
			h.records = s.belonging(b.Records, h.end)
		}
		if len(h.records) > 0 && (first == nil || h.records[0].Time < first.records[0].Time) {
			first = h
		}
	}
	return first, nil
}
