package wire

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/emostream/emostream/internal/text/quote"
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
//
// Other programs may write numbers as text, and whole ones with a fraction of zero: "6",
// 6.0. Window says which times it takes.
func DecodeCount(value []byte) (Count, error) {
	var r struct {
		Window  *Window         `json:"window"`
		Emoji   string          `json:"emoji_type"`
		Count   json.RawMessage `json:"emoji_count"`
		Scaled  json.RawMessage `json:"emoji_count_aggregated"`
		Channel string          `json:"channel"`
	}
	if err := json.Unmarshal(value, &r); err != nil {
		return Count{}, fmt.Errorf("count: %w", err)
	}
	c := Count{Emoji: r.Emoji, Channel: cmp.Or(r.Channel, MainChannel)}
	switch {
	case r.Window == nil || !r.Window.valid():
		return Count{}, errors.New("count: it has no window of at most a day")
	case c.Emoji == "" || len(c.Emoji) > MaxEmoji:
		return Count{}, fmt.Errorf("count: emoji_type must be 1 to %d bytes", MaxEmoji)
	case !ValidChannel(c.Channel):
		return Count{}, fmt.Errorf("count: channel must be 1 to %d of A-Z a-z 0-9 . _ -", MaxChannel)
	}
	c.Window = *r.Window
	if len(r.Count) == 0 {
		return Count{}, errors.New("count: it has no emoji_count")
	}
	n, err := number(r.Count)
	if err != nil || n > MaxCount || n != math.Trunc(n) {
		return Count{}, fmt.Errorf("count: emoji_count must be a whole number from 0 to %d, and is %s", MaxCount, quote.Text(string(r.Count), 40))
	}
	c.Count = int64(n)
	if len(r.Scaled) > 0 && string(r.Scaled) != "null" {
		if c.Scaled, err = number(r.Scaled); err != nil {
			return Count{}, fmt.Errorf("count: emoji_count_aggregated must be a number from 0 on, and is %s", quote.Text(string(r.Scaled), 40))
		}
	}
	return c, nil
}

// number returns the value of a number that is not below zero, also of one that is
// written as text.
func number(raw json.RawMessage) (float64, error) {
	n, err := strconv.ParseFloat(string(unquoted(raw)), 64)
	if err == nil && (math.IsNaN(n) || n < 0 || n > math.MaxFloat64) {
		err = strconv.ErrRange
	}
	return n, err
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
