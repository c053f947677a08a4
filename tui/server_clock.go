package tui

import (
	"time"

	"github.com/emostream/emostream/internal/client"
)

// maxDrift is by how many seconds two clocks may move apart in one second. Clocks of
// computers drift less.
const maxDrift = 100e-6

// ServerClock estimates how far the main server's clock is ahead of this machine's. The
// main server's clock decides the windows. Each reading gives a lower and an upper
// bound of the offset; the estimate is the range that all readings allow. The zero
// value has no reading.
type ServerClock struct {
	low, high time.Duration // bounds of the offset at the moment at
	at        time.Time
}

// Add returns the estimate after a reading. If the reading contradicts the earlier
// ones, one of the clocks was set, and the reading replaces them.
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

// Known returns whether there was a reading.
func (c ServerClock) Known() bool { return !c.at.IsZero() }

// Offset returns how far the server's clock is ahead, and the greatest error of that.
func (c ServerClock) Offset() (ahead, within time.Duration) {
	return c.low + (c.high-c.low)/2, (c.high - c.low) / 2
}

// maxError is the greatest error of the offset with which no more readings are needed.
const maxError = 20 * time.Millisecond

// TooRough returns whether more readings are needed.
func (c ServerClock) TooRough() bool {
	_, within := c.Offset()
	return !c.Known() || within > maxError
}

// NextReading returns the best time for the next reading. The server tells its time in
// whole seconds, so a reading halves the error if it is taken when the server's clock
// is estimated to reach the next second.
func (c ServerClock) NextReading(now time.Time) time.Time {
	server := c.ServerTime(now)
	return now.Add(server.Truncate(time.Second).Add(time.Second).Sub(server))
}

// ServerTime converts a time of this machine's clock to the server's clock.
func (c ServerClock) ServerTime(at time.Time) time.Time {
	ahead, _ := c.Offset()
	return at.Add(ahead)
}
