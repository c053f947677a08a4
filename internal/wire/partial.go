package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/emostream/emostream/internal/text/quote"
)

// FormatVersion is the version of partials, marks and commit metadata. Readers accept
// this version and all before it.
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
	// Reset is the offset after the record that last reset the partition's watermark; 0:
	// none did. Marks with a smaller one do not hold any more.
	Reset int64 `json:"reset,omitempty"`
	// Reopened is set in the mark with which whoever resets a watermark begins: windows
	// that end after it, in ms, may grow again. Nothing is closed before the combiner has
	// read the reset, which has an offset of Reset or greater.
	Reopened int64 `json:"reopened,omitempty"`
	// TopicID is the id of emoji-topic; empty: not known. Marks about a topic of the same
	// name that is gone do not hold any more.
	TopicID string `json:"reactions_id,omitempty"`
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

// NewerFormatError says that a partial or a mark has a newer format than this program
// reads. Passing over it may lose counts.
type NewerFormatError struct{ Version int }

func (e *NewerFormatError) Error() string {
	return fmt.Sprintf("format version %d is newer than the %d that this program reads: a newer emostream wrote it", e.Version, FormatVersion)
}

// MaxResettable is of how many partitions of emoji-topic watermarks can be reset: for so
// many a reducer's commit tells the last reset.
const MaxResettable = 40

// Bounds of what partials and marks tell, so that what is noted of them has room in the
// metadata of a commit.
const (
	maxOffset = 1 << 50
	latestEnd = yearTenThousand + 60_000
)

// maxPartitions bounds the numbers of partitions that a mark may name. Kafka recommends
// no more than 4,000 on a broker.
const maxPartitions = 100_000

// DecodeProgress reads a record of emoji-partials. It fails with a *NewerFormatError if
// the record has a newer format. It fails with another error if the record is none of
// ours, or says what cannot be.
func DecodeProgress(b []byte) (Progress, error) {
	var p Progress
	err := json.Unmarshal(b, &p)
	if v := p.version(b, err); v > FormatVersion {
		return Progress{}, &NewerFormatError{v}
	}
	switch {
	case err != nil:
	case p.Partial != nil && p.Mark == nil:
		err = p.Partial.check()
	case p.Mark != nil && p.Partial == nil:
		err = p.Mark.check()
	default:
		err = errors.New("the record is neither")
	}
	if err != nil {
		return Progress{}, fmt.Errorf("partial or mark: %w", err)
	}
	return p, nil
}

// version returns the format version of a record that was decoded from b with an error
// or without; 0 if it has none. Other fields of a newer format may have other types.
func (p Progress) version(b []byte, err error) int {
	if err != nil {
		type versioned struct {
			V int `json:"v"`
		}
		var v struct{ Partial, Mark versioned }
		if json.Unmarshal(b, &v) != nil {
			return 0
		}
		return max(v.Partial.V, v.Mark.V)
	}
	v := 0
	if p.Partial != nil {
		v = p.Partial.Version
	}
	if p.Mark != nil {
		v = max(v, p.Mark.Version)
	}
	return v
}

// check returns an error if no combiner could have written the partial.
func (p *Partial) check() error {
	switch {
	case p.Version < 1:
		return errors.New("it has no format version")
	case p.Partition < 0 || p.Partition >= maxPartitions:
		return fmt.Errorf("there is no partition %d", p.Partition)
	case p.First < 0 || p.Next <= p.First || p.Next > maxOffset || p.End > latestEnd:
		return fmt.Errorf("it counts the offsets from %d to %d of a window that ends at %d ms", p.First, p.Next, p.End)
	case !ValidChannel(p.Channel) || len(p.Counts) == 0:
		return errors.New("it has no channel or no counts")
	}
	room := p.Next - p.First // each record is one reaction
	for emoji, n := range p.Counts {
		if room -= n; emoji == "" || len(emoji) > MaxEmoji || n < 1 || room < 0 {
			return fmt.Errorf("it counts %d of %s among the offsets from %d to %d", n, quote.Text(emoji, 40), p.First, p.Next)
		}
	}
	return nil
}

// check returns an error if no combiner could have written the mark.
func (m *Mark) check() error {
	switch {
	case m.Version < 1:
		return errors.New("it has no format version")
	case m.Partitions < 1 || m.Partitions > maxPartitions || m.Reducers < 1 || m.Reducers > maxPartitions:
		return fmt.Errorf("there are no %d and %d partitions", m.Partitions, m.Reducers)
	case m.Partition < 0 || m.Partition >= m.Partitions:
		return fmt.Errorf("there is no partition %d of %d", m.Partition, m.Partitions)
	case m.Reported > latestEnd || m.Closed > latestEnd:
		return fmt.Errorf("no windows end at %d and %d ms", m.Reported, m.Closed)
	case m.Reset < 0 || m.Reset > maxOffset || m.Reopened != 0 && !IsTime(m.Reopened):
		return fmt.Errorf("no reset has the offset %d or opens the windows after %d ms", m.Reset, m.Reopened)
	case m.WindowMS < 1 || m.LatenessMS < 1:
		return fmt.Errorf("nothing is counted by %v", m.Settings)
	}
	return nil
}
