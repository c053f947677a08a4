// Package export writes tables of what topics hold: the windows of emoji-aggregated, or
// the single reactions of emoji-topic. It writes CSV, JSON lines or Parquet, with the
// same columns in each.
//
// A table of windows has one row for each emoji of a window and channel, with its last
// count, in the order of the windows. Two exports of the same records are equal to the
// byte.
package export

import (
	"context"
	"fmt"
	"math"

	"github.com/emostream/emostream/internal/inspect/topicreader"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// Summary says what a table holds.
type Summary struct {
	Rows      int64     `json:"rows"`
	Reactions int64     `json:"reactions"`       // the sum of the counts
	Windows   int64     `json:"windows"`         // 0 in a table of reactions
	First     wire.Time `json:"first,omitempty"` // start of the first window, or time of the first reaction
	Last      wire.Time `json:"last,omitempty"`
	Skipped   int64     `json:"skipped"` // records that could not be decoded
	Note      string    `json:"note,omitempty"`
	Gone      int64     `json:"gone"` // records that retention removed before they were read
	// Blocked are records that were not read, because a transaction is open before them.
	Blocked int64 `json:"blocked,omitempty"`
}

func (s *Summary) skip(r stream.Record, err error) {
	if s.Skipped++; s.Note == "" {
		s.Note = fmt.Sprintf("offset %d: %v", r.Offset, err)
	}
}

// add adds what was not read of a range.
func (s *Summary) add(p topicreader.Progress) {
	s.Gone, s.Blocked = p.Gone, p.Blocked
	s.Skipped += p.Skipped
}

// WindowsConfig says which windows are exported.
type WindowsConfig struct {
	// From and To bound the start of the windows: at From or after it, and before To.
	// They are in ms since the Unix epoch. A zero To is no bound.
	From, To int64
	Filter   topicreader.Filter
	Limits   Limits
}

// Windows calls give for the last count of each emoji in each window in a range of
// emoji-aggregated. It reads the range twice; Counts says why.
func Windows(ctx context.Context, s *topicreader.Range, cfg WindowsConfig, give func(Window) error) (Summary, error) {
	if cfg.To == 0 {
		cfg.To = math.MaxInt64
	}
	var sum Summary
	m := NewCounts(cfg.Limits)
	err := cfg.counts(ctx, s, &sum, func(c wire.Count) error { return m.Expect(c.Window) })
	if err != nil {
		return sum, err
	}
	var last Window
	count := func(w Window) error {
		if sum.Rows == 0 {
			sum.First = w.Start
		}
		if sum.Rows == 0 || w.Start != last.Start || w.End != last.End {
			sum.Windows++
		}
		last = w
		sum.Rows++
		sum.Reactions += w.Count
		sum.Last = max(sum.Last, w.End)
		return give(w)
	}
	sum.Skipped = 0 // the second reading skips the same records again
	if err := cfg.counts(ctx, s, &sum, func(c wire.Count) error { return m.Add(c, count) }); err != nil {
		return sum, err
	}
	sum.add(s.Progress())
	return sum, m.Flush(count)
}

// counts calls take for the counts of a range that are wanted.
func (c WindowsConfig) counts(ctx context.Context, s *topicreader.Range, sum *Summary, take func(wire.Count) error) error {
	for r, err := range s.Records(ctx) {
		if err != nil {
			return err
		}
		n, err := wire.DecodeCount(r.Value)
		if err != nil {
			sum.skip(r, err)
			continue
		}
		if n.Window.Start < c.From || n.Window.Start >= c.To || !c.Filter.Wants(n.Channel, n.Emoji) {
			continue
		}
		if err := take(n); err != nil {
			return err
		}
	}
	return nil
}

// Reactions calls give for the reactions in a range of emoji-topic. They come in the
// order of their times, as far as those within each partition do.
func Reactions(ctx context.Context, s *topicreader.Range, f topicreader.Filter, give func(Reaction) error) (Summary, error) {
	var sum Summary
	for r, err := range s.Records(ctx) {
		if err != nil {
			return sum, err
		}
		t, err := wire.DecodeReactionFields(r.Value)
		if err != nil {
			sum.skip(r, err)
			continue
		}
		row := Reaction{wire.Time(r.Time), string(t.UserID), string(t.Emoji), string(t.Timestamp), string(t.Channel)}
		if row.Channel == "" {
			row.Channel = wire.MainChannel
		}
		if !f.Wants(row.Channel, row.Emoji) {
			continue
		}
		if sum.Rows == 0 {
			sum.First = row.Time
		}
		sum.Rows++
		sum.Reactions++
		sum.Last = max(sum.Last, row.Time)
		if err := give(row); err != nil {
			return sum, err
		}
	}
	sum.add(s.Progress())
	return sum, nil
}
