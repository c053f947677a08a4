package trace

import "github.com/emostream/emostream/internal/wire"

// windowKey identifies a window of a channel.
type windowKey struct {
	end     int64
	channel string
}

// windowState is what was read of one window of one channel.
type windowState struct {
	windowKey
	parts         map[int]*wire.Partial  // the widest partial of each partition of emoji-topic
	partAt        map[int]int64          // when that was read, µs
	emojis        map[string]*emojiState // by emoji
	total         int64                  // the sum of the greatest counts
	swarms        map[string]greatest    // the greatest total in each topic of a cluster or server
	onTheWay      []*followed            // aggregated, and not yet at all servers
	followedCount int                    // reactions of this window that are followed
}

// emojiState is what was read of one emoji in a window.
type emojiState struct {
	seen    int64 // reactions in the log; only kept without partials
	count   greatest
	waiting []*followed // reactions that no count has held yet
}

// greatest is the greatest value that was read of a number, and when it was read, in
// µs.
type greatest struct{ n, at int64 }

func newWindowState(k windowKey) *windowState {
	return &windowState{
		windowKey: k, parts: map[int]*wire.Partial{}, partAt: map[int]int64{},
		emojis: map[string]*emojiState{}, swarms: map[string]greatest{},
	}
}

// size returns how many numbers a window holds, as a measure of its memory.
func (g *windowState) size() int {
	n := len(g.emojis) + len(g.swarms)
	for _, p := range g.parts {
		n += len(p.Counts)
	}
	return n
}

func (g *windowState) emoji(emoji string) *emojiState {
	c := g.emojis[emoji]
	if c == nil {
		c = &emojiState{}
		g.emojis[emoji] = c
	}
	return c
}

// widen keeps a partial if it is wider than the known one of its partition: if it
// begins earlier, or at the same offset and ends later. It says whether it kept it.
func (g *windowState) widen(p *wire.Partial, at int64) bool {
	old := g.parts[p.Partition]
	if old != nil && (p.First > old.First || p.First == old.First && p.Next <= old.Next) {
		return false
	}
	g.parts[p.Partition], g.partAt[p.Partition] = p, at
	return true
}

// holds says whether the widest partial of a partition holds the record at an offset.
func (g *windowState) holds(partition int, offset int64) bool {
	p := g.parts[partition]
	return p != nil && p.First <= offset && offset < p.Next
}

// sum returns how many of an emoji the widest partials of all partitions hold.
func (g *windowState) sum(emoji string) int64 {
	n := int64(0)
	for _, p := range g.parts {
		n += p.Counts[emoji]
	}
	return n
}

func (t *Tracer) windowOf(k windowKey) *windowState {
	g := t.windows[k]
	if g == nil {
		g = newWindowState(k)
		t.windows[k] = g
	}
	return g
}

func over(f *followed) bool { return f.over }
