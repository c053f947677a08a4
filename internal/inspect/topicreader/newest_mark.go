package topicreader

import (
	"context"
	"time"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// NewestMark returns the newest mark in topic, which is emoji-partials by its full
// name, or a zero mark if there is none. partitions is the topic's number of
// partitions; stall is as for NewCursor.
func NewestMark(ctx context.Context, c *kafka.Client, topic string, partitions int, stall time.Duration) (wire.Mark, error) {
	var last newestMark
	for p := range partitions {
		if err := last.searchPartition(ctx, NewCursor(c, topic, p, stall)); err != nil {
			return wire.Mark{}, err
		}
	}
	return last.mark, nil
}

// newestMark keeps the newest mark that was read, and the time of its record.
type newestMark struct {
	time int64
	mark wire.Mark
}

// searchPartition reads the last hundred records of a partition; if they hold no mark
// it goes back twice as far, and so on. Nearly always the last record is a mark.
func (m *newestMark) searchPartition(ctx context.Context, c *Cursor) error {
	start, end, err := c.StableEnds(ctx)
	if err != nil {
		return err
	}
	for back := int64(100); ; back *= 2 {
		from, found := max(start, end-back), false
		c.MoveTo(from)
		err := c.Read(ctx, end, func(records []stream.Record) error {
			for _, r := range records {
				found = m.take(r) || found
			}
			return nil
		}, nil)
		if err != nil || found || from == start {
			return err
		}
	}
}

// take keeps the mark in a record, if it is the newest. It says whether the record is a
// mark.
func (m *newestMark) take(r stream.Record) bool {
	p, err := wire.DecodeProgress(r.Value)
	if err != nil || p.Mark == nil || p.Mark.WindowMS <= 0 || p.Mark.LatenessMS <= 0 {
		return false
	}
	if r.Time >= m.time {
		m.time, m.mark = r.Time, *p.Mark
	}
	return true
}
