package wire

import (
	"encoding/json"
	"fmt"
	"time"
)

// FormatVersion is the version of partials, marks and commit metadata. Readers accept
// only this version.
const FormatVersion = 1

// Settings decide which window a record belongs to. Everything that was counted carries
// them, so that copies of aggregate notice if they were started with different ones.
type Settings struct {
	WindowMS   int64 `json:"window_ms"`
	LatenessMS int64 `json:"lateness_ms"`
}

func (s Settings) String() string {
	return fmt.Sprintf("window %v, lateness %v",
		time.Duration(s.WindowMS)*time.Millisecond, time.Duration(s.LatenessMS)*time.Millisecond)
}

// Partial is one partition's counts of one window of one channel: of all its records
// from offset First up to, and without, offset Next. It only grows: of two partials
// with the same First, the one with the greater Next holds everything that the other
// holds.
type Partial struct {
	Version   int              `json:"v"`
	Partition int              `json:"partition"`
	End       int64            `json:"end"` // of the window, ms
	Channel   string           `json:"channel"`
	First     int64            `json:"first"` // offset of the first record counted
	Next      int64            `json:"next"`  // offset after the last record counted
	Counts    map[string]int64 `json:"counts"`
}

// Mark says how far one partition of emoji-topic has been counted. A combiner writes it
// to every partition of emoji-partials, after the partials that it covers.
type Mark struct {
	Version    int   `json:"v"`
	Partition  int   `json:"partition"`
	Partitions int   `json:"partitions"` // how many partitions emoji-topic has
	Reducers   int   `json:"reducers"`   // how many partitions emoji-partials has
	Reported   int64 `json:"reported"`   // end of the newest window that had ended before the partition was read to its end, ms
	Closed     int64 `json:"closed"`     // end of the newest window that cannot grow any more, ms
	Settings
}

// Progress is a record of emoji-partials: a partial or a mark.
type Progress struct {
	Partial *Partial `json:"partial,omitempty"`
	Mark    *Mark    `json:"mark,omitempty"`
}

// Encode returns the record value.
func (p Progress) Encode() []byte {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // integers and strings always marshal
	}
	return b
}

// DecodeProgress reads a record of emoji-partials.
func DecodeProgress(b []byte) (Progress, error) {
	var p Progress
	if err := json.Unmarshal(b, &p); err != nil {
		return Progress{}, fmt.Errorf("partial or mark: %w", err)
	}
	var v int
	switch {
	case p.Partial != nil && p.Mark == nil:
		v = p.Partial.Version
	case p.Mark != nil && p.Partial == nil:
		v = p.Mark.Version
	default:
		return Progress{}, fmt.Errorf("partial or mark: the record is neither")
	}
	if v != FormatVersion {
		return Progress{}, fmt.Errorf("partial or mark: format version %d is not the %d that this program reads: run one version of emostream aggregate", v, FormatVersion)
	}
	return p, nil
}
