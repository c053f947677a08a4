package aggregator

import (
	"fmt"
	"math"
	"time"

	"github.com/emostream/emostream/internal/wire"
)

// Never is before all times in ms. It is the watermark of an empty log, and the end of
// the newest window if there is none.
const Never int64 = math.MinInt64

// Windows divides time into windows, and decides which one a record belongs to. All
// times are in ms since the Unix epoch, and a window is identified by its end.
//
// The log alone decides. The watermark at an offset is the greatest record time before
// it. A window is open while the watermark is below the window's end plus Lateness. A
// record belongs to the window of its own time if that is open, else to the oldest open
// window. So everybody who reads the same partition decides the same, whenever and
// however often.
type Windows struct {
	Length   int64
	Lateness int64
}

// Bounds of the settings.
const (
	MinWindow   = 200 * time.Millisecond
	MaxWindow   = time.Minute
	MinLateness = time.Millisecond // 0 would mean that no lateness was set
	MaxLateness = time.Hour
)

// NewWindows returns Windows if the settings are within bounds. Errors begin with the
// name of the setting that is wrong, window or lateness.
func NewWindows(length, lateness time.Duration) (Windows, error) {
	switch {
	case length < MinWindow || length > MaxWindow || length%time.Millisecond != 0:
		return Windows{}, fmt.Errorf("window %v: want whole milliseconds from %v to %v", length, MinWindow, MaxWindow)
	case lateness < MinLateness || lateness > MaxLateness || lateness%time.Millisecond != 0:
		return Windows{}, fmt.Errorf("lateness %v: want whole milliseconds from %v to %v", lateness, MinLateness, MaxLateness)
	}
	return Windows{Length: length.Milliseconds(), Lateness: lateness.Milliseconds()}, nil
}

// allowed says whether NewWindows takes these settings.
func allowed(s wire.Settings) bool {
	return s.WindowMS >= MinWindow.Milliseconds() && s.WindowMS <= MaxWindow.Milliseconds() &&
		s.LatenessMS >= MinLateness.Milliseconds() && s.LatenessMS <= MaxLateness.Milliseconds()
}

// Settings returns both settings as marks and commits hold them.
func (w Windows) Settings() wire.Settings {
	return wire.Settings{WindowMS: w.Length, LatenessMS: w.Lateness}
}

// Window returns the window that ends at end.
func (w Windows) Window(end int64) wire.Window { return wire.Window{Start: end - w.Length, End: end} }

// Of returns the end of the window that t falls into.
func (w Windows) Of(t int64) int64 { return w.roundDown(t) + w.Length }

// Ended returns the end of the newest window that has ended by t.
func (w Windows) Ended(t int64) int64 { return w.roundDown(t) }

// Closed returns the end of the newest window that is closed under a watermark: the
// greatest end for which end + lateness <= watermark.
func (w Windows) Closed(watermark int64) int64 {
	if watermark == Never {
		return Never
	}
	return w.roundDown(watermark - w.Lateness)
}

// Assign returns the end of the window that a record belongs to. t is the record's
// time, watermark the greatest record time before it. If the window of t is open, the
// record belongs to it; else the record is late, and belongs to the oldest open window.
func (w Windows) Assign(t, watermark int64) (end int64, late bool) {
	end = w.Of(t)
	if closed := w.Closed(watermark); end <= closed {
		return closed + w.Length, true
	}
	return end, false
}

// roundDown returns the greatest multiple of the length that is not after t. t may be
// before the Unix epoch.
func (w Windows) roundDown(t int64) int64 {
	m := t % w.Length
	if m < 0 {
		m += w.Length
	}
	return t - m
}
