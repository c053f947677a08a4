package verify

import (
	"math"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// Ledger compares the reactions that a log holds with the counts that were made
// of them. It does no I/O and reads no clock.
//
// Its owner reads three times in this order: the log to its end, and calls Owe;
// the counts to their end; the log again, onwards to its end, and calls Compare.
// The last two it may repeat until Compare says that nothing is missing. The
// package comment says why the order matters.
//
// It keeps a few numbers for each window, channel and emoji, however many
// records there are.
type Ledger struct {
	settings wire.Settings // zero window length: windows cannot be told apart
	due      int64         // windows that end later owe nothing

	groups    map[groupKey]*group
	unsettled []*group // those that Compare has to look at
	newest    int64    // greatest end of a window in the log
	length    int64    // of the window counted last, ms

	log    partitions // of emoji-topic
	counts partitions // of emoji-aggregated

	reactions, skipped, late, unreadable int64
}

// groupKey names what is compared together: a window of a channel. Where only
// totals can be compared the channels are, under a window of zeroes.
type groupKey struct {
	window  wire.Window
	channel string
}

type group struct {
	groupKey
	cells  map[string]*cell // by emoji
	listed bool             // among the unsettled
}

// cell is what is known of one emoji in a group.
type cell struct {
	log     int64 // how many the log holds, as far as it was read
	owed    int64 // how many of them had to be counted by now
	counted int64 // the greatest count
	at      int64 // time of the first record that held it
	proven  int64 // the most that log was when counted had reached it
}

// NewLedger returns an empty ledger. Settings are what the counting assigns
// reactions to windows by; when they are unknown, the zero value, only totals
// are compared.
func NewLedger(s wire.Settings) *Ledger {
	if s.WindowMS <= 0 {
		s = wire.Settings{}
	}
	return &Ledger{settings: s, due: Never, newest: Never, groups: map[groupKey]*group{}}
}

// byWindow says whether windows are compared, and not only totals.
func (l *Ledger) byWindow() bool { return l.settings.WindowMS > 0 }

// Newest is the end of the newest window that the log was found to hold
// reactions of, or Never.
func (l *Ledger) Newest() int64 { return l.newest }

// LogGap says that records of a partition of emoji-topic are gone, those
// before the next one that is added.
func (l *Ledger) LogGap(partition int) { l.log.at(partition).gap = &gap{newest: Never} }

// CountsGap says the same of emoji-aggregated.
func (l *Ledger) CountsGap(partition int) { l.counts.at(partition).gap = &gap{newest: Never} }

// Reaction takes in the next record of a partition of emoji-topic.
func (l *Ledger) Reaction(partition int, r stream.Record) {
	p := l.log.at(partition)
	if tap, err := wire.DecodeCountedFields(r.Value); err != nil {
		l.skipped++
	} else {
		l.reactions++
		l.tap(p, r.Time, tap)
	}
	p.pass(r.Time)
}

// tap counts a reaction where the rule puts it.
func (l *Ledger) tap(p *partition, t int64, tap wire.CountedFields) {
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
	c := g.cells[string(tap.Emoji)]
	if c == nil {
		c = g.cell(string(tap.Emoji))
	}
	c.log++
	l.list(g)
}

func channelOf(tap wire.CountedFields) string {
	if len(tap.Channel) == 0 {
		return wire.MainChannel
	}
	return string(tap.Channel)
}

// Count takes in the next record of a partition of emoji-aggregated.
func (l *Ledger) Count(partition int, r stream.Record) {
	p := l.counts.at(partition)
	p.pass(r.Time)
	n, err := wire.DecodeCount(r.Value)
	if err != nil {
		l.unreadable++
		return
	}
	l.length = n.Window.End - n.Window.Start
	g := l.group(groupKey{n.Window, n.Channel})
	c := g.cell(n.Emoji)
	grown := n.Count - c.counted
	if grown <= 0 {
		return // said before, or by one that knew less
	}
	c.counted, c.at = n.Count, r.Time
	if !l.byWindow() {
		g = l.group(groupKey{channel: n.Channel})
		g.cell(n.Emoji).counted += grown
	}
	l.list(g)
}

func (l *Ledger) group(k groupKey) *group {
	g := l.groups[k]
	if g == nil {
		g = &group{groupKey: k, cells: map[string]*cell{}}
		l.groups[k] = g
	}
	return g
}

func (g *group) cell(emoji string) *cell {
	c := g.cells[emoji]
	if c == nil {
		c = &cell{}
		g.cells[emoji] = c
	}
	return c
}

func (l *Ledger) list(g *group) {
	if !g.listed {
		g.listed = true
		l.unsettled = append(l.unsettled, g)
	}
}

// Owe says that all reactions read so far must have been counted by the time
// that a report is asked for, if their window ends at due or before. Where
// windows cannot be told apart all must.
func (l *Ledger) Owe(due int64) {
	if !l.byWindow() {
		due = math.MaxInt64
	}
	l.due = due
	for _, g := range l.unsettled { // in all others everything was found counted
		if g.window.End <= due {
			for _, c := range g.cells {
				c.owed = c.log
			}
		}
	}
}

// Compare notes where all is counted that the log holds, and returns by how many
// reactions the two are apart: owed and not found counted yet, or counted and not
// found in the log. The log must have been read to its end after the counts.
func (l *Ledger) Compare() (apart int64) {
	cut := l.cut()
	left := l.unsettled[:0]
	for _, g := range l.unsettled {
		equal, n := g.compare()
		if g.compared(l) && g.window.End > cut {
			apart += n
		}
		g.listed = !equal
		if g.listed {
			left = append(left, g)
		}
	}
	clear(l.unsettled[len(left):])
	l.unsettled = left
	return apart
}

// compare says whether log and counts are the same, and if not, by how many
// reactions they are apart that matter.
func (g *group) compare() (equal bool, apart int64) {
	equal = true
	for _, c := range g.cells {
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

// undecided says whether what is owed may be among what was counted, but was
// never seen to be: at every comparison there were later reactions that may be
// what was counted instead.
func (c *cell) undecided() bool { return c.counted >= c.owed && c.proven < c.owed }

// compared says whether a group is one of those that are compared.
func (g *group) compared(l *Ledger) bool { return l.byWindow() || g.window == wire.Window{} }

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

// pass takes the time of a record into account.
func (p *partition) pass(t int64) {
	p.watermark = max(p.watermark, t)
	if g := p.gap; g != nil && g.seen < evidence {
		g.seen++
		g.newest = max(g.newest, t)
	}
}

// gap is that records at the beginning of a partition are gone, and what the
// first ones after them tell of their times.
type gap struct {
	seen   int   // how many of the first records after it were read, at most evidence
	newest int64 // the greatest of their times
}

// evidence is how many records after a gap are asked for its time. One would do
// if none were late.
const evidence = 100

// cut is the end of the newest window that a gap may have touched.
//
// Let W be the greatest time of the records that are gone, and t the greatest
// of the first hundred left. A record is hardly ever late by more than the
// lateness, and a hundred in a row are not; so W <= t + lateness, and the cut,
// the boundary after that, is at or after the boundary after W. Then
//
//   - no record that is gone was in a window after the cut: it was in that of
//     its own time, at most W, or in the oldest one open under a watermark of at
//     most W, which is no newer;
//   - no record that is left is misplaced across the cut, though the watermark
//     before it is known only from the gap on. Where W makes a difference, the
//     record's own window was closed by W, thus ended before W; it went to the
//     oldest one open under W, which ends at the boundary after W - lateness.
//     Both are before the cut, and so is the window that it is put into here,
//     for a watermark below W.
//
// So windows after the cut are as exact as if nothing were gone. In
// emoji-aggregated t is the time when counts were written, and a window is not
// counted before it ends but for clocks that differ: the same bound leaves out
// every window whose counts may be gone.
//
// Where nothing was read after a gap, nothing is known of W, and all is cut.
func (l *Ledger) cut() int64 {
	cut := Never
	for _, topic := range []partitions{l.log, l.counts} {
		for _, p := range topic {
			switch {
			case p.gap == nil:
			case p.gap.seen == 0 || !l.byWindow():
				return math.MaxInt64
			default:
				cut = max(cut, boundaryAfter(l.settings, p.gap.newest+l.settings.LatenessMS))
			}
		}
	}
	return cut
}
