package trace

import (
	"math"
	"slices"
)

// Tick gives up what is stuck, and forgets what nobody waits for.
func (t *Tracer) Tick(now int64) {
	for f := range t.all {
		if now-max(f.since, t.due(f)*1000) > t.cfg.Patience.Microseconds() {
			t.giveUp(f)
		}
	}
	if t.stride > 1 && len(t.all) < t.cfg.Most/8 {
		t.stride /= 2
	}
	t.forget(now / 1000)
}

// due is the end of a reaction's window, as far as it is known.
func (t *Tracer) due(f *follow) int64 {
	if f.WindowEnd != 0 {
		return f.WindowEnd
	}
	return t.window(f)
}

// giveUp ends the following of a reaction that is stuck. A server that alone has not
// got it is not waited for again until it speaks.
func (t *Tracer) giveUp(f *follow) {
	if c := t.last(f); c != nil {
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

// last is the last count of a reaction's window where its number was never reached,
// because somebody else's rule puts reactions near a boundary into other windows.
func (t *Tracer) last(f *follow) *cell {
	if f.group == nil || f.At[Counted] != 0 || f.At[Aggregated] != 0 {
		return nil
	}
	if c := f.group.cells[f.Emoji]; c != nil && c.count.at >= f.At[Logged] {
		return c
	}
	return nil
}

// finish ends the following of a reaction.
func (t *Tracer) finish(f *follow) {
	f.straighten()
	t.leave(f)
	if t.Ended() {
		return
	}
	t.sums.finish(&f.Journey)
	t.finished = append(t.finished, f.Journey)
}

// Ended says whether as many have come to their end as were asked for.
func (t *Tracer) Ended() bool { return t.cfg.End > 0 && t.sums.done+t.sums.stuck >= t.cfg.End }

// drop stops following a reaction, which tells nothing then.
func (t *Tracer) drop(f *follow) {
	t.leave(f)
	t.sums.followed--
	t.sums.notFollowed++
}

func (t *Tracer) leave(f *follow) {
	f.over = true
	delete(t.all, f)
	if f.group != nil {
		f.group.live--
	}
}

// forget lets groups go that nobody waits for, and the oldest when there are too many.
func (t *Tracer) forget(now int64) {
	numbers, oldest := 0, int64(math.MaxInt64)
	for k, g := range t.groups {
		if g.live == 0 && k.end < now-keep {
			delete(t.groups, k)
			continue
		}
		g.tidy()
		numbers += g.size()
		oldest = min(oldest, k.end)
	}
	for from, list := range t.uncount {
		if t.uncount[from] = slices.DeleteFunc(list, over); len(t.uncount[from]) == 0 {
			delete(t.uncount, from)
		}
	}
	if numbers > mostNumbers {
		t.evict(oldest)
		t.forget(now)
	}
}

// evict forgets all of a window.
func (t *Tracer) evict(end int64) {
	for f := range t.all {
		if f.group != nil && f.group.end == end {
			t.drop(f)
		}
	}
	for k := range t.groups {
		if k.end == end {
			delete(t.groups, k)
		}
	}
}

// tidy lets those go that are not followed any more.
func (g *group) tidy() {
	g.spread = slices.DeleteFunc(g.spread, over)
	for _, c := range g.cells {
		c.waiting = slices.DeleteFunc(c.waiting, over)
	}
}
