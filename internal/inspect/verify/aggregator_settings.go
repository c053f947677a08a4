package verify

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/emostream/emostream/internal/inspect/topicreader"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// Defaults of the aggregator. They are used for a setting that was not given, if there
// is no mark.
const (
	defaultWindow   = 2 * time.Second
	defaultLateness = 10 * time.Second
)

// settings returns the settings that were given, completed by those of the newest mark
// in emoji-partials, and where they are from. They are zero if neither exists.
func (a *reader) settings(ctx context.Context, partitions int) (wire.Settings, string, error) {
	given := wire.Settings{WindowMS: a.cfg.Window.Milliseconds(), LatenessMS: a.cfg.Lateness.Milliseconds()}
	mark, err := NewestMark(ctx, a.cfg.Client, a.cfg.Topics.Partials(), partitions, a.cfg.Stall)
	if err != nil {
		return wire.Settings{}, "", err
	}
	s := mark.Settings
	if s != (wire.Settings{}) {
		given = wire.Settings{WindowMS: cmp.Or(given.WindowMS, s.WindowMS), LatenessMS: cmp.Or(given.LatenessMS, s.LatenessMS)}
		if given != s {
			return wire.Settings{}, "", &SettingsError{Given: given, Counted: s}
		}
		return s, "emoji-partials", nil
	}
	switch {
	case given != wire.Settings{}:
		return wire.Settings{
			WindowMS:   cmp.Or(given.WindowMS, defaultWindow.Milliseconds()),
			LatenessMS: cmp.Or(given.LatenessMS, defaultLateness.Milliseconds()),
		}, "given", nil
	}
	return wire.Settings{}, "none", nil
}

// SettingsError says that aggregate counts by other settings than were given. A
// comparison by the given ones would find losses where there are none.
type SettingsError struct{ Given, Counted wire.Settings }

func (e *SettingsError) Error() string {
	return fmt.Sprintf("the counting is done with %v, and %v was given", e.Counted, e.Given)
}

// NewestMark returns the newest mark in topic, which is emoji-partials by its full
// name, or a zero mark if there is none. partitions is the topic's number of
// partitions; stall is as in Config.
func NewestMark(ctx context.Context, c *kafka.Client, topic string, partitions int, stall time.Duration) (wire.Mark, error) {
	var last newestMark
	for p := range partitions {
		if err := last.searchPartition(ctx, topicreader.NewCursor(c, topic, p, stall)); err != nil {
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
func (m *newestMark) searchPartition(ctx context.Context, c *topicreader.Cursor) error {
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
