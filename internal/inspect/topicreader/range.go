// Package topicreader reads topics for the packages that inspect an installation.
//
//   - A Range is a part of a topic, from one time or offset to another. It can be read
//     in the order of the records' times, or each partition by itself.
//   - A Tail reads a whole topic, and later what was written since.
//   - A Cursor reads one partition. Range and Tail are made of cursors.
//
// All of them report how many records retention removed before they could be read, which
// batches they passed over since those cannot be read, and where they ended in front of
// an open transaction. They fail if a log is shorter than what was already read of it,
// and give up if brokers do not answer. (Who only wants the newest records uses
// stream.Follow, which goes on.) They hold no more than one batch of each partition in
// memory.
package topicreader

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
)

// maxDisorder is how far beyond its To a Range of times is read. Records in a
// partition are nearly in the order of their times, but not quite: what was accepted
// first may have been written second. So a record with a time before To may stand after
// records with a later time. Reading ends at the first record whose time is To plus
// maxDisorder or later. A minute is ample, since a main server gives a reaction up after
// five seconds.
const maxDisorder = time.Minute

// Config says what to read. Client and Topic must be set.
type Config struct {
	Client *kafka.Client
	Topic  string
	// From and To are where the range begins and ends; To itself does not belong to it.
	// Default: all records that exist when the range is opened.
	From, To Bound
	// Partition, if set, is the only partition that is read.
	Partition *int
	// Follow makes a range without To go on as records come. It then waits for ever for
	// brokers that do not answer.
	Follow bool
	// Stall is how long the brokers may go without an answer; default 15 s.
	Stall time.Duration
	// Unread, if set, is called with what is not read, by one goroutine at a time.
	Unread func(Unread)
	// Progress, if set, is called after every batch, by one goroutine at a time.
	Progress func(Progress)
}

// Progress says how far a Range or a Tail was read, in records.
type Progress struct {
	Read  int64 // of a Range of times also records with other times
	Known int64 // that existed when the Range was opened, or when Tail.ReadOn was last called
	Gone  int64 // that retention removed before they could be read
	// Skipped are those in batches that cannot be read, and Blocked those behind
	// transactions that are open.
	Skipped, Blocked int64
}

// MissingError says that the topic does not exist.
type MissingError struct{ Topic string }

func (e *MissingError) Error() string { return fmt.Sprintf("topic %s does not exist", e.Topic) }

// PartitionError says that the topic has no such partition.
type PartitionError struct {
	Topic                 string
	Partition, Partitions int
}

func (e *PartitionError) Error() string {
	return fmt.Sprintf("topic %s has no partition %d: it has %d, from 0 on", e.Topic, e.Partition, e.Partitions)
}

// Range is a part of a topic. Its end is fixed when it is opened: records that are
// written afterwards, perhaps by the reader itself, do not belong to it.
type Range struct {
	cfg      Config
	offsets  []offsets // by partition
	from, to int64     // ms; records of other times do not belong to the range

	mu       sync.Mutex // guards progress and unread while Each reads, and lets one call of cfg.Progress or take run at a time
	progress Progress
	unread   unread
}

// offsets is the offsets from start up to, and without, end.
type offsets struct{ start, end int64 }

// Open finds out where a range begins and ends in each partition. If the topic or the
// partition does not exist, it fails with a MissingError or a PartitionError.
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
			s.offsets = append(s.offsets, offsets{})
			continue
		}
		at, err := s.locate(ctx, p)
		if err != nil {
			return nil, err
		}
		s.offsets = append(s.offsets, at)
		if at.end != Endless {
			s.progress.Known += at.end - at.start
		}
	}
	return s, nil
}

// locate returns the offsets of a partition's records that may belong to the range.
func (s *Range) locate(ctx context.Context, partition int) (offsets, error) {
	first, last, err := s.cfg.Client.Offsets(ctx, s.cfg.Topic, partition)
	if err != nil {
		return offsets{}, err
	}
	at := offsets{first, last}
	if at.start, err = s.offset(ctx, partition, s.cfg.From, 0, first, last); err != nil {
		return offsets{}, err
	}
	if at.end, err = s.offset(ctx, partition, s.cfg.To, maxDisorder, last, last); err != nil {
		return offsets{}, err
	}
	at.start, at.end = max(first, at.start), min(last, at.end)
	at.start = min(at.start, last)
	at.end = max(at.start, at.end)
	if s.endless() {
		at.end = Endless
	}
	return at, nil
}

// offset returns the offset of a bound. For a time, that is the first record at this
// time plus later. If there is no bound it returns own; for Now it returns last.
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

// endless says whether the range goes on as records come.
func (s *Range) endless() bool { return s.cfg.Follow && s.cfg.To == Bound{} }

// Partitions returns how many partitions the topic has.
func (s *Range) Partitions() int { return len(s.offsets) }

// Progress returns how far the range was read. It must not be called during a reading.
func (s *Range) Progress() Progress { return s.progress }

// Unread returns what was not read: the first of the batches that cannot be read, and
// what lies behind transactions that are open. It must not be called during a reading.
func (s *Range) Unread() []Unread { return s.unread }

// unread is a list of what was not read.
type unread []Unread

// maxUnread bounds the list.
const maxUnread = 100

// add adds to the list, if there is room, and to the progress.
func (l *unread) add(u Unread, p *Progress) {
	if u.Open {
		p.Blocked += u.To - u.From
	} else {
		p.Skipped += u.To - u.From
	}
	if u.Open || len(*l) < maxUnread {
		*l = append(*l, u)
	}
}

// Each reads all partitions at the same time. It hands their records to take, batch by
// batch, one batch at a time. It ends at the end of the range, when take returns an
// error, or when ctx ends.
func (s *Range) Each(ctx context.Context, take func(partition int, records []stream.Record) error) error {
	s.rewind()
	g, ctx := errgroup.WithContext(ctx)
	for p, at := range s.offsets {
		g.Go(func() error {
			return s.cursor(p).Read(ctx, at.end, func(records []stream.Record) error {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.count(len(records), 0)
				if kept := s.inRange(records); len(kept) > 0 {
					return take(p, kept)
				}
				return nil
			}, func(gone int64) {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.count(0, gone)
			})
		})
	}
	return g.Wait()
}

// rewind resets the progress for a new reading.
func (s *Range) rewind() { s.progress, s.unread = Progress{Known: s.progress.Known}, nil }

// count adds to the progress, and reports it.
func (s *Range) count(read int, gone int64) {
	s.progress.Read += int64(read)
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
	c.OnUnread(func(u Unread) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.unread.add(u, &s.progress)
		if s.cfg.Unread != nil {
			s.cfg.Unread(u)
		}
	})
	c.MoveTo(s.offsets[partition].start)
	return c
}

// inRange returns the records whose time belongs to the range. It reuses their slice.
func (s *Range) inRange(records []stream.Record) []stream.Record {
	kept := records[:0]
	for _, r := range records {
		if r.Time >= s.from && r.Time < s.to {
			kept = append(kept, r)
		}
	}
	return kept
}

// Records yields the records of the range in the order of their times: always the
// earliest of those that come next in each partition. A record is valid until the next
// one is asked for. After an error nothing follows. Each call reads from the beginning.
func (s *Range) Records(ctx context.Context) iter.Seq2[stream.Record, error] {
	return func(yield func(stream.Record, error) bool) {
		s.rewind()
		heads := make([]head, len(s.offsets))
		for p, at := range s.offsets {
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

// head is the next records of a partition.
type head struct {
	cursor  *Cursor
	end     int64
	records []stream.Record
}

// earliest returns the partition whose next record has the least time, or nil at the
// end of the range.
func (s *Range) earliest(ctx context.Context, heads []head) (*head, error) {
	var first *head
	for i := range heads {
		h := &heads[i]
		for len(h.records) == 0 && h.cursor.next < h.end {
			records, gone, err := h.cursor.fetch(ctx)
			if errors.Is(err, errBlocked) {
				h.end = h.cursor.next
				break
			}
			if err != nil {
				return nil, err
			}
			records = before(records, h.end)
			s.count(len(records), gone)
			h.records = s.inRange(records)
		}
		if len(h.records) > 0 && (first == nil || h.records[0].Time < first.records[0].Time) {
			first = h
		}
	}
	return first, nil
}
