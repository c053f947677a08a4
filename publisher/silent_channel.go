package publisher

import "github.com/emostream/emostream/internal/wire"

// channel is what decides when a channel gets an empty swarm.
type channel struct {
	last      wire.Window // its newest window with counts
	lastAt    int64       // when the first record of that was read; never if it was called complete
	emptySent bool        // the empty swarm after it was sent
}

// next is the window after a channel's last one.
func (ch *channel) next() wire.Window {
	return wire.Window{Start: ch.last.End, End: 2*ch.last.End - ch.last.Start}
}

// emptyAt is when a channel without counts in its next window gets an empty swarm
// for it. A program that calls nothing complete may run far behind the clock: its
// next window is waited for from when its last one began to come in.
func (ch *channel) emptyAt(delay int64) int64 {
	next := ch.next()
	return max(next.End, ch.lastAt+next.End-next.Start) + delay
}
