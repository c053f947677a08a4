package verify

import (
	"math"

	"github.com/emostream/emostream/internal/inspect/watermark"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
)

// Comparison compares the reactions in a log with the counts that were made of them. It
// does no I/O and reads no clock.
//
// Its owner reads three times, in this order: the log to its end, and calls Owe; the
// counts to their end; the log again, from there to its new end, and calls Compare. It
// may repeat the second and third until Compare returns zero. The package comment says
// why the order matters. Where only totals are compared, it reads the counts once more, at
// first, so that the log needs less memory.
//
// Memory is bounded by the number of windows, channels and emojis, and does not depend
// on the number of records.
type Comparison struct {
	settings  wire.Settings // if the window length is zero, windows are not compared
	dueWindow int64         // reactions of windows that end later need not be counted yet

	groups  map[groupKey]*group
	unequal []*group // the groups that Compare has to compare
	newest  int64    // greatest end of a window that has reactions in the log
	length  int64    // length of the window in the last count that was read, ms
	totals  unfinished

	log    partitions // of emoji-topic
	counts partitions // of emoji-aggregated

	reactions, skipped, late, unreadable int64
}

// groupKey identifies what is compared as one: a window of a channel. Where only totals
// can be compared it is a channel, and the window is zero.
type groupKey struct {
	window  wire.Window
	channel string
}

type group struct {
	groupKey
	emojis  map[string]*emojiState // by emoji
	unequal bool                   // it is in Comparison.unequal
}

// emojiState is what is known of one emoji in a group.
type emojiState struct {
	log     int64 // how many reactions were read from the log
	owed    int64 // how many of them must be counted by now
	counted int64 // the greatest count
	at      int64 // time of the first record with that count, ms
	proven  int64 // the greatest value of log that counted has reached in a comparison

	// Only where totals are compared:
	read  int64          // what owed is if no reaction is open
	spans map[int64]span // reactions that may be open, by number of the span in unfinished
}

// NewComparison returns an empty comparison. s is what the aggregator assigns reactions
// to windows by. If that is unknown, s is zero, and only totals are compared.
func NewComparison(s wire.Settings) *Comparison {
	if s.WindowMS <= 0 {
		s = wire.Settings{}
	}
	return &Comparison{settings: s, dueWindow: windowing.Never, newest: windowing.Never, totals: newUnfinished(), groups: map[groupKey]*group{}}
}

// Ahead returns the partitions of emoji-topic, which has the full name topic, whose
// watermark is ahead of now after the last record that was read.
func (l *Comparison) Ahead(topic string, now int64) (all []watermark.Ahead) {
	if !l.byWindow() {
		return nil
	}
	for i, p := range l.log {
		if until, ahead := windowing.Of(l.settings).ShownFrom(p.state, now); ahead {
			all = append(all, watermark.Ahead{Topic: topic, Partition: i, Until: wire.Time(until)})
		}
	}
	return all
}

// Clock tells the comparison the time, in ms. Its owner calls it before it reads on.
func (l *Comparison) Clock(now int64) { l.totals.now = now }

// byWindow says whether windows are compared, or else only totals.
func (l *Comparison) byWindow() bool { return l.settings.WindowMS > 0 }

// Newest returns the end of the newest window that has reactions in the log, as far as
// it was read, or windowing.Never.
func (l *Comparison) Newest() int64 { return l.newest }

// Reaction takes in the next record of a partition of emoji-topic.
func (l *Comparison) Reaction(partition int, r stream.Record) {
	p := l.log.at(partition)
	tap, err := wire.DecodeCountedFields(r.Value)
	if err != nil {
		var isReset bool
		if p.state, isReset, _ = windowing.Of(l.settings).ResetBy(p.state, r.Value, r.Offset); !isReset {
			l.skipped++
		}
		return
	}
	l.reactions++
	l.countReaction(p, r, tap)
	// A far time that was not confirmed says nothing of the removed records.
	if newest := max(p.state.Watermark, p.state.Pending); p.gap != nil && p.gap.seen < evidenceRecords && newest > 0 {
		p.gap.seen++
		p.gap.newest = newest
	}
}

// countReaction adds a reaction to the window that it belongs to.
func (l *Comparison) countReaction(p *partition, r stream.Record, tap wire.CountedFields) {
	var window wire.Window
	if l.byWindow() {
		var end int64
		var late bool
		if end, late, p.state = windowing.Of(l.settings).Assign(p.state, r.Time); late {
			l.late++
		}
		window = wire.Window{Start: end - l.settings.WindowMS, End: end}
		l.newest = max(l.newest, end)
	}
	g := p.last // most reactions have the same window and channel as the one before
	if g == nil || g.window != window || channelOf(tap) != g.channel {
		g = l.group(groupKey{window, channelOf(tap)})
		p.last = g
	}
	c := g.emojis[string(tap.Emoji)]
	if c == nil {
		c = g.emoji(string(tap.Emoji))
	}
	c.log++
	if !l.byWindow() {
		l.totals.reaction(c, r)
	}
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
	if g := p.gap; g != nil && g.seen < evidenceRecords {
		g.seen++
		g.newest = max(g.newest, r.Time)
	}
	n, err := wire.DecodeCount(r.Value)
	if err != nil {
		l.unreadable++
		return
	}
	l.length = n.Window.End - n.Window.Start
	l.totals.window(n.Window)
	g := l.group(groupKey{n.Window, n.Channel})
	c := g.emoji(n.Emoji)
	grown := n.Count - c.counted
	if grown <= 0 {
		return // an older count, or the same again
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

// Owe says which reactions must be counted before Report is called: of those read so far,
// the ones whose window ends at due (ms) or earlier. Where only totals are compared,
// these are all that were read so far and are not open.
func (l *Comparison) Owe(due int64) {
	if !l.byWindow() {
		due = math.MaxInt64
	}
	l.dueWindow = due
	for _, g := range l.unequal { // in all others everything is counted
		if g.window.End <= due {
			for _, c := range g.emojis {
				c.owed, c.read = c.log, c.log
			}
		}
	}
}

// Compare compares log and counts in all groups that were not equal before. The log
// must have been read to its end after the counts.
//
// It returns by how many reactions they differ, summed over all emojis: what was
// counted beyond the log, and, where not everything that is owed is proven to be
// counted, what the log holds beyond the counts, including later reactions that are not
// owed. Zero means that everything owed is counted, and nothing is counted twice.
// Groups that retention leaves out are not in the sum.
func (l *Comparison) Compare() (apart int64) {
	cut := l.leftOutUntil()
	left := l.unequal[:0]
	for _, g := range l.unequal {
		if !l.byWindow() {
			g.oweFinished(&l.totals)
		}
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

// oweFinished says which reactions of a group must be counted if only totals are
// compared. If the count is of all that are not open, all of them are proven to be
// counted, unless open ones may be among it.
func (g *group) oweFinished(u *unfinished) {
	for _, c := range g.emojis {
		open, mixed := u.open(c)
		finished := c.log - open
		c.owed = min(c.read, finished)
		if c.counted == finished && !mixed {
			c.proven = max(c.proven, finished)
		}
	}
}

// compare compares log and counts of one group. equal says that they are the same;
// apart is the group's part of what Compare returns.
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

// undecided says whether it is open if all that is owed was counted. The count is high
// enough, but at every comparison the log held later reactions as well, which may have
// been counted in the place of owed ones.
func (c *emojiState) undecided() bool { return c.counted >= c.owed && c.proven < c.owed }

// compared says whether the group is to be compared: if windows are, each window; if
// only totals are, the total of each channel.
func (g *group) compared(l *Comparison) bool { return l.byWindow() || g.window == wire.Window{} }

// partitions is the state of each partition of a topic.
type partitions []*partition

type partition struct {
	state windowing.State // after the last reaction; of emoji-topic only
	last  *group          // the group of the last reaction
	gap   *gap            // nil if all was read from the partition's beginning
}

// at returns the state of partition i, and makes it if there is none yet.
func (p *partitions) at(i int) *partition {
	for len(*p) <= i {
		*p = append(*p, &partition{state: windowing.Begin()})
	}
	return (*p)[i]
}
