package trace

import "github.com/emostream/emostream/internal/wire"

// groupKey names a window of a channel.
type groupKey struct {
	end     int64
	channel string
}

// group is what was seen of one window of one channel.
type group struct {
	groupKey
	parts  map[int]*wire.Partial // the widest of each partition of emoji-topic
	partAt map[int]int64         // when it was read
	cells  map[string]*cell      // by emoji
	total  int64                 // the sum of the greatest counts
	swarms map[string]known      // the greatest of each cluster's and server's topic
	spread []*follow             // aggregated, and not yet everywhere
	live   int                   // reactions under way in it
}

// cell is what was seen of one emoji in a group.
type cell struct {
	seen    int64 // reactions in the log, where no partials tell
	count   known
	waiting []*follow // to be aggregated
}

// known is a number that only grows, and when the greatest was read.
type known struct{ n, at int64 }

func newGroup(k groupKey) *group {
	return &group{
		groupKey: k, parts: map[int]*wire.Partial{}, partAt: map[int]int64{},
		cells: map[string]*cell{}, swarms: map[string]known{},
	}
}

// size is how much memory a group takes, in numbers.
func (g *group) size() int {
	n := len(g.cells) + len(g.swarms)
	for _, p := range g.parts {
		n += len(p.Counts)
	}
	return n
}

func (g *group) cell(emoji string) *cell {
	c := g.cells[emoji]
	if c == nil {
		c = &cell{}
		g.cells[emoji] = c
	}
	return c
}

// widen keeps a partial if it is wider than what is known of its partition.
func (g *group) widen(p *wire.Partial, at int64) bool {
	old := g.parts[p.Partition]
	if old != nil && (p.First > old.First || p.First == old.First && p.Next <= old.Next) {
		return false
	}
	g.parts[p.Partition], g.partAt[p.Partition] = p, at
	return true
}

// holds says whether what is known of a partition holds the record at an offset.
func (g *group) holds(partition int, offset int64) bool {
	p := g.parts[partition]
	return p != nil && p.First <= offset && offset < p.Next
}

// sum is how many of an emoji the widest partials hold.
func (g *group) sum(emoji string) int64 {
	n := int64(0)
	for _, p := range g.parts {
		n += p.Counts[emoji]
	}
	return n
}

func (t *Tracer) group(k groupKey) *group {
	g := t.groups[k]
	if g == nil {
		g = newGroup(k)
		t.groups[k] = g
	}
	return g
}

func over(f *follow) bool { return f.over }
