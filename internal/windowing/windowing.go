// Package windowing decides which window each reaction of a partition belongs to. The
// aggregator counts by it, and verify and trace check by it.
package windowing

import (
	"fmt"
	"math"
	"time"

	"github.com/emostream/emostream/internal/wire"
)

// Never is before all times in ms. It is the watermark of an empty log, and the end of
// the newest window if there is none.
const Never int64 = math.MinInt64

// Windows divides time into windows. All times are in ms since the Unix epoch, and a
// window is identified by its end. Assign has the rule that decides which window a
// reaction belongs to.
type Windows struct {
	Length   int64
	Lateness int64
}

// The settings of aggregate unless it is told others. All stages and checks assume them.
const (
	DefaultWindow   = 2 * time.Second
	DefaultLateness = 10 * time.Second
)

// Bounds of the settings.
const (
	MinWindow   = 200 * time.Millisecond
	MaxWindow   = time.Minute
	MinLateness = time.Millisecond // 0 would mean that no lateness was set
	MaxLateness = time.Hour
)

// New returns Windows if the settings are within bounds. Errors begin with the name of
// the setting that is wrong, window or lateness.
func New(length, lateness time.Duration) (Windows, error) {
	switch {
	case length < MinWindow || length > MaxWindow || length%time.Millisecond != 0:
		return Windows{}, fmt.Errorf("window %v: want whole milliseconds from %v to %v", length, MinWindow, MaxWindow)
	case lateness < MinLateness || lateness > MaxLateness || lateness%time.Millisecond != 0:
		return Windows{}, fmt.Errorf("lateness %v: want whole milliseconds from %v to %v", lateness, MinLateness, MaxLateness)
	}
	return Windows{Length: length.Milliseconds(), Lateness: lateness.Milliseconds()}, nil
}

// Of returns the windows of settings that were read from a mark or a commit.
func Of(s wire.Settings) Windows { return Windows{Length: s.WindowMS, Lateness: s.LatenessMS} }

// Allowed says whether New takes these settings.
func Allowed(s wire.Settings) bool {
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

// ShownFrom returns the end of the window in which a reaction of now, in ms, is counted
// in the state s. It returns true if that is ahead of the clock, so that reactions are not
// shown before: the watermark is, or windows are spent up to then.
func (w Windows) ShownFrom(s State, now int64) (end int64, isAhead bool) {
	end, _, _ = w.Assign(s, now)
	return end, w.Closed(s.Watermark) > now || w.IsFarAhead(end, now)
}

// IsFarAhead says whether a window ends further ahead of now, in ms, than any right one.
func (w Windows) IsFarAhead(end, now int64) bool {
	return end > wire.LatestEnd(now, time.Duration(w.Lateness)*time.Millisecond)
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
