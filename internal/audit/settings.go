package audit

import (
	"cmp"
	"context"
	"time"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// Defaults of the aggregator, for a setting of which nothing is known.
const (
	defaultWindow   = 2 * time.Second
	defaultLateness = 10 * time.Second
)

// settings returns the settings that were given, completed by those of the last
// mark in emoji-partials, and where they are from. They are zero when there is
// neither.
func (a *audit) settings(ctx context.Context, partitions int) (wire.Settings, string, error) {
	given := wire.Settings{WindowMS: a.cfg.Window.Milliseconds(), LatenessMS: a.cfg.Lateness.Milliseconds()}
	if given.WindowMS > 0 && given.LatenessMS > 0 {
		return given, "given", nil
	}
	var last lastMark
	for p := range partitions {
		if err := last.look(ctx, a.cursor(a.cfg.Topics.Partials(), p)); err != nil {
			return wire.Settings{}, "", err
		}
	}
	switch s := last.settings; {
	case given != wire.Settings{}:
		return wire.Settings{
			WindowMS:   cmp.Or(given.WindowMS, s.WindowMS, defaultWindow.Milliseconds()),
			LatenessMS: cmp.Or(given.LatenessMS, s.LatenessMS, defaultLateness.Milliseconds()),
		}, "given", nil
	case s != wire.Settings{}:
		return s, "emoji-partials", nil
	}
	return wire.Settings{}, "none", nil
}

// lastMark finds the newest mark.
type lastMark struct {
	time     int64
	settings wire.Settings
}

// look reads a partition's tail, twice as far back each time, until a mark is in
// it. Nearly always the last record is one.
func (m *lastMark) look(ctx context.Context, c *cursor) error {
	start, end, err := c.offsets(ctx)
	if err != nil {
		return err
	}
	for back := int64(100); ; back *= 2 {
		from, found := max(start, end-back), false
		c.next = from
		err := c.read(ctx, end, func(b stream.Batch) {
			for _, r := range b.Records {
				found = m.take(r) || found
			}
		}, func() {})
		if err != nil || found || from == start {
			return err
		}
	}
}

// take says whether a record is a mark.
func (m *lastMark) take(r stream.Record) bool {
	p, err := wire.DecodeProgress(r.Value)
	if err != nil || p.Mark == nil || p.Mark.WindowMS <= 0 || p.Mark.LatenessMS <= 0 {
		return false
	}
	if r.Time >= m.time {
		m.time, m.settings = r.Time, p.Mark.Settings
	}
	return true
}
