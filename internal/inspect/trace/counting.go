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
		t.sums.unreadable++
	case p.Mark != nil:
		t.mark(p.Mark.Settings)
	default:
		t.partial(p.Partial, at)
	}
}

// mark takes in what the counting is done by. The first mark comes after the first
// partials.
func (t *Tracer) mark(s wire.Settings) {
	if s == t.settings || s.WindowMS <= 0 || s.LatenessMS <= 0 {
		return
	}
	t.settings = s
	for from, list := range t.uncount {
		t.uncount[from] = slices.DeleteFunc(list, func(f *follow) bool { return f.over || t.held(f) })
	}
}

func (t *Tracer) partial(p *wire.Partial, at int64) {
	g := t.group(groupKey{p.End, p.Channel})
	if !g.widen(p, at) {
		return
	}
	from := source{p.Partition, p.Channel}
	t.uncount[from] = slices.DeleteFunc(t.uncount[from], func(f *follow) bool { return f.over || t.window(f) == p.End && t.held(f) })
}

// counted notes that a partial holds a reaction.
func (t *Tracer) counted(f *follow, g *group) {
	f.group, f.WindowEnd = g, g.end
	g.live++
	f.At[Counted] = g.partAt[f.Partition]
	f.since = f.At[Counted]
	f.need = g.sum(f.Emoji)
	t.await(f)
}

// await waits for the count that holds a reaction, if it was not read before.
func (t *Tracer) await(f *follow) {
	c := f.group.cell(f.Emoji)
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
		t.sums.unreadable++
		return
	}
	if !t.cfg.Partials {
		t.learn(n.Window, at)
	}
	g := t.group(groupKey{n.Window.End, n.Channel})
	c := g.cell(n.Emoji)
	if n.Count <= c.count.n {
		return
	}
	g.total += n.Count - c.count.n
	c.count = known{n.Count, at}
	c.waiting = slices.DeleteFunc(c.waiting, func(f *follow) bool {
		if !f.over && f.At[Aggregated] == 0 && f.need <= n.Count {
			t.aggregated(f, at)
		}
		return f.over || f.At[Aggregated] != 0
	})
}

// learn takes a window as an example of how all are cut. When they turn out to be cut
// otherwise, what was numbered so far cannot be followed, and all begins anew.
func (t *Tracer) learn(w wire.Window, at int64) {
	length := w.End - w.Start
	phase := (w.Start%length + length) % length
	if length == t.settings.WindowMS && phase == t.phase {
		return
	}
	t.settings.WindowMS, t.phase = length, phase
	t.sums.recut++
	for f := range t.all {
		t.drop(f)
	}
	t.groups = map[groupKey]*group{}
	t.cfg.Began = at / 1000
}

// aggregated notes that a count holds a reaction.
func (t *Tracer) aggregated(f *follow, at int64) {
	g := f.group
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
	g.spread = append(g.spread, f)
}

// Swarm takes in a record of a cluster's or a subscriber server's topic.
func (t *Tracer) Swarm(topic string, r stream.Record, at int64) {
	if _, ok := t.servers[topic]; ok {
		t.servers[topic] = true
	}
	s, err := wire.DecodeSwarm(r.Value)
	if err != nil {
		t.sums.unreadable++
		return
	}
	g := t.group(groupKey{s.Window.End, s.Channel})
	old := g.swarms[topic]
	if s.Total <= old.n {
		return
	}
	g.swarms[topic] = known{s.Total, at}
	g.spread = slices.DeleteFunc(g.spread, func(f *follow) bool {
		if !f.over && old.n < f.total && f.total <= s.Total {
			t.reached(f, topic, at)
			if t.arrived(f) {
				t.finish(f)
			}
		}
		return f.over
	})
}

// reached notes that a topic's swarm holds a reaction.
func (t *Tracer) reached(f *follow, topic string, at int64) {
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

// arrived says whether a reaction is wherever it is to get to.
func (t *Tracer) arrived(f *follow) bool {
	return (len(t.clusters) == 0 || f.At[Clustered] != 0) && (len(t.servers) == 0 || f.At[Subscribed] != 0) && len(t.missing(f)) == 0
}

// missing are the servers that a reaction did not get to and is waited for at.
func (t *Tracer) missing(f *follow) (topics []string) {
	for topic, awaited := range t.servers {
		if awaited && f.group.swarms[topic].n < f.total {
			topics = append(topics, topic)
		}
	}
	return topics
}
