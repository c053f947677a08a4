package tui

import (
	"time"

	"github.com/emostream/emostream/internal/client"
)

// maxDrift is by how many seconds two clocks may move apart in a second. Those of
// computers drift less.
const maxDrift = 100e-6

// ServerClock estimates by how much the main server's clock, which decides the
// windows, is ahead of this machine's. Each reading bounds the offset from below and
// above, and the estimate is the range that all readings allow. The zero value has no
// reading.
type ServerClock struct {
	low, high time.Duration // bounds of the offset, at the time at
	at        time.Time
}

// Add returns the estimate after a reading. A reading that contradicts the others
// replaces them, since one of the clocks was set.
func (c ServerClock) Add(r client.ClockReading) ServerClock {
	if r.Server.IsZero() {
		return c
	}
	n := ServerClock{low: r.Server.Sub(r.Answered), high: r.Server.Add(r.Within).Sub(r.Asked), at: r.Answered}
	if c.at.IsZero() {
		return n
	}
	aged := time.Duration(maxDrift * float64(r.Answered.Sub(c.at)))
	low, high := c.low-aged, c.high+aged
	if n.low > high || n.high < low {
		return n
	}
	n.low, n.high = max(low, n.low), min(high, n.high)
	return n
}

// Known says whether there was a reading.
func (c ServerClock) Known() bool { return !c.at.IsZero() }

// Offset returns by how much the server's clock is ahead, and the greatest error of
// that.
func (c ServerClock) Offset() (ahead, within time.Duration) {
	return c.low + (c.high-c.low)/2, (c.high - c.low) / 2
}

// maxError is the error of the offset from which on more readings are worth a request.
const maxError = 20 * time.Millisecond

// TooRough says whether more readings are needed.
func (c ServerClock) TooRough() bool {
	_, within := c.Offset()
	return !c.Known() || within > maxError
}

// NextReading returns the best time for the next reading. The server tells its time in
// whole seconds, so a reading halves the error if it is taken when the server's
// second is estimated to end.
func (c ServerClock) NextReading(now time.Time) time.Time {
	server := c.ServerTime(now)
	return now.Add(server.Truncate(time.Second).Add(time.Second).Sub(server))
}

// ServerTime converts a time of this machine's clock into one of the server's.
func (c ServerClock) ServerTime(at time.Time) time.Time {
	ahead, _ := c.Offset()
	return at.Add(ahead)
}
