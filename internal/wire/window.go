package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/text/quote"
)

// Window is the time from Start up to, and without, End. Both are in ms since the Unix
// epoch; in JSON they are RFC 3339.
type Window struct {
	Start, End int64
}

// MaxAhead is how much further than the lateness a window may end ahead of the clock. One
// that ends later is of a wrong clock, and is not shown.
const MaxAhead = time.Minute

// LatestEnd returns the greatest end that a window may have at now, in ms, if reactions
// may be late by lateness.
func LatestEnd(now int64, lateness time.Duration) int64 {
	return now + (lateness + MaxAhead).Milliseconds()
}

// MarshalJSON returns {"start","end"}, in UTC with milliseconds.
func (w Window) MarshalJSON() ([]byte, error) {
	b := append(make([]byte, 0, 80), `{"start":"`...)
	b = AppendTime(b, w.Start)
	b = append(b, `","end":"`...)
	b = AppendTime(b, w.End)
	return append(b, `"}`...), nil
}

// maxWindow bounds the length of windows, in ms. Ours are a minute at most, those of
// other programs may be longer.
const maxWindow = int64(24 * time.Hour / time.Millisecond)

// valid says whether the window has a length that windows can have.
func (w Window) valid() bool { return w.End > w.Start && w.End-w.Start <= maxWindow }

// UnmarshalJSON reads {"start","end"} as this program writes it, and as other programs
// do; moment has the forms of times.
func (w *Window) UnmarshalJSON(b []byte) error {
	var t struct{ Start, End *moment }
	if err := json.Unmarshal(b, &t); err != nil {
		return fmt.Errorf("window: %w", err)
	}
	if t.Start == nil || t.End == nil {
		return errors.New(`window: it must have a "start" and an "end"`)
	}
	*w = Window{Start: int64(*t.Start), End: int64(*t.End)}
	if w.End <= w.Start {
		return errors.New("window: its end is not after its start")
	}
	return nil
}

// ParseMoment returns the time, in ms since the Unix epoch, that other programs write as
// a JSON value or as text; moment has its forms.
func ParseMoment(text []byte) (int64, error) {
	var m moment
	err := m.UnmarshalJSON(text)
	return int64(m), err
}

// moment is a time in ms since the Unix epoch, as other programs write it in JSON:
//
//   - RFC 3339 with any UTC offset and any precision. What is finer than milliseconds is
//     cut off. A blank may stand for the T, as in the text of Spark's timestamps and in
//     Python's. A time without an offset is UTC.
//   - a number, or one as text: of milliseconds since the Unix epoch, or of seconds if that
//     would be before 1973.
type moment int64

// UnmarshalJSON implements json.Unmarshaler.
func (m *moment) UnmarshalJSON(b []byte) error {
	text := string(unquoted(b))
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		return m.setNumber(n)
	}
	iso := strings.Replace(text, " ", "T", 1)
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, iso); err == nil {
			*m = moment(t.UnixMilli())
			return nil
		}
	}
	return fmt.Errorf("%s is no time: want it as in 2026-11-29T20:00:00.000Z, or as milliseconds since the Unix epoch", quote.Text(text, 40))
}

// setNumber sets a time that is written as a number.
func (m *moment) setNumber(n float64) error {
	const year1973 = 1e11 // in ms; in seconds it is the year 5138
	if math.Abs(n) < year1973 {
		n *= 1000
	}
	if math.IsNaN(n) || math.Abs(n) >= float64(yearTenThousand) {
		return fmt.Errorf("%v is no time: want milliseconds since the Unix epoch", n)
	}
	*m = moment(math.Round(n))
	return nil
}
