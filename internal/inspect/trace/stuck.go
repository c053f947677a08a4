package trace

import (
	"math"
	"slices"
)

// Tick gives up the reactions that are stuck at now, in µs since the Unix epoch, and
// forgets windows in which no reaction is followed any more.
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

// windowEnd returns the end, in ms, of the window in which a reaction is counted.
// Before that is known it returns the end of the window in which it should be counted.
func (t *Tracer) windowEnd(f *followed) int64 {
	if f.WindowEnd != 0 {
		return f.WindowEnd
	}
	return t.assignedWindow(f)
}

// giveUp stops following a reaction that is stuck. If it has reached some servers and
// not others, those others are not waited for any more until a swarm comes from them.
func (t *Tracer) giveUp(f *followed) {
	if c := t.lastCount(f); c != nil {
		t.aggregated(f, c.count.at)
		return
	}
	if f.At[Aggregated] != 0 && t.arrived(f) { // the servers that it did not reach may not be waited for any more
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

// lastCount returns the count of a reaction's emoji in its window, if it was read after
// the reaction and is below the number that the reaction needs; else nil. The count
// stays below where another program than aggregate counts, and its rule puts reactions
// near a boundary into another window.
func (t *Tracer) lastCount(f *followed) *emojiState {
	if f.windowState == nil || f.At[Counted] != 0 || f.At[Aggregated] != 0 {
		return nil
	}
	if c := f.windowState.emojis[f.Emoji]; c != nil && c.count.at >= f.At[Logged] {
		return c
	}
	return nil
}

// finish stops following a reaction and adds it to the report, unless the report has as
// many as were asked for.
func (t *Tracer) finish(f *followed) {
	f.straighten()
	t.stopFollowing(f)
	if t.Ended() {
		return
	}
	t.totals.finish(&f.Journey)
	t.finished = append(t.finished, f.Journey)
}

// Ended says whether as many reactions as Config.End asks for are done or stuck.
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

// forget removes the windows in which no reaction is followed, a minute after their
// end. While there are too many numbers it removes the oldest window, too. now is in
// ms.
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

// evict removes the windows of all channels that end at end, and drops the reactions in
// them.
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

// tidy removes the reactions that are not followed any more.
func (g *windowState) tidy() {
	g.onTheWay = slices.DeleteFunc(g.onTheWay, over)
	for _, c := range g.emojis {
		c.waiting = slices.DeleteFunc(c.waiting, over)
	}
}
