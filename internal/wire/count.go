package wire

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
)

// Count is how often one emoji was sent in one window of one channel: a record of
// emoji-aggregated. Counts only grow: of two of the same emoji, window and channel, the
// greater one is right.
type Count struct {
	Window  Window  `json:"window"`
	Emoji   string  `json:"emoji_type"`
	Count   int64   `json:"emoji_count"`
	Scaled  float64 `json:"emoji_count_aggregated"`
	Channel string  `json:"channel,omitempty"` // left out for the main channel
}

// MaxCount is the greatest count of an emoji. Sums of so great counts do not overflow.
const MaxCount = 1_000_000_000_000

// DecodeCount decodes a record value of emoji-aggregated, and checks what its readers
// rely on. If it names no channel, Channel is the main channel.
func DecodeCount(value []byte) (Count, error) {
	var c Count
	if err := json.Unmarshal(value, &c); err != nil {
		return Count{}, fmt.Errorf("count: %w", err)
	}
	c.Channel = cmp.Or(c.Channel, MainChannel)
	if !c.Window.valid() || c.Emoji == "" || len(c.Emoji) > MaxEmoji || c.Count < 0 || c.Count > MaxCount || c.Scaled < 0 || !ValidChannel(c.Channel) {
		return Count{}, fmt.Errorf("count: it is not one of an emoji in a window")
	}
	return c, nil
}

// Headers of records of emoji-aggregated. With them readers can send a window sooner,
// and forget it sooner. Readers that do not know them can still read every count.
const (
	// CompleteHeader is on the last record of each window and channel in an emission.
	// Its value is the number of emojis in the window.
	CompleteHeader = "emostream-complete"
	// ClosedHeader is on the same records. Its value is "R/N:T": the reducer of
	// partition R of emoji-partials, which has N partitions, writes no more counts of
	// windows that end at T (ms since the Unix epoch) or before.
	ClosedHeader = "emostream-closed"
)

// Closing is the value of a ClosedHeader.
type Closing struct {
	Reducer  int
	Reducers int
	End      int64 // of the newest window that is closed, ms
	// Reopened is the end of the window after which a reset of watermarks has last opened
	// windows again, ms; 0: none did. What a reducer has closed before that, with a smaller
	// one, does not hold any more.
	Reopened int64
}

// Encode returns the header's value.
func (c Closing) Encode() []byte {
	b := fmt.Appendf(nil, "%d/%d:%d", c.Reducer, c.Reducers, c.End)
	if c.Reopened != 0 {
		b = fmt.Appendf(b, "/%d", c.Reopened)
	}
	return b
}

// ParseClosing reads the value of a ClosedHeader, in the form that Encode writes
// and in no other.
func ParseClosing(b []byte) (c Closing, ok bool) {
	format, fields := "%d/%d:%d", []any{&c.Reducer, &c.Reducers, &c.End}
	if bytes.Count(b, []byte("/")) > 1 {
		format, fields = format+"/%d", append(fields, &c.Reopened)
	}
	_, err := fmt.Sscanf(string(b), format, fields...)
	if err != nil || c.Reducer < 0 || c.Reducer >= c.Reducers || !bytes.Equal(c.Encode(), b) {
		return Closing{}, false
	}
	return c, true
}
