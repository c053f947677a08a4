package publisher

import "github.com/emostream/emostream/internal/wire"

// channel decides when a channel gets an empty swarm.
type channel struct {
	last      wire.Window // the channel's newest window with counts
	lastAt    int64       // when the first record of last was read, ms; never if last was called complete
	emptySent bool        // the empty swarm for the next window was sent
}

// next returns the window after a channel's last one.
func (ch *channel) next() wire.Window {
	return wire.Window{Start: ch.last.End, End: 2*ch.last.End - ch.last.Start}
}

// emptyAt returns when the channel gets an empty swarm for its next window if that has
// no counts. A program that calls no window complete may be far behind the clock. Then
// the wait for the next window begins when the last one began to come in.
func (ch *channel) emptyAt(delay int64) int64 {
	next := ch.next()
	return max(next.End, ch.lastAt+next.End-next.Start) + delay
}
