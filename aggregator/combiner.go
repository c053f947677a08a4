package aggregator

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
)

// Combiner counts one partition of emoji-topic: it takes reactions, and emits partials
// and marks. It is a claimloop.Machine. The log alone decides what it emits; the time
// decides only when.
type Combiner struct {
	windows    windowing.Windows
	grace      grace
	partition  int
	partitions int
	reducers   int
	topicID    string // of emoji-topic

	position int64              // offset of the next record
	state    windowing.State    // before position
	pending  int64              // offset of the reaction whose time is pending in state; 0: not known
	reported int64              // end of the newest window that was reported, ms
	closed   int64              // end of the newest window that is closed, ms; reactions of it and of older ones are not counted
	blocked  bool               // a transaction keeps the partition from being read to its end
	cut      int64              // end of the newest window whose first reactions retention has removed, ms; Never: there is none
	cutAhead []wire.WindowRange // windows after cut whose first reactions are gone, too

	emitted emitted // the newest position at which all records before it had been emitted

	open map[int64]*openWindow // by end; a closed window stays until its last emission is confirmed
	last *openWindow           // the window of the last record

	confirmed    wire.Mark // the mark of the last confirmed emission
	anyConfirmed bool
	confirmedAt  int64 // time of the last confirmed emission, ms; Never: there is none

	late int64 // reactions counted in a later window than that of their time
}

// emitted is a position at which all records before it have been emitted. The state is
// that at the position, and pendingAt is the offset of the reaction whose time was
// pending; 0: it is not known. Displaced are the windows after that of the watermark in
// which reactions were counted because their own were spent.
type emitted struct {
	position  int64
	state     windowing.State
	pendingAt int64
	displaced []wire.WindowRange
}

// openWindow is one partition's counts of one window.
type openWindow struct {
	end      int64
	first    int64               // offset of its first record in any channel
	state    windowing.State     // before that record
	dirty    bool                // one of its partials is dirty
	partials map[string]*partial // by channel; empty: the main channel
	last     *partial            // the partial of the last record
}

// partial is one partition's counts of one window of one channel.
type partial struct {
	channel     string // empty: the main channel
	first, next int64  // offset of its first record, and the one after its last
	dirty       bool   // it grew since the last confirmed emission
	counts      map[string]*int64
}

// CombinerConfig says which partition a Combiner counts, and how.
type CombinerConfig struct {
	Windows    windowing.Windows
	Grace      time.Duration // how long after a window's end it is first emitted, at most
	Partition  int           // of emoji-topic
	Partitions int           // how many partitions emoji-topic has
	Reducers   int           // how many partitions emoji-partials has
	TopicID    string        // of emoji-topic; empty: not known
}

// Position implements claimloop.Machine.
func (c *Combiner) Position() int64 { return c.position }

// Add counts a record. It fails when the record is not a reaction; such a record
// decides nothing, neither does its time. It fails with a *CommitError when the record
// belongs to a window whose first reactions are gone.
func (c *Combiner) Add(r stream.Record, now int64) error {
	c.position = r.Offset + 1
	reaction, err := wire.DecodeCountedFields(r.Value)
	if err != nil {
		return c.addOther(r, err)
	}
	before := c.state
	end, late, after := c.windows.Assign(before, r.Time)
	if c.state = after; after.Pending != before.Pending {
		c.pending = r.Offset
	}
	if !late {
		c.grace.add(end, now, end <= c.reported)
	}
	err = c.count(r, end, late, before, reaction)
	if after.Watermark > before.Watermark {
		c.closed = max(c.closed, c.windows.Closed(after.Watermark))
	}
	return err
}

// addOther takes in a record that is no reaction, as err says. It may reset the
// watermark.
func (c *Combiner) addOther(r stream.Record, err error) error {
	before := c.state
	after, isReset, invalid := c.windows.ResetBy(before, r.Value, r.Offset)
	switch {
	case invalid != nil:
		return fmt.Errorf("emoji-topic/%d at offset %d: %w", c.partition, r.Offset, invalid)
	case !isReset:
		return err
	}
	if c.state = after; after.Watermark < before.Watermark {
		c.closed, c.reported = c.windows.Closed(c.state.Watermark), windowing.Never
		// What retention had cut off is spent now, like all that was counted in.
		c.state.Spent = c.windows.JoinUpTo(wire.MaxWindowRanges, c.state.Spent, c.cutAhead)
		c.cut, c.cutAhead = windowing.Never, nil
	}
	return nil
}

// count adds the reaction of record r to the window that ends at end. before is the state
// before the record.
func (c *Combiner) count(r stream.Record, end int64, late bool, before windowing.State, reaction wire.CountedFields) error {
	if c.isCut(end) {
		return c.addCut(r)
	}
	if end <= c.closed {
		return nil // already emitted: the commit says that this window is closed
	}
	if late {
		c.late++
	}
	w := c.last
	if w == nil || w.end != end {
		w = c.window(end, r.Offset, before)
	}
	w.add(reaction, r.Offset)
	return nil
}

// window returns the open window that ends at end. If there is none, it opens one,
// whose first record is at offset.
func (c *Combiner) window(end, offset int64, before windowing.State) *openWindow {
	w := c.open[end]
	if w == nil {
		w = &openWindow{end: end, first: offset, state: before, partials: map[string]*partial{}}
		c.open[end] = w
	}
	c.last = w
	return w
}

func (w *openWindow) add(reaction wire.CountedFields, offset int64) {
	p := w.last
	if p == nil || p.channel != string(reaction.Channel) {
		if p = w.partials[string(reaction.Channel)]; p == nil {
			p = &partial{channel: string(reaction.Channel), first: offset, counts: map[string]*int64{}}
			w.partials[p.channel] = p
		}
		w.last = p
	}
	n := p.counts[string(reaction.Emoji)]
	if n == nil {
		n = new(int64)
		p.counts[string(reaction.Emoji)] = n
	}
	*n++
	p.next = offset + 1
	p.dirty, w.dirty = true, true
}

// Advance implements claimloop.Machine. If the batch reaches the partition's end, it
// reports the windows whose grace was over when the batch was asked for.
func (c *Combiner) Advance(b stream.Batch) {
	c.position = max(c.position, b.Next)
	c.blocked = b.Blocked()
	sent := b.SentAt.UnixMilli()
	c.grace.advance(b.AtEnd(), sent)
	if b.AtEnd() {
		c.reported = max(c.reported, c.windows.Ended(sent-c.grace.current))
	}
}

// NextDue implements claimloop.Machine. If a window has ended that is not reported yet,
// it returns now, since one more fetch shows whether the partition was read to its end,
// unless a transaction keeps it from that.
// Else it returns when the next window ends, or when a window that grew may be emitted
// again.
func (c *Combiner) NextDue(now int64) (at int64, ok bool) {
	if !c.blocked && c.reported < c.windows.Ended(now-c.grace.current) {
		return now, true
	}
	at = c.windows.Of(now-c.grace.current) + c.grace.current
	if c.confirmedAt != windowing.Never && c.grown(now) {
		at = min(at, c.confirmedAt+minEmission.Milliseconds())
	}
	return at, true
}

// PartialsEmission is one emission of a combiner: for each partition of emoji-partials
// the partials that grew, and the mark after them.
type PartialsEmission struct {
	Records  [][]stream.Record // by partition of emoji-partials
	mark     wire.Mark
	at       int64
	partials []*partial
}

// Due implements claimloop.Machine. A mark that has changed is due at once. Every
// window that is due goes with it.
func (c *Combiner) Due(now int64) (PartialsEmission, bool) {
	mark := wire.Mark{
		Version: wire.FormatVersion, Partition: c.partition, Partitions: c.partitions, Reducers: c.reducers,
		Reported: c.reported, Closed: c.closed, Reset: c.state.Reset, TopicID: c.topicID, Settings: c.windows.Settings(),
	}
	isNew := !c.anyConfirmed || mark.Reset > c.confirmed.Reset || mark.Reported > c.confirmed.Reported || mark.Closed > c.confirmed.Closed
	if !isNew && (c.confirmedAt != windowing.Never && now < c.confirmedAt+minEmission.Milliseconds() || !c.grown(now)) {
		return PartialsEmission{}, false
	}
	e := PartialsEmission{Records: make([][]stream.Record, c.reducers), mark: mark, at: now}
	for _, end := range slices.Sorted(maps.Keys(c.open)) {
		w := c.open[end]
		if !w.dirty || !c.isDue(w, now) {
			continue
		}
		for _, channel := range slices.Sorted(maps.Keys(w.partials)) {
			if p := w.partials[channel]; p.dirty {
				c.addPartial(&e, end, p)
			}
		}
	}
	value := wire.Progress{Mark: &mark}.Encode()
	for r := range e.Records {
		e.Records[r] = append(e.Records[r], stream.Record{Time: now, Value: value})
	}
	return e, true
}

// grown says whether a window that is due has grown since it was last emitted.
func (c *Combiner) grown(now int64) bool {
	for _, w := range c.open {
		if w.dirty && c.isDue(w, now) {
			return true
		}
	}
	return false
}

// addPartial adds a partial of the window that ends at end to an emission.
func (c *Combiner) addPartial(e *PartialsEmission, end int64, p *partial) {
	out := wire.Partial{
		Version: wire.FormatVersion, Partition: c.partition, End: end, Channel: cmp.Or(p.channel, wire.MainChannel),
		First: p.first, Next: p.next, Counts: make(map[string]int64, len(p.counts)),
	}
	for emoji, n := range p.counts {
		out.Counts[emoji] = *n
	}
	r := wire.PartitionOf(out.Channel, c.reducers)
	e.Records[r] = append(e.Records[r], stream.Record{Time: e.at, Key: []byte(out.Channel), Value: wire.Progress{Partial: &out}.Encode()})
	e.partials = append(e.partials, p)
}

// Confirm implements claimloop.Machine. It forgets the windows that the emission's mark
// calls closed, and those that are spent.
func (c *Combiner) Confirm(e PartialsEmission) {
	c.confirmed, c.anyConfirmed, c.confirmedAt = e.mark, true, e.at
	for _, p := range e.partials {
		p.dirty = false
	}
	for end, w := range c.open {
		w.dirty = false
		for _, p := range w.partials {
			w.dirty = w.dirty || p.dirty
		}
		if end <= e.mark.Closed || c.state.IsSpent(end) && !w.dirty {
			delete(c.open, end)
			if c.last == w {
				c.last = nil
			}
		}
	}
	if !c.dirty() && c.position >= c.emitted.position {
		c.emitted = emitted{position: c.position, state: c.state, displaced: c.displaced()}
		if c.state.Pending != 0 {
			c.emitted.pendingAt = c.pending
		}
	}
}

// displaced returns the windows after that of the watermark in which reactions were
// counted because their own were spent.
func (c *Combiner) displaced() []wire.WindowRange {
	ahead := c.windows.Ahead(c.state)
	var windows []wire.WindowRange
	for end := range c.open {
		if (c.state.Watermark == windowing.Never || end > c.windows.Of(c.state.Watermark)) && !windowing.Contains(ahead, end) {
			windows = append(windows, wire.WindowRange{end, end})
		}
	}
	return c.windows.Join(windows)
}

// dirty says whether any window has grown since it was last emitted.
func (c *Combiner) dirty() bool {
	for _, w := range c.open {
		if w.dirty {
			return true
		}
	}
	return false
}

// Commit implements claimloop.Machine. All records before the commit are in windows
// that are closed or spent, and whose last emission is confirmed.
func (c *Combiner) Commit() stream.Commit {
	offset, state := c.position, c.state
	first := int64(math.MaxInt64)
	for _, w := range c.open {
		if w.first < first {
			first, offset, state = w.first, w.first, w.state
		}
	}
	meta := wire.CombinerCommit{
		Version: wire.FormatVersion, Closed: c.closed, Settings: c.windows.Settings(),
		Watermark: state.Watermark, Pending: state.Pending, Spent: state.Spent, Skipped: state.Skipped, Reset: state.Reset,
		Emitted: c.emitted.position, EmittedWatermark: c.emitted.state.Watermark, EmittedSpent: c.emitted.state.Spent, EmittedDisplaced: c.emitted.displaced,
		EmittedPending: c.emitted.state.Pending, EmittedPendingAt: c.emitted.pendingAt,
		EmittedSkipped: c.emitted.state.Skipped, EmittedReset: c.emitted.state.Reset,
	}
	closed := c.windows.Closed(state.Watermark)
	if c.cut > closed {
		meta.Cut = c.cut
	}
	meta.CutAhead = c.windows.After(c.cutAhead, closed)
	b, err := json.Marshal(meta)
	if err != nil {
		panic(err) // integers always marshal
	}
	return stream.Commit{Offset: offset, Metadata: string(b)}
}

// Watermark returns the watermark so far, or windowing.Never.
func (c *Combiner) Watermark() int64 { return c.state.Watermark }

// Late returns how many reactions were counted in a later window than that of their
// time.
func (c *Combiner) Late() int64 { return c.late }

// Grace returns how long after a window's end it is first emitted, by what the partition
// has needed lately.
func (c *Combiner) Grace() time.Duration { return time.Duration(c.grace.current) * time.Millisecond }

// Open returns how many windows the combiner holds.
func (c *Combiner) Open() int { return len(c.open) }
