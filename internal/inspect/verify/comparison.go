package verify

import (
	"math"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// Comparison compares the reactions that a log holds with the counts that were made
// of them. It does no I/O and reads no clock.
//
// Its owner reads three times in this order: the log to its end, and calls Owe;
// the counts to their end; the log again, onwards to its end, and calls Compare.
// The last two it may repeat until Compare says that nothing is missing. The
// package comment says why the order matters.
//
// It keeps a few numbers for each window, channel and emoji, however many
// records there are.
type Comparison struct {
	settings  wire.Settings // zero window length: windows cannot be told apart
	dueWindow int64         // windows that end later owe nothing

	groups  map[groupKey]*group
	unequal []*group // those that Compare has to look at
	newest  int64    // greatest end of a window in the log
	length  int64    // of the window counted last, ms

	log    partitions // of emoji-topic
	counts partitions // of emoji-aggregated

	reactions, skipped, late, unreadable int64
}

// groupKey names what is compared together: a window of a channel. Where only
// totals can be compared it is a channel, with a window of zeroes.
type groupKey struct {
	window  wire.Window
	channel string
}

type group struct {
	groupKey
	emojis  map[string]*emojiState // by emoji
	unequal bool                   // among the unsettled
}

// emojiState is what is known of one emoji in a group.
type emojiState struct {
	log     int64 // how many reactions the log holds, as far as it was read
	owed    int64 // how many of them must be counted by now
	counted int64 // the greatest count
	at      int64 // time of the first record with that count, ms
	proven  int64 // the greatest value of log that counted was seen to have reached
}

// NewComparison returns an empty comparison. Settings are what the counting assigns
// reactions to windows by; when they are unknown, the zero value, only totals
// are compared.
func NewComparison(s wire.Settings) *Comparison {
	if s.WindowMS <= 0 {
		s = wire.Settings{}
	}
	return &Comparison{settings: s, dueWindow: Never, newest: Never, groups: map[groupKey]*group{}}
}

// byWindow says whether windows are compared, and not only totals.
func (l *Comparison) byWindow() bool { return l.settings.WindowMS > 0 }

// Newest is the end of the newest window that the log was found to hold
// reactions of, or Never.
func (l *Comparison) Newest() int64 { return l.newest }

// Reaction takes in the next record of a partition of emoji-topic.
func (l *Comparison) Reaction(partition int, r stream.Record) {
	p := l.log.at(partition)
	if tap, err := wire.DecodeCountedFields(r.Value); err != nil {
		l.skipped++
	} else {
		l.reactions++
		l.countReaction(p, r.Time, tap)
	}
	p.pass(r.Time)
}

// countReaction adds a reaction to the window that the rule assigns it to.
func (l *Comparison) countReaction(p *partition, t int64, tap wire.CountedFields) {
	var window wire.Window
	if l.byWindow() {
		end, late := Assign(l.settings, t, p.watermark)
		if late {
			l.late++
		}
		window = wire.Window{Start: end - l.settings.WindowMS, End: end}
		l.newest = max(l.newest, end)
	}
	g := p.last // most reactions follow one of their own window and channel
	if g == nil || g.window != window || channelOf(tap) != g.channel {
		g = l.group(groupKey{window, channelOf(tap)})
		p.last = g
	}
	c := g.emojis[string(tap.Emoji)]
	if c == nil {
		c = g.emoji(string(tap.Emoji))
	}
	c.log++
	l.markUnequal(g)
}

func channelOf(tap wire.CountedFields) string {
	if len(tap.Channel) == 0 {
		return wire.MainChannel
	}
	return string(tap.Channel)
}

// Count takes in the next record of a partition of emoji-aggregated.
func (l *Comparison) Count(partition int, r stream.Record) {
	p := l.counts.at(partition)
	p.pass(r.Time)
	n, err := wire.DecodeCount(r.Value)
	if err != nil {
		l.unreadable++
		return
	}
	l.length = n.Window.End - n.Window.Start
	g := l.group(groupKey{n.Window, n.Channel})
	c := g.emoji(n.Emoji)
	grown := n.Count - c.counted
	if grown <= 0 {
		return // said before, or by one that knew less
	}
	c.counted, c.at = n.Count, r.Time
	if !l.byWindow() {
		g = l.group(groupKey{channel: n.Channel})
		g.emoji(n.Emoji).counted += grown
	}
	l.markUnequal(g)
}

func (l *Comparison) group(k groupKey) *group {
	g := l.groups[k]
	if g == nil {
		g = &group{groupKey: k, emojis: map[string]*emojiState{}}
		l.groups[k] = g
	}
	return g
}

func (g *group) emoji(emoji string) *emojiState {
	c := g.emojis[emoji]
	if c == nil {
		c = &emojiState{}
		g.emojis[emoji] = c
	}
	return c
}

func (l *Comparison) markUnequal(g *group) {
	if !g.unequal {
		g.unequal = true
		l.unequal = append(l.unequal, g)
	}
}

// Owe notes that all reactions read so far must be counted before Report is called,
// if their window ends at due or before. Where only totals are compared, all
// reactions read so far must.
func (l *Comparison) Owe(due int64) {
	if !l.byWindow() {
		due = math.MaxInt64
	}
	l.dueWindow = due
	for _, g := range l.unequal { // in all others everything was found counted
		if g.window.End <= due {
			for _, c := range g.emojis {
				c.owed = c.log
			}
		}
	}
}

// Compare notes which groups are counted completely, and returns by how many
// reactions log and counts differ: owed and not counted yet, or counted and not in
// the log. The log must have been read to its end after the counts.
func (l *Comparison) Compare() (apart int64) {
	cut := l.leftOutUntil()
	left := l.unequal[:0]
	for _, g := range l.unequal {
		equal, n := g.compare()
		if g.compared(l) && g.window.End > cut {
			apart += n
		}
		g.unequal = !equal
		if g.unequal {
			left = append(left, g)
		}
	}
	clear(l.unequal[len(left):])
	l.unequal = left
	return apart
}

// compare says whether log and counts are the same. apart is by how many reactions
// they differ, without those that are in the log and not owed yet.
func (g *group) compare() (equal bool, apart int64) {
	equal = true
	for _, c := range g.emojis {
		equal = equal && c.counted == c.log
		switch {
		case c.counted >= c.log:
			c.proven = c.log
			apart += c.counted - c.log
		case c.proven < c.owed:
			apart += c.log - c.counted
		}
	}
	return equal, apart
}

// undecided says whether it is open that what is owed was counted: the count is high
// enough, but at every comparison the log held later reactions, which may be what
// was counted instead.
func (c *emojiState) undecided() bool { return c.counted >= c.owed && c.proven < c.owed }

// compared says whether the group is compared: a window where windows are, a
// channel's total where only totals are.
func (g *group) compared(l *Comparison) bool { return l.byWindow() || g.window == wire.Window{} }

// partitions is what is kept of each partition of a topic.
type partitions []*partition

type partition struct {
	watermark int64  // greatest record time so far
	last      *group // that the last reaction went to
	gap       *gap   // nil if all was read from the partition's beginning
}

// at returns the state of a partition, which begins when it is first asked for.
func (p *partitions) at(i int) *partition {
	for len(*p) <= i {
		*p = append(*p, &partition{watermark: Never})
	}
	return (*p)[i]
}

// pass raises the watermark to the time of a record, and tells a gap before it.
func (p *partition) pass(t int64) {
	p.watermark = max(p.watermark, t)
	if g := p.gap; g != nil && g.seen < evidenceRecords {
		g.seen++
		g.newest = max(g.newest, t)
	}
}
