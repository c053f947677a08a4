package wire

import (
	"encoding/json"
	"fmt"
	"time"
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

// UnmarshalJSON reads {"start","end"} with any UTC offset and any precision, as Spark
// writes them. It cuts off what is finer than milliseconds.
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
