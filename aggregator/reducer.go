package aggregator

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// patience is how long after a window's end a reducer waits for partitions that
// have not reported it.
const patience = 500 * time.Millisecond

// Reducer adds up one partition of emoji-partials: partials and marks in, counts
// out. Like a Combiner it does no I/O and reads no clock.
//
// A window's counts are the sums of its widest partials, one from each partition
// of emoji-topic. They are emitted as a whole when all partitions have reported
// the window, or some time after its end; again when they grew; and for the last
// time when all partitions have closed it.
type Reducer struct {
	windows    Windows
	partition  int
	partitions int // of emoji-partials
	scale      Scale

	position int64
	sources  []source // by partition of emoji-topic; nil until the first mark
	floor    int64    // end of the newest window that every partition has closed
	reduced  int64    // offset before which every partial has been emitted
	gone     bool     // partials are gone that may not have been emitted
	promised int64    // floor as of the last confirmed emission: nothing more comes of windows below it
	open     map[key]*total
	late     int64 // partials of windows below the floor
}

type source struct{ reported, closed int64 }

// key names a window of a channel.
type key struct {
	end     int64
	channel string
}

// total is what is known of one window of one channel.
type total struct {
	first   int64 // offset of its first partial
	parts   map[int]*wire.Partial
	dirty   bool  // grew since the last confirmed emission
	sentAt  int64 // Never before the first emission
	emitted int   // how often
}

// NewReducer returns a reducer that goes on from a commit in a log that holds
// offsets from start on; partials below start are gone. It fails when the commit
// was made under other settings.
func NewReducer(windows Windows, scale Scale, partition, partitions int, commit stream.Commit, start int64) (*Reducer, error) {
	r := &Reducer{
		windows: windows, partition: partition, partitions: partitions, scale: scale,
		position: max(start, commit.Offset, 0), floor: Never, promised: Never, open: map[key]*total{},
	}
	if commit.Offset == stream.None {
		return r, nil
	}
	var meta wire.ReducerCommit
	if err := json.Unmarshal([]byte(commit.Metadata), &meta); err != nil || meta.Version != wire.FormatVersion {
		return nil, fmt.Errorf("emoji-partials/%d: the commit at %d was not made by this version of aggregate (its metadata is %.80q)", partition, commit.Offset, commit.Metadata)
	}
	if meta.Settings != windows.Settings() {
		return nil, r.otherSettings(meta.Settings)
	}
	r.floor, r.promised, r.reduced = meta.Floor, meta.Floor, meta.Reduced
	r.gone = max(commit.Offset, meta.Reduced) < start
	return r, nil
}

func (r *Reducer) otherSettings(theirs wire.Settings) error {
	return fmt.Errorf("emoji-partials/%d was written with %v and this aggregate was started with %v: all copies must use the same", r.partition, theirs, r.windows.Settings())
}

// Gone says whether partials between the commit and the log's start are gone
// that may not have been emitted: aggregate was away for longer than the topic
// keeps them.
func (r *Reducer) Gone() bool { return r.gone }

// Position is the offset of the next record that Add wants.
func (r *Reducer) Position() int64 { return r.position }

// Late is how many partials came for windows that were closed.
func (r *Reducer) Late() int64 { return r.late }

// Open is how many windows of channels are open here.
func (r *Reducer) Open() int { return len(r.open) }

// Read tells that the log goes on at next.
func (r *Reducer) Read(next int64) { r.position = max(r.position, next) }

// Add takes in the record at offset. It fails when the record was written under
// other settings, or for another number of partitions than the ones before it.
func (r *Reducer) Add(offset int64, value []byte) error {
	r.position = offset + 1
	p, err := wire.DecodeProgress(value)
	if err != nil {
		return fmt.Errorf("emoji-partials/%d at %d: %w", r.partition, offset, err)
	}
	if p.Mark != nil {
		return r.mark(*p.Mark)
	}
	r.partial(offset, p.Partial)
	return nil
}

func (r *Reducer) mark(m wire.Mark) error {
	if m.Settings != r.windows.Settings() {
		return r.otherSettings(m.Settings)
	}
	const change = "the number may only change after a drain, with aggregate stopped and emoji-partials made anew"
	switch {
	case m.Partition < 0 || m.Partition >= m.Partitions:
		return fmt.Errorf("emoji-partials/%d: a mark of partition %d of %d, which cannot be", r.partition, m.Partition, m.Partitions)
	case m.Reducers != r.partitions:
		return fmt.Errorf("emoji-topic/%d was counted for %d partitions of emoji-partials and there are %d: %s", m.Partition, m.Reducers, r.partitions, change)
	case r.sources == nil:
		r.sources = slices.Repeat([]source{{Never, Never}}, m.Partitions)
	case m.Partitions != len(r.sources):
		return fmt.Errorf("emoji-topic had %d partitions and now partition %d of %d is counted: %s", len(r.sources), m.Partition, m.Partitions, change)
	}
	s := &r.sources[m.Partition]
	s.reported, s.closed = max(s.reported, m.Reported), max(s.closed, m.Closed)
	all := s.closed
	for _, s := range r.sources {
		all = min(all, s.closed)
	}
	r.floor = max(r.floor, all)
	return nil
}

// partial keeps p if it is wider than what is known of its partition.
func (r *Reducer) partial(offset int64, p *wire.Partial) {
	if p.End <= r.floor {
		r.late++
		return
	}
	k := key{p.End, p.Channel}
	t := r.open[k]
	if t == nil {
		t = &total{first: offset, parts: map[int]*wire.Partial{}, sentAt: Never}
		r.open[k] = t
	}
	known := t.parts[p.Partition]
	if known != nil && (p.First > known.First || p.First == known.First && p.Next <= known.Next) {
		return
	}
	t.parts[p.Partition] = p
	t.dirty = true
}

// Counted is what goes to emoji-aggregated at once.
type Counted struct {
	Windows []CountedWindow
	at      int64
	floor   int64
	sent    []*total
}

// CountedWindow is one emission of one window of one channel, its records to be
// written together.
type CountedWindow struct {
	End       int64
	Channel   string
	Reactions int64
	Revision  bool   // it was emitted before
	Key       string // of the records: the window's start
	Records   []stream.Record
}

// Emit returns what is due at now, and false if that is nothing. Nothing may be
// added between Emit and Confirm.
func (r *Reducer) Emit(now int64) (Counted, bool) {
	out := Counted{at: now, floor: r.floor}
	for k, t := range r.open {
		if t.dirty && now >= r.dueAt(k, t) {
			out.Windows = append(out.Windows, r.emission(k, t, now))
			out.sent = append(out.sent, t)
		}
	}
	slices.SortFunc(out.Windows, func(a, b CountedWindow) int {
		return cmp.Or(cmp.Compare(a.End, b.End), cmp.Compare(a.Channel, b.Channel))
	})
	return out, len(out.Windows) > 0
}

// NextDue returns the time at which the next window becomes due by the clock, or
// false if none waits.
func (r *Reducer) NextDue() (at int64, ok bool) {
	for k, t := range r.open {
		if t.dirty {
			if d := r.dueAt(k, t); !ok || d < at {
				at, ok = d, true
			}
		}
	}
	return at, ok
}

// dueAt is when a window that has grown is emitted.
func (r *Reducer) dueAt(k key, t *total) int64 {
	switch {
	case k.end <= r.floor:
		return Never
	case t.sentAt != Never:
		return t.sentAt + minEmission.Milliseconds()
	case r.reported(k.end):
		return Never
	default:
		return k.end + patience.Milliseconds()
	}
}

// reported says whether every partition has reported the window.
func (r *Reducer) reported(end int64) bool {
	for _, s := range r.sources {
		if s.reported < end {
			return false
		}
	}
	return r.sources != nil
}

// emission writes all counts of a window: one record for each emoji, the last
// of them with the headers that say so.
func (r *Reducer) emission(k key, t *total, now int64) CountedWindow {
	counts := map[string]int64{}
	for _, p := range t.parts {
		for emoji, n := range p.Counts {
			counts[emoji] += n
		}
	}
	span := r.windows.Span(k.end)
	w := CountedWindow{End: k.end, Channel: k.channel, Revision: t.emitted > 0, Key: string(wire.AppendTime(nil, span.Start))}
	c := wire.Count{Window: span}
	if k.channel != wire.MainChannel {
		c.Channel = k.channel
	}
	for _, c.Emoji = range slices.Sorted(maps.Keys(counts)) {
		c.Count = counts[c.Emoji]
		c.Scaled = r.scale.Of(c.Count)
		w.Reactions += c.Count
		value, err := json.Marshal(c)
		if err != nil {
			panic(err) // strings and finite numbers always marshal
		}
		w.Records = append(w.Records, stream.Record{Time: now, Key: []byte(w.Key), Value: value})
	}
	if n := len(w.Records); n > 0 {
		w.Records[n-1].Headers = []stream.Header{
			{Key: wire.CompleteHeader, Value: strconv.AppendInt(nil, int64(n), 10)},
		}
		if r.promised != Never {
			closing := wire.Closing{Reducer: r.partition, Reducers: r.partitions, End: r.promised}
			w.Records[n-1].Headers = append(w.Records[n-1].Headers, stream.Header{Key: wire.ClosedHeader, Value: closing.Encode()})
		}
	}
	return w
}

// Confirm says that all of an emission is acknowledged.
func (r *Reducer) Confirm(e Counted) {
	for _, t := range e.sent {
		t.dirty, t.sentAt = false, e.at
		t.emitted++
	}
	r.promised = max(r.promised, e.floor)
}

// Commit forgets the windows that are closed and returns what may be committed
// now: every record before it speaks of windows that are closed and emitted. It
// must be called right after Confirm, or when Emit had nothing.
func (r *Reducer) Commit() stream.Commit {
	offset := r.position
	first := int64(math.MaxInt64)
	dirty := false
	for k, t := range r.open {
		if k.end <= r.floor && !t.dirty {
			delete(r.open, k)
			continue
		}
		dirty = dirty || t.dirty
		if t.first < first {
			first, offset = t.first, t.first
		}
	}
	if !dirty {
		r.reduced = r.position
	}
	b, err := json.Marshal(wire.ReducerCommit{Version: wire.FormatVersion, Floor: r.floor, Reduced: r.reduced, Settings: r.windows.Settings()})
	if err != nil {
		panic(err) // integers always marshal
	}
	return stream.Commit{Offset: offset, Metadata: string(b)}
}
