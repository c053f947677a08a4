package topicreader

import (
	"fmt"
	"strconv"
	"time"
)

// Bound is where a range begins or ends: at a time, at an offset (the same in every
// partition), or at the present end of the topic. The zero value is no bound: the range
// begins at the topic's first record, or ends after its last.
type Bound struct {
	Time   time.Time
	Offset *int64
	Now    bool // after the last record that exists
}

// At returns a bound at a time.
func At(t time.Time) Bound { return Bound{Time: t} }

// AtOffset returns a bound at an offset.
func AtOffset(n int64) Bound { return Bound{Offset: &n} }

// AtEnd returns a bound after the last record that exists.
func AtEnd() Bound { return Bound{Now: true} }

// ParseBound parses a time (RFC 3339, or a date, which stands for midnight in UTC), a
// duration before now, "now", or an offset. An empty text is no bound.
func ParseBound(text string, now time.Time) (Bound, error) {
	if text == "" {
		return Bound{}, nil
	}
	if text == "now" {
		return AtEnd(), nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= 0 {
		return AtOffset(n), nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return At(now.Add(-d)), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return At(t), nil
		}
	}
	return Bound{}, fmt.Errorf("%.40q: want a time like 2026-11-23T14:42:00Z or 2026-11-23, how long ago like 10m, now, or an offset like 1200", text)
}

// ms returns the time of a bound in ms since the Unix epoch. ok is false if the bound
// is not a time.
func (b Bound) ms() (at int64, ok bool) { return b.Time.UnixMilli(), !b.Time.IsZero() }
