package topicreader

import (
	"fmt"
	"strconv"
	"time"
)

// Bound is where a range begins or ends: a time, an offset that holds in every
// partition, or the end of what there is. The zero value is no bound: the topic's
// first record, or its last.
type Bound struct {
	Time   time.Time
	Offset *int64
	Now    bool // after the last record that there is
}

// At is the bound of a time.
func At(t time.Time) Bound { return Bound{Time: t} }

// AtOffset is the bound of an offset.
func AtOffset(n int64) Bound { return Bound{Offset: &n} }

// AtEnd is the bound after all that there is.
func AtEnd() Bound { return Bound{Now: true} }

// ParseBound reads a time (RFC 3339, or a date, which is midnight in UTC), a
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

// ms is a bound's time since the Unix epoch; ok is false where it has none.
func (b Bound) ms() (at int64, ok bool) { return b.Time.UnixMilli(), !b.Time.IsZero() }
