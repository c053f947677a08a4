package aggregator

import (
	"cmp"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// Combiner counts one partition of emoji-topic: reactions in, partials and marks
// out. It is a claimloop.Machine. What it emits follows from the log alone; the
// time decides only when.
type Combiner struct {
	windows    Windows
	grace      int64 // ms
	partition  int
	partitions int
	reducers   int

	position  int64 // offset of the next record
	watermark int64 // greatest record time before position
	reported  int64 // end of the newest window reported as read to the end
	closed    int64 // end of the newest window that is closed; below it nothing is emitted

	emitted          int64 // offset before which every record has been emitted
	emittedWatermark int64 // greatest record time before emitted

	open map[int64]*openWindow // by end; also closed ones whose last emission is not confirmed
	last *openWindow           // the one the last record went to

	confirmed    wire.Mark // of the last confirmed emission
	anyConfirmed bool
	confirmedAt  int64 // when the last confirmed emission was due; Never: there is none

	late int64 // reactions counted in a later window than their own
}

// openWindow is what a partition holds of one window.
type openWindow struct {
	end       int64
	first     int64               // offset of its first record, in whichever channel
	watermark int64               // before that record
	dirty     bool                // one of its partials is
	partials  map[string]*partial // by channel; empty: the main one
	last      *partial            // the one the last record went to
}

// partial is what a partition holds of one window of one channel.
type partial struct {
	channel     string // empty: the main one
	first, next int64  // offset of its first record, and after its last
	dirty       bool   // grew since the last confirmed emission
	counts      map[string]*int64
}

// CombinerConfig is what a Combiner must know.
type CombinerConfig struct {
	Windows    Windows
	Grace      time.Duration // how long after a window's end it is emitted
	Partition  int           // of emoji-topic
	Partitions int           // how many emoji-topic has
	Reducers   int           // how many partitions emoji-partials has
}

// Position implements claimloop.Machine.
func (c *Combiner) Position() int64 { return c.position }

// Add counts a record. It fails when the record is not a reaction.
func (c *Combiner) Add(r stream.Record, _ int64) error {
	c.position = r.Offset + 1
	reaction, err := wire.DecodeCountedFields(r.Value)
	if err == nil {
		c.count(r.Offset, r.Time, reaction)
	}
	if r.Time > c.watermark {
		c.watermark = r.Time
		c.closed = max(c.closed, c.windows.Closed(r.Time))
	}
	return err
}

// count adds a reaction to its window, by the watermark before its record.
func (c *Combiner) count(offset, t int64, reaction wire.CountedFields) {
	end, late := c.windows.Assign(t, c.watermark)
	if end <= c.closed {
		return // emitted by whoever committed that it is closed
	}
	if late {
		c.late++
	}
	w := c.last
	if w == nil || w.end != end {
		w = c.window(end, offset)
	}
	w.add(reaction, offset)
}

// window returns the open window that ends at end. It opens the window with the
// record at offset if need be.
func (c *Combiner) window(end, offset int64) *openWindow {
	w := c.open[end]
	if w == nil {
		w = &openWindow{end: end, first: offset, watermark: c.watermark, partials: map[string]*partial{}}
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

// Advance implements claimloop.Machine. A batch that reaches the partition's end
// reports the windows that had ended when it was asked for.
func (c *Combiner) Advance(b stream.Batch) {
	c.position = max(c.position, b.Next)
	if b.AtEnd() {
		c.reported = max(c.reported, c.windows.Ended(b.SentAt.UnixMilli()-c.grace))
	}
}

// NextDue is at once when a window has ended that is not reported yet: one more
// fetch tells whether the partition was read to its end. Else it is when the next
// window ends, or when what grew may be emitted again.
func (c *Combiner) NextDue(now int64) (at int64, ok bool) {
	if c.reported < c.windows.Ended(now-c.grace) {
		return now, true
	}
	at = c.windows.Of(now-c.grace) + c.grace
	if c.confirmedAt != Never && c.grown(now) {
		at = min(at, c.confirmedAt+minEmission.Milliseconds())
	}
	return at, true
}

// PartialsEmission is what a combiner emits at once: for each partition of
// emoji-partials the partials that grew, and the mark after them.
type PartialsEmission struct {
	Records  [][]stream.Record // by partition of emoji-partials
	mark     wire.Mark
	at       int64
	partials []*partial
}

// Due implements claimloop.Machine. A mark that says something new is due at once,
// and with it every window that is due.
func (c *Combiner) Due(now int64) (PartialsEmission, bool) {
	mark := wire.Mark{
		Version: wire.FormatVersion, Partition: c.partition, Partitions: c.partitions, Reducers: c.reducers,
		Reported: c.reported, Closed: c.closed, Settings: c.windows.Settings(),
	}
	isNew := !c.anyConfirmed || mark.Reported > c.confirmed.Reported || mark.Closed > c.confirmed.Closed
	if !isNew && (c.confirmedAt != Never && now < c.confirmedAt+minEmission.Milliseconds() || !c.grown(now)) {
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

// grown says whether a window that is due holds what was not emitted yet.
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

// Confirm implements claimloop.Machine. It forgets the windows that the emission
// has called closed.
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
		if end <= e.mark.Closed {
			delete(c.open, end)
			if c.last == w {
				c.last = nil
			}
		}
	}
	if !c.dirty() {
		c.emitted, c.emittedWatermark = c.position, c.watermark
	}
}

// dirty says whether any window holds what was not emitted yet.
func (c *Combiner) dirty() bool {
	for _, w := range c.open {
		if w.dirty {
			return true
		}
	}
	return false
}

// Commit implements claimloop.Machine. Everything before the commit is in windows
// that are closed and whose last emission is confirmed.
func (c *Combiner) Commit() stream.Commit {
	meta := wire.CombinerCommit{
		Version: wire.FormatVersion, Watermark: c.watermark, Closed: c.closed,
		Emitted: c.emitted, EmittedWatermark: c.emittedWatermark, Settings: c.windows.Settings(),
	}
	offset := c.position
	first := int64(math.MaxInt64)
	for _, w := range c.open {
		if w.first < first {
			first, offset, meta.Watermark = w.first, w.first, w.watermark
		}
	}
	b, err := json.Marshal(meta)
	if err != nil {
		panic(err) // integers always marshal
	}
	return stream.Commit{Offset: offset, Metadata: string(b)}
}

// Watermark is the greatest record time so far, or Never.
func (c *Combiner) Watermark() int64 { return c.watermark }

// Late is how many reactions were counted in a later window than their own.
func (c *Combiner) Late() int64 { return c.late }

// Open is how many windows are open here.
func (c *Combiner) Open() int { return len(c.open) }
