package trace

import (
	"slices"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// Progress takes in a record of emoji-partials.
func (t *Tracer) Progress(r stream.Record, at int64) {
	p, err := wire.DecodeProgress(r.Value)
	switch {
	case err != nil:
		t.totals.unreadable++
	case p.Mark != nil:
		t.mark(p.Mark.Settings)
	default:
		t.partial(p.Partial, at)
	}
}

// mark takes in the settings of a mark. Partials may have been read before the first
// mark, so the reactions are compared with them again.
func (t *Tracer) mark(s wire.Settings) {
	if s == t.settings || s.WindowMS <= 0 || s.LatenessMS <= 0 {
		return
	}
	t.settings = s
	for from, list := range t.notCounted {
		t.notCounted[from] = slices.DeleteFunc(list, func(f *followed) bool { return f.over || t.countedBefore(f) })
	}
}

func (t *Tracer) partial(p *wire.Partial, at int64) {
	g := t.windowOf(windowKey{p.End, p.Channel})
	if !g.widen(p, at) {
		return
	}
	from := source{p.Partition, p.Channel}
	t.notCounted[from] = slices.DeleteFunc(t.notCounted[from], func(f *followed) bool { return f.over || t.assignedWindow(f) == p.End && t.countedBefore(f) })
}

// counted notes that a partial holds a reaction.
func (t *Tracer) counted(f *followed, g *windowState) {
	f.windowState, f.WindowEnd = g, g.end
	g.followedCount++
	f.At[Counted] = g.partAt[f.Partition]
	f.since = f.At[Counted]
	f.need = g.sum(f.Emoji)
	t.await(f)
}

// await makes a reaction wait for a count that holds it, unless one was read already.
func (t *Tracer) await(f *followed) {
	c := f.windowState.emoji(f.Emoji)
	if c.count.n >= f.need {
		t.aggregated(f, c.count.at)
		return
	}
	c.waiting = append(c.waiting, f)
}

// Count takes in a record of emoji-aggregated.
func (t *Tracer) Count(r stream.Record, at int64) {
	n, err := wire.DecodeCount(r.Value)
	if err != nil {
		t.totals.unreadable++
		return
	}
	if !t.cfg.Partials {
		t.adoptWindows(n.Window, at)
	}
	g := t.windowOf(windowKey{n.Window.End, n.Channel})
	c := g.emoji(n.Emoji)
	if n.Count <= c.count.n {
		return
	}
	g.total += n.Count - c.count.n
	c.count = greatest{n.Count, at}
	c.waiting = slices.DeleteFunc(c.waiting, func(f *followed) bool {
		if !f.over && f.At[Aggregated] == 0 && f.need <= n.Count {
			t.aggregated(f, at)
		}
		return f.over || f.At[Aggregated] != 0
	})
}

// adoptWindows takes over the length and phase of the windows from a count. If they
// differ from what was assumed, the numbers that reactions were given are wrong: it
// drops all reactions that are followed, and begins to number from anew.
func (t *Tracer) adoptWindows(w wire.Window, at int64) {
	length := w.End - w.Start
	phase := (w.Start%length + length) % length
	if length == t.settings.WindowMS && phase == t.phase {
		return
	}
	t.settings.WindowMS, t.phase = length, phase
	t.totals.recut++
	for f := range t.all {
		t.drop(f)
	}
	t.windows = map[windowKey]*windowState{}
	t.cfg.Began = at / 1000
}

// aggregated notes that a count holds a reaction, and finishes the reaction if it has
// already arrived at all servers.
func (t *Tracer) aggregated(f *followed, at int64) {
	g := f.windowState
	f.At[Aggregated], f.since, f.total = at, at, g.total
	for topic, s := range g.swarms {
		if s.n >= f.total {
			t.reached(f, topic, s.at)
		}
	}
	if t.arrived(f) {
		t.finish(f)
		return
	}
	g.onTheWay = append(g.onTheWay, f)
}

// Swarm takes in a record of a cluster's or a subscriber server's topic.
func (t *Tracer) Swarm(topic string, r stream.Record, at int64) {
	if _, ok := t.servers[topic]; ok {
		t.servers[topic] = true
	}
	s, err := wire.DecodeSwarm(r.Value)
	if err != nil {
		t.totals.unreadable++
		return
	}
	g := t.windowOf(windowKey{s.Window.End, s.Channel})
	old := g.swarms[topic]
	if s.Total <= old.n {
		return
	}
	g.swarms[topic] = greatest{s.Total, at}
	g.onTheWay = slices.DeleteFunc(g.onTheWay, func(f *followed) bool {
		if !f.over && old.n < f.total && f.total <= s.Total {
			t.reached(f, topic, at)
			if t.arrived(f) {
				t.finish(f)
			}
		}
		return f.over
	})
}

// reached notes that a swarm of a topic holds a reaction.
func (t *Tracer) reached(f *followed, topic string, at int64) {
	f.since = max(f.since, at)
	earlier := func(s Stage) {
		if f.At[s] == 0 || at < f.At[s] {
			f.At[s] = at
		}
	}
	if t.clusters[topic] {
		earlier(Clustered)
		return
	}
	earlier(Subscribed)
	f.At[Everywhere] = max(f.At[Everywhere], at)
}

// arrived says whether a reaction has reached a cluster and all servers that are waited
// for.
func (t *Tracer) arrived(f *followed) bool {
	return (len(t.clusters) == 0 || f.At[Clustered] != 0) && (len(t.servers) == 0 || f.At[Subscribed] != 0) && len(t.missing(f)) == 0
}

// missing returns the topics of the servers that are waited for and that the reaction
// has not reached.
func (t *Tracer) missing(f *followed) (topics []string) {
	for topic, awaited := range t.servers {
		if awaited && f.windowState.swarms[topic].n < f.total {
			topics = append(topics, topic)
		}
	}
	return topics
}
