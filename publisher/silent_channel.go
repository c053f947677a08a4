package publisher

import (
	"time"

	"github.com/emostream/emostream/internal/wire"
)

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

// emptyAt returns when a channel gets an empty swarm for its next window if that has no
// counts.
//
// A program that calls no window complete, such as a Spark job, writes several windows at
// once and then none for a while, and may be far behind the clock. So the clock does not
// say whether the next window has no counts or is still to come. What says it is the
// program's own rhythm: the wait begins when the channel's last window began to come in,
// and lasts a window and twice the longest pause that the program has made lately, but at
// least leastPatience: a batch may take far longer than those before.
func (m *Merger) emptyAt(ch *channel) int64 {
	next := ch.next()
	return max(next.End, ch.lastAt+m.pauses.patience(next.End-next.Start, m.horizon)) + m.emptyDelay
}

// pauses are how long the next window of a channel took to come in after the one before,
// in windows that nobody called complete. A window that has no counts makes no pause, so
// that a silent crowd is not taken for a slow program.
type pauses struct {
	longest, longestBefore int64 // in the present span of pausesKept, and in the one before, ms
	since                  int64 // when the present span began, ms
}

// pausesKept is how long at least a pause is remembered, in ms.
const pausesKept = int64(5 * time.Minute / time.Millisecond)

// leastPatience is how long at least the next window may take, in ms.
const leastPatience = int64(30 * time.Second / time.Millisecond)

// add notes a pause that was over at now.
func (p *pauses) add(pause, now int64) {
	if age := now - p.since; age < 0 || age >= pausesKept {
		p.longest, p.longestBefore, p.since = 0, p.longest, now
	}
	p.longest = max(p.longest, pause)
}

// patience returns how long the next window of the given length may take, in ms: at most
// the horizon, but always two windows, since a program that writes each when it has ended
// pauses for one. Pauses shorter than half a window are those between windows that were
// written at once. As long as only such are known, it returns the most.
func (p *pauses) patience(length, horizon int64) int64 {
	most := max(horizon, 2*length)
	longest := min(max(p.longest, p.longestBefore), most)
	if longest < length/2 {
		return most
	}
	return min(max(length+2*longest, leastPatience), most)
}

// recordTime returns the time of a record that was read at now. Where another program's
// record has none, or one ahead of the clock, it is now.
func recordTime(t, now int64) int64 {
	if !wire.IsTime(t) {
		return now
	}
	return min(t, now)
}
