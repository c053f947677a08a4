package tui

import (
	"time"

	"github.com/emostream/emostream/internal/client"
)

// drift is how much two clocks may move apart in a second: more than those of
// computers do.
const maxDrift = 100e-6

// Clock is what is known of the main server's clock, which decides the windows.
// Each reading leaves a span in which the offset must be; what is kept is what all
// of them allow. The zero value knows nothing.
type ServerClock struct {
	low, high time.Duration // by which the server's clock is ahead, at the time at
	at        time.Time
}

// Saw takes a reading in. One that contradicts what is known replaces it: a clock
// was set.
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

// Known says whether the clock was ever read.
func (c ServerClock) Known() bool { return !c.at.IsZero() }

// Offset is by how much the server's clock is ahead, and how wrong that may be.
func (c ServerClock) Offset() (ahead, within time.Duration) {
	return c.low + (c.high-c.low)/2, (c.high - c.low) / 2
}

// vague is how wrong the offset may be before it is worth another question.
const maxError = 20 * time.Millisecond

// Vague says whether the offset is known well enough.
func (c ServerClock) TooRough() bool {
	_, within := c.Offset()
	return !c.Known() || within > maxError
}

// Ask is the next time from now on at which a reading of whole seconds halves the
// doubt: when the server's second ends, if the offset is in the middle of what it
// may be.
func (c ServerClock) NextReading(now time.Time) time.Time {
	server := c.ServerTime(now)
	return now.Add(server.Truncate(time.Second).Add(time.Second).Sub(server))
}

// Server is what the server's clock shows when this one shows a time.
func (c ServerClock) ServerTime(at time.Time) time.Time {
	ahead, _ := c.Offset()
	return at.Add(ahead)
}
