package aggregator

import (
	"fmt"
	"math"
	"time"

	"github.com/emostream/emostream/internal/wire"
)

// Never is a time before all times, in milliseconds: the watermark of an empty
// log, and the end of the newest window where there is none.
const Never int64 = math.MinInt64

// Windows cuts time into windows and decides which one a record belongs to. All
// times are milliseconds since the Unix epoch, and a window goes by its end.
//
// The decision looks at the log alone: a record belongs to the window of its
// own time as long as that is open, and a window is open at an offset while the
// watermark there, the greatest record time before the offset, is below the
// window's end plus Lateness. So whoever reads the same partition decides the
// same, whenever and however often.
type Windows struct {
	Length   int64
	Lateness int64
}

// Limits of the settings.
const (
	MinWindow   = 200 * time.Millisecond
	MaxWindow   = time.Minute
	MinLateness = time.Millisecond // none at all cannot be told from a lateness that was not set
	MaxLateness = time.Hour
)

// NewWindows checks the settings. Its errors begin with the name of the one that is
// wrong, window or lateness.
func NewWindows(length, lateness time.Duration) (Windows, error) {
	switch {
	case length < MinWindow || length > MaxWindow || length%time.Millisecond != 0:
		return Windows{}, fmt.Errorf("window %v: want whole milliseconds from %v to %v", length, MinWindow, MaxWindow)
	case lateness < MinLateness || lateness > MaxLateness || lateness%time.Millisecond != 0:
		return Windows{}, fmt.Errorf("lateness %v: want whole milliseconds from %v to %v", lateness, MinLateness, MaxLateness)
	}
	return Windows{Length: length.Milliseconds(), Lateness: lateness.Milliseconds()}, nil
}

// Settings are the two lengths as they travel.
func (w Windows) Settings() wire.Settings {
	return wire.Settings{WindowMS: w.Length, LatenessMS: w.Lateness}
}

// Window returns the window that ends at end.
func (w Windows) Window(end int64) wire.Window { return wire.Window{Start: end - w.Length, End: end} }

// Of returns the end of the window that holds t.
func (w Windows) Of(t int64) int64 { return w.roundDown(t) + w.Length }

// Ended returns the end of the newest window that has ended by t.
func (w Windows) Ended(t int64) int64 { return w.roundDown(t) }

// Closed returns the end of the newest window that a watermark closes: the
// greatest end for which end + lateness <= watermark.
func (w Windows) Closed(watermark int64) int64 {
	if watermark == Never {
		return Never
	}
	return w.roundDown(watermark - w.Lateness)
}

// Assign returns the end of the window that a record belongs to: the one of
// its time if that is open under the watermark before the record, else the
// oldest one that is open. In the latter case the record is late.
func (w Windows) Assign(t, watermark int64) (end int64, late bool) {
	end = w.Of(t)
	if closed := w.Closed(watermark); end <= closed {
		return closed + w.Length, true
	}
	return end, false
}

// roundDown returns the greatest multiple of the length that is not after t, before
// the epoch too.
func (w Windows) roundDown(t int64) int64 {
	m := t % w.Length
	if m < 0 {
		m += w.Length
	}
	return t - m
}
