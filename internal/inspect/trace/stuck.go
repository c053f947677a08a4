package trace

import (
	"math"
	"slices"
)

// Tick gives up what is stuck, and forgets what nobody waits for.
func (t *Tracer) Tick(now int64) {
	for f := range t.all {
		if now-max(f.since, t.windowEnd(f)*1000) > t.cfg.StuckAfter.Microseconds() {
			t.giveUp(f)
		}
	}
	if t.sampling > 1 && len(t.all) < t.cfg.MaxFollowed/8 {
		t.sampling /= 2
	}
	t.forget(now / 1000)
}

// windowEnd is the end of the window that a reaction is counted in, or, before that
// is known, of the one that it should be counted in, ms.
func (t *Tracer) windowEnd(f *followed) int64 {
	if f.WindowEnd != 0 {
		return f.WindowEnd
	}
	return t.assignedWindow(f)
}

// giveUp stops following a reaction that is stuck. Servers that alone lack it are not
// waited for any more until a swarm comes from them.
func (t *Tracer) giveUp(f *followed) {
	if c := t.lastCount(f); c != nil {
		t.aggregated(f, c.count.at)
		return
	}
	if f.At[Aggregated] != 0 && t.arrived(f) { // since a server is not waited for any more
		t.finish(f)
		return
	}
	if f.At[Subscribed] != 0 {
		for _, topic := range t.missing(f) {
			t.servers[topic] = false
		}
	}
	f.Stuck = true
	t.finish(f)
}

// lastCount returns the count of a reaction's emoji in its window, if it was read
// after the reaction and stayed below the number that the reaction needs. That happens
// where another program counts, whose rule puts reactions near a boundary into another
// window. nil if it is not so.
func (t *Tracer) lastCount(f *followed) *emojiState {
	if f.windowState == nil || f.At[Counted] != 0 || f.At[Aggregated] != 0 {
		return nil
	}
	if c := f.windowState.emojis[f.Emoji]; c != nil && c.count.at >= f.At[Logged] {
		return c
	}
	return nil
}

// finish ends the following of a reaction.
func (t *Tracer) finish(f *followed) {
	f.straighten()
	t.stopFollowing(f)
	if t.Ended() {
		return
	}
	t.totals.finish(&f.Journey)
	t.finished = append(t.finished, f.Journey)
}

// Ended says whether as many have come to their end as were asked for.
func (t *Tracer) Ended() bool { return t.cfg.End > 0 && t.totals.done+t.totals.stuck >= t.cfg.End }

// drop stops following a reaction, and leaves it out of the report.
func (t *Tracer) drop(f *followed) {
	t.stopFollowing(f)
	t.totals.followed--
	t.totals.notFollowed++
}

func (t *Tracer) stopFollowing(f *followed) {
	f.over = true
	delete(t.all, f)
	if f.windowState != nil {
		f.windowState.followedCount--
	}
}

// forget removes windows in which no reaction is followed, and the oldest one while
// there are too many.
func (t *Tracer) forget(now int64) {
	numbers, oldest := 0, int64(math.MaxInt64)
	for k, g := range t.windows {
		if g.followedCount == 0 && k.end < now-keepWindows {
			delete(t.windows, k)
			continue
		}
		g.tidy()
		numbers += g.size()
		oldest = min(oldest, k.end)
	}
	for from, list := range t.notCounted {
		if t.notCounted[from] = slices.DeleteFunc(list, over); len(t.notCounted[from]) == 0 {
			delete(t.notCounted, from)
		}
	}
	if numbers > maxNumbers {
		t.evict(oldest)
		t.forget(now)
	}
}

// evict forgets all of a window.
func (t *Tracer) evict(end int64) {
	for f := range t.all {
		if f.windowState != nil && f.windowState.end == end {
			t.drop(f)
		}
	}
	for k := range t.windows {
		if k.end == end {
			delete(t.windows, k)
		}
	}
}

// tidy lets those go that are not followed any more.
func (g *windowState) tidy() {
	g.onTheWay = slices.DeleteFunc(g.onTheWay, over)
	for _, c := range g.emojis {
		c.waiting = slices.DeleteFunc(c.waiting, over)
	}
}
