package wire

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// TimeFormat writes times as we write them: UTC, milliseconds, Z.
const TimeFormat = "2006-01-02T15:04:05.000Z"

// AppendTime appends the time of ms milliseconds since the Unix epoch.
func AppendTime(dst []byte, ms int64) []byte {
	return time.UnixMilli(ms).UTC().AppendFormat(dst, TimeFormat)
}

// Time is a moment in milliseconds since the Unix epoch, written as we write times.
type Time int64

func (t Time) String() string { return string(AppendTime(nil, int64(t))) }

// MarshalText writes RFC 3339 in UTC with milliseconds.
func (t Time) MarshalText() ([]byte, error) { return AppendTime(nil, int64(t)), nil }

// Window is a span of time, from Start on and before End. On the wire its ends
// are RFC 3339; here they are milliseconds since the Unix epoch.
type Window struct {
	Start, End int64
}

// MarshalJSON writes {"start","end"} in UTC with milliseconds.
func (w Window) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 80), `{"start":"`...)
	b = AppendTime(b, w.Start)
	b = append(b, `","end":"`...)
	b = AppendTime(b, w.End)
	return append(b, `"}`...), nil
}

// UnmarshalJSON reads {"start","end"} with any offset and any precision down to
// milliseconds, as Spark writes them too.
func (w *Window) UnmarshalJSON(b []byte) error {
	var t struct{ Start, End time.Time }
	if err := json.Unmarshal(b, &t); err != nil {
		return fmt.Errorf("window: %w", err)
	}
	*w = Window{Start: t.Start.UnixMilli(), End: t.End.UnixMilli()}
	if w.End <= w.Start {
		return fmt.Errorf("window: its end is not after its start")
	}
	return nil
}

// Count is how often one emoji was seen in one window of one channel: a record
// of emoji-aggregated. Counts of a window only grow, and the greatest is true.
type Count struct {
	Window  Window  `json:"window"`
	Emoji   string  `json:"emoji_type"`
	Count   int64   `json:"emoji_count"`
	Scaled  float64 `json:"emoji_count_aggregated"`
	Channel string  `json:"channel,omitempty"` // left out for the main channel
}

// DecodeCount reads a record value of emoji-aggregated, checks what its readers rely
// on, and gives the main channel its name.
func DecodeCount(value []byte) (Count, error) {
	var c Count
	if err := json.Unmarshal(value, &c); err != nil {
		return Count{}, fmt.Errorf("count: %w", err)
	}
	c.Channel = cmp.Or(c.Channel, MainChannel)
	if c.Window.End <= c.Window.Start || c.Emoji == "" || len(c.Emoji) > MaxEmoji || c.Count < 0 || !ValidChannel(c.Channel) {
		return Count{}, fmt.Errorf("count: it is not one of an emoji in a window")
	}
	return c, nil
}

// Headers of emoji-aggregated. Readers that do not know them lose nothing.
const (
	// CompleteHeader stands on the last record of an emission; its value is
	// the number of emojis that the window has.
	CompleteHeader = "emostream-complete"
	// ClosedHeader stands beside it; its value is "R/N:T": of N reducer
	// partitions, R has said all it will ever say of windows that end at T (ms)
	// or before.
	ClosedHeader = "emostream-closed"
)

// Closing is the value of a ClosedHeader.
type Closing struct {
	Reducer  int
	Reducers int
	End      int64 // ms
}

// Encode returns the header's value.
func (c Closing) Encode() []byte {
	return fmt.Appendf(nil, "%d/%d:%d", c.Reducer, c.Reducers, c.End)
}

// ParseClosing reads the value of a ClosedHeader, in the form that Encode writes
// and in no other.
func ParseClosing(b []byte) (c Closing, ok bool) {
	_, err := fmt.Sscanf(string(b), "%d/%d:%d", &c.Reducer, &c.Reducers, &c.End)
	if err != nil || c.Reducer < 0 || c.Reducer >= c.Reducers || !bytes.Equal(c.Encode(), b) {
		return Closing{}, false
	}
	return c, true
}

// EmojiCount is how often one emoji was seen in a swarm's window.
type EmojiCount struct {
	Emoji  string  `json:"emoji_type"`
	Count  int64   `json:"emoji_count"`
	Scaled float64 `json:"emoji_count_aggregated"`
}

// Swarm is the mood of one channel in one window: a record of cluster_N and
// sub_N, and what a subscriber receives. Total counts all reactions, also those
// of emojis beyond the ones listed. Of two swarms of a window the one with the
// greater total is true.
type Swarm struct {
	Channel string       `json:"channel"`
	Window  Window       `json:"window"`
	Total   int64        `json:"total"`
	Emojis  []EmojiCount `json:"emojis"`
}

// DefaultTop is how many emojis a swarm lists unless told otherwise.
const DefaultTop = 50

// NewSwarm makes a swarm of the counts of a window's emojis, at most one for each
// emoji. It sorts them in place, most frequent first and ties by code point, and
// lists the first top of them.
func NewSwarm(channel string, w Window, counts []EmojiCount, top int) Swarm {
	slices.SortFunc(counts, func(a, b EmojiCount) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Emoji, b.Emoji))
	})
	s := Swarm{Channel: channel, Window: w, Emojis: []EmojiCount{}}
	for _, t := range counts {
		s.Total += t.Count
	}
	if len(counts) > 0 {
		s.Emojis = counts[:min(top, len(counts))]
	}
	return s
}

// DecodeSwarm reads a swarm and checks what its readers rely on.
func DecodeSwarm(b []byte) (Swarm, error) {
	var s Swarm
	if err := json.Unmarshal(b, &s); err != nil {
		return Swarm{}, fmt.Errorf("swarm: %w", err)
	}
	switch {
	case !ValidChannel(s.Channel):
		return Swarm{}, fmt.Errorf("swarm: channel must be 1 to %d of A-Z a-z 0-9 . _ -", MaxChannel)
	case s.Window.End <= s.Window.Start:
		return Swarm{}, fmt.Errorf("swarm: it has no window")
	case s.Total < 0:
		return Swarm{}, fmt.Errorf("swarm: its total is below zero")
	}
	return s, nil
}
