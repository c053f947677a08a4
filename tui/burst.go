package tui

import "time"

// Bounds of a burst.
const (
	maxBurstTaps = 10_000 // taps
	maxBurstRate = 1_000  // taps a second
)

// burst is a number of taps of one emoji, sent at a rate. The zero value is no burst.
type burst struct {
	emoji      string
	size, rate int
	sent       int
	began      time.Time
}

func (b burst) running() bool { return b.sent < b.size }

func (b burst) stopped() burst {
	b.size = b.sent
	return b
}

// tapDue queues the taps that are due by now. If the queue is full, the burst ends.
func (b burst) tapDue(o TapQueue, now time.Time) (burst, TapQueue) {
	if !b.running() {
		return b, o
	}
	due := min(b.size, 1+int(now.Sub(b.began).Seconds()*float64(b.rate)))
	if due <= b.sent {
		return b, o
	}
	o, taken := o.Tap(b.emoji, due-b.sent, now)
	b.sent = due
	if !taken {
		b = b.stopped()
	}
	return b, o
}
