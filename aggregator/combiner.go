package aggregator

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// minEmission is the least time between two emissions of what grows, and between
// any two while there is a backlog.
const minEmission = 100 * time.Millisecond

// Combiner counts one partition of emoji-topic: records in, partials and marks
// out. It does no I/O and reads no clock, so that whole histories of failures
// can be run through it.
//
// Its owner feeds every record in the order of the log, emits what is due,
// confirms once the emission is acknowledged, and commits what Commit returns.
// All of it follows from the log alone, but for when things are emitted.
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
	counted   int64 // offset before which every record has been emitted
	newest    int64 // greatest record time before counted

	open map[int64]*openWindow // by end; also closed ones whose last emission is not confirmed
	last *openWindow           // the one the last record went to

	sent    wire.Mark // as of the last confirmed emission
	sentAny bool
	sentAt  int64

	late, skipped int64
}

// openWindow is what a partition holds of one window.
type openWindow struct {
	end       int64
	first     int64 // offset of its first record, in whichever channel
	watermark int64 // before that record
	dirty     bool  // whether a channel is
	channels  map[string]*tally
	last      *tally // the one the last record went to
}

// tally is what a partition holds of one window of one channel.
type tally struct {
	channel     string // empty: the main one
	first, next int64
	dirty       bool // grew since the last confirmed emission
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

// ErrCommit is a commit that a combiner cannot go on from.
type ErrCommit struct {
	Partition int
	Problem   string
}

func (e *ErrCommit) Error() string {
	return fmt.Sprintf("emoji-topic/%d: %s. Reactions may not be counted, or be counted apart from those already counted in their window. "+
		"If that is acceptable, start aggregate once with --reset-lost to go on from the log's start", e.Partition, e.Problem)
}

// NewCombiner returns a combiner that goes on from a commit of a log that holds
// the offsets from start on and before end. It fails with an *ErrCommit when records between the two
// are gone or the commit is not one of a combiner's, unless reset is given: then
// it begins at the log's start. It fails when the commit was made under other
// settings.
func NewCombiner(cfg CombinerConfig, commit stream.Commit, start, end int64, reset bool) (*Combiner, error) {
	c := &Combiner{
		windows:    cfg.Windows,
		grace:      cfg.Grace.Milliseconds(),
		partition:  cfg.Partition,
		partitions: cfg.Partitions,
		reducers:   cfg.Reducers,
		position:   commit.Offset,
		watermark:  Never,
		reported:   Never,
		closed:     Never,
		newest:     Never,
		sentAt:     Never,
		open:       map[int64]*openWindow{},
	}
	problem := ""
	switch {
	case commit.Offset == stream.None && start == 0:
		c.position = 0
		return c, nil
	case commit.Offset == stream.None:
		problem = fmt.Sprintf("nothing was committed yet and the log starts at %d, so that records before it are gone", start)
	case commit.Offset < start:
		problem = fmt.Sprintf("the commit at %d is below the log's start at %d, so that records between them are gone", commit.Offset, start)
	case commit.Offset > end:
		problem = fmt.Sprintf("the commit at %d is beyond the log's end at %d: the log has lost its tail, or was made anew", commit.Offset, end)
	}
	var meta wire.CombinerCommit
	if commit.Offset != stream.None {
		if err := json.Unmarshal([]byte(commit.Metadata), &meta); err != nil || meta.Version != wire.FormatVersion {
			problem = fmt.Sprintf("the commit at %d was not made by this version of aggregate (its metadata is %.80q)", commit.Offset, commit.Metadata)
			meta = wire.CombinerCommit{}
		} else if meta.Settings != cfg.Windows.Settings() {
			return nil, fmt.Errorf("emoji-topic/%d was counted with %v and this aggregate was started with %v: use the same, or begin anew under another --topic-prefix (emostream up: in another --data-dir)",
				cfg.Partition, meta.Settings, cfg.Windows.Settings())
		}
	}
	c.counted, c.newest = meta.Counted, meta.Newest
	switch {
	case problem == "":
		c.watermark, c.closed = meta.Watermark, meta.Closed
	case commit.Offset < start && start <= meta.Counted && meta.Counted <= end:
		// A long silence: retention took the windows that were open, but all of
		// them was emitted. They are closed as a record of a later time would
		// close them.
		c.position = meta.Counted
		c.closed = max(meta.Closed, c.windows.Of(meta.Newest))
		c.watermark = c.closed + c.windows.Lateness
	case reset:
		c.position, c.counted, c.newest = start, 0, Never
		if meta.Version == 0 {
			break
		}
		// What was counted stays counted. The watermark is of the records before
		// the commit: it holds from the start on only if they are all gone, and
		// would else make late whatever is read again.
		c.closed = meta.Closed
		if commit.Offset <= start {
			c.watermark = meta.Watermark
		}
	default:
		return nil, &ErrCommit{cfg.Partition, problem}
	}
	return c, nil
}

// Position is the offset of the next record that Add wants.
func (c *Combiner) Position() int64 { return c.position }

// Watermark is the greatest record time so far, or Never.
func (c *Combiner) Watermark() int64 { return c.watermark }

// Late is how many records were counted in a later window than their own.
func (c *Combiner) Late() int64 { return c.late }

// Skipped is how many records could not be read as reactions.
func (c *Combiner) Skipped() int64 { return c.skipped }

// Add counts the record at offset, which must not be below Position; offsets
// between the two do not exist in the log.
func (c *Combiner) Add(offset, t int64, value []byte) {
	c.position = offset + 1
	if tap, err := wire.DecodeCountedFields(value); err != nil {
		c.skipped++
	} else {
		c.count(offset, t, tap)
	}
	if t > c.watermark {
		c.watermark = t
		c.closed = max(c.closed, c.windows.Closed(t))
	}
}

// count puts a tap into its window, by the watermark before its record.
func (c *Combiner) count(offset, t int64, tap wire.CountedFields) {
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
	w.add(tap, offset)
}

// window returns the open window that ends at end, new with the record at
// offset if need be.
func (c *Combiner) window(end, offset int64) *openWindow {
	w := c.open[end]
	if w == nil {
		w = &openWindow{end: end, first: offset, watermark: c.watermark, channels: map[string]*tally{}}
		c.open[end] = w
	}
	c.last = w
	return w
}

func (w *openWindow) add(tap wire.CountedFields, offset int64) {
	t := w.last
	if t == nil || t.channel != string(tap.Channel) {
		if t = w.channels[string(tap.Channel)]; t == nil {
			t = &tally{channel: string(tap.Channel), first: offset, counts: map[string]*int64{}}
			w.channels[t.channel] = t
		}
		w.last = t
	}
	n := t.counts[string(tap.Emoji)]
	if n == nil {
		n = new(int64)
		t.counts[string(tap.Emoji)] = n
	}
	*n++
	t.next = offset + 1
	t.dirty, w.dirty = true, true
}

// Read tells how far a fetch got: that the log goes on at next, and whether that
// was the partition's end when the broker answered a fetch sent at sentAt.
func (c *Combiner) Read(next int64, atEnd bool, sentAt int64) {
	c.position = max(c.position, next)
	if atEnd {
		c.reported = max(c.reported, c.windows.Ended(sentAt-c.grace))
	}
}

// NextDue returns the time at which the next window becomes due by the clock, or
// the next emission of what grew since the last one.
func (c *Combiner) NextDue(now int64) int64 {
	due := c.windows.Of(now-c.grace) + c.grace
	if c.sentAt != Never && c.grown(now) {
		due = min(due, c.sentAt+minEmission.Milliseconds())
	}
	return due
}

// Emission is what goes to emoji-partials at once: for each of its partitions
// partials, and the mark after them.
type Emission struct {
	Records [][]stream.Record // by partition of emoji-partials
	mark    wire.Mark
	at      int64
	sent    []*tally
}

// Emit returns what is due at now, and false if that is nothing. Nothing may be
// added between Emit and Confirm.
func (c *Combiner) Emit(now int64) (Emission, bool) {
	mark := wire.Mark{
		Version: wire.FormatVersion, Partition: c.partition, Partitions: c.partitions, Reducers: c.reducers,
		Reported: c.reported, Closed: c.closed, Settings: c.windows.Settings(),
	}
	news := !c.sentAny || mark.Reported > c.sent.Reported || mark.Closed > c.sent.Closed
	if !news && (c.sentAt != Never && now < c.sentAt+minEmission.Milliseconds() || !c.grown(now)) {
		return Emission{}, false
	}
	e := Emission{Records: make([][]stream.Record, c.reducers), mark: mark, at: now}
	for _, end := range slices.Sorted(maps.Keys(c.open)) {
		w := c.open[end]
		if !w.dirty || !c.due(w, now) {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(w.channels)) {
			if t := w.channels[name]; t.dirty {
				c.emit(&e, end, name, t, now)
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
		if w.dirty && c.due(w, now) {
			return true
		}
	}
	return false
}

func (c *Combiner) due(w *openWindow, now int64) bool {
	return w.end <= c.closed || w.end+c.grace <= now
}

func (c *Combiner) emit(e *Emission, end int64, name string, t *tally, now int64) {
	if name == "" {
		name = wire.MainChannel
	}
	p := wire.Partial{
		Version: wire.FormatVersion, Partition: c.partition, End: end, Channel: name,
		First: t.first, Next: t.next, Counts: make(map[string]int64, len(t.counts)),
	}
	for emoji, n := range t.counts {
		p.Counts[emoji] = *n
	}
	r := wire.PartitionOf(name, c.reducers)
	e.Records[r] = append(e.Records[r], stream.Record{Time: now, Key: []byte(name), Value: wire.Progress{Partial: &p}.Encode()})
	e.sent = append(e.sent, t)
}

// Confirm says that all of an emission is acknowledged.
func (c *Combiner) Confirm(e Emission) {
	c.sent, c.sentAny, c.sentAt = e.mark, true, e.at
	for _, t := range e.sent {
		t.dirty = false
	}
	for end, w := range c.open {
		w.dirty = false
		for _, t := range w.channels {
			w.dirty = w.dirty || t.dirty
		}
		if end <= e.mark.Closed {
			delete(c.open, end)
			if c.last == w {
				c.last = nil
			}
		}
	}
	if !c.dirty() {
		c.counted, c.newest = c.position, c.watermark
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

// Commit is what may be committed now: everything before it is in windows that
// are closed and whose emission is confirmed. It must be called right after
// Confirm, before anything is added.
func (c *Combiner) Commit() stream.Commit {
	meta := wire.CombinerCommit{
		Version: wire.FormatVersion, Watermark: c.watermark, Closed: c.closed,
		Counted: c.counted, Newest: c.newest, Settings: c.windows.Settings(),
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

// Open is how many windows are open here.
func (c *Combiner) Open() int { return len(c.open) }
