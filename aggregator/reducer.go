package aggregator

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// Reducer adds up one partition of emoji-partials: partials and marks in, counts
// out. It is a claimloop.Machine.
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

	position       int64    // offset of the next record
	sources        []source // by partition of emoji-topic; nil until the first mark
	floor          int64    // end of the newest window that every partition has closed
	confirmedFloor int64    // floor as of the last confirmed emission: nothing more comes of windows below it
	emitted        int64    // offset before which every partial has been emitted
	lost           bool     // retention took partials that may not have been emitted

	open map[key]*total
	late int64 // partials of windows below the floor
}

// source is how far a partition of emoji-topic was counted, by its marks.
type source struct{ reported, closed int64 }

// key names a window of a channel.
type key struct {
	end     int64
	channel string
}

// total is what is known of one window of one channel.
type total struct {
	first       int64                 // offset of its first partial
	parts       map[int]*wire.Partial // the widest, by partition of emoji-topic
	dirty       bool                  // grew since the last confirmed emission
	emissions   int                   // how many were confirmed
	confirmedAt int64                 // when the last confirmed emission was due; Never: there is none
}

// Position implements claimloop.Machine.
func (r *Reducer) Position() int64 { return r.position }

// Add takes in a partial or a mark. It fails when the record was written under
// other settings, or for another number of partitions than the ones before it.
func (r *Reducer) Add(rec stream.Record, _ int64) error {
	r.position = rec.Offset + 1
	p, err := wire.DecodeProgress(rec.Value)
	if err != nil {
		return fmt.Errorf("emoji-partials/%d at %d: %w", r.partition, rec.Offset, err)
	}
	if p.Mark != nil {
		return r.mark(*p.Mark)
	}
	r.partial(rec.Offset, p.Partial)
	return nil
}

// mark takes in how far a partition of emoji-topic was counted.
func (r *Reducer) mark(m wire.Mark) error {
	if m.Settings != r.windows.Settings() {
		return &SettingsError{"emoji-partials", r.partition, m.Settings, r.windows.Settings()}
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
	byAll := s.closed
	for _, s := range r.sources {
		byAll = min(byAll, s.closed)
	}
	r.floor = max(r.floor, byAll)
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
		t = &total{first: offset, parts: map[int]*wire.Partial{}, confirmedAt: Never}
		r.open[k] = t
	}
	known := t.parts[p.Partition]
	if known != nil && (p.First > known.First || p.First == known.First && p.Next <= known.Next) {
		return
	}
	t.parts[p.Partition] = p
	t.dirty = true
}

// Advance implements claimloop.Machine.
func (r *Reducer) Advance(b stream.Batch) {
	r.position = max(r.position, b.Next)
	r.forget()
}

// forget drops the windows that are closed and emitted, and notes before which
// offset everything is emitted.
func (r *Reducer) forget() {
	dirty := false
	for k, t := range r.open {
		if k.end <= r.floor && !t.dirty {
			delete(r.open, k)
		}
		dirty = dirty || t.dirty
	}
	if !dirty {
		r.emitted = r.position
	}
}

// NextDue implements claimloop.Machine.
func (r *Reducer) NextDue(int64) (at int64, ok bool) {
	for k, t := range r.open {
		if t.dirty {
			if d := r.dueAt(k, t); !ok || d < at {
				at, ok = d, true
			}
		}
	}
	return at, ok
}

// CountsEmission is what a reducer emits at once: the counts of every window that
// grew, whole.
type CountsEmission struct {
	Windows []WindowCounts
	at      int64
	floor   int64
	totals  []*total
}

// WindowCounts are the counts of one window of one channel. Its records are to be
// written together.
type WindowCounts struct {
	End       int64
	Channel   string
	Reactions int64
	Revision  bool   // it was emitted before
	Key       string // of the records: the window's start
	Records   []stream.Record
}

// Due implements claimloop.Machine.
func (r *Reducer) Due(now int64) (CountsEmission, bool) {
	e := CountsEmission{at: now, floor: r.floor}
	for k, t := range r.open {
		if t.dirty && now >= r.dueAt(k, t) {
			e.Windows = append(e.Windows, r.counts(k, t, now))
			e.totals = append(e.totals, t)
		}
	}
	slices.SortFunc(e.Windows, func(a, b WindowCounts) int {
		return cmp.Or(cmp.Compare(a.End, b.End), cmp.Compare(a.Channel, b.Channel))
	})
	return e, len(e.Windows) > 0
}

// counts writes all counts of a window, one record for each emoji. The last one
// has the headers that say so.
func (r *Reducer) counts(k key, t *total, now int64) WindowCounts {
	counts := map[string]int64{}
	for _, p := range t.parts {
		for emoji, n := range p.Counts {
			counts[emoji] += n
		}
	}
	window := r.windows.Window(k.end)
	w := WindowCounts{End: k.end, Channel: k.channel, Revision: t.emissions > 0, Key: string(wire.AppendTime(nil, window.Start))}
	c := wire.Count{Window: window}
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
		if r.confirmedFloor != Never {
			closing := wire.Closing{Reducer: r.partition, Reducers: r.partitions, End: r.confirmedFloor}
			w.Records[n-1].Headers = append(w.Records[n-1].Headers, stream.Header{Key: wire.ClosedHeader, Value: closing.Encode()})
		}
	}
	return w
}

// Confirm implements claimloop.Machine.
func (r *Reducer) Confirm(e CountsEmission) {
	for _, t := range e.totals {
		t.dirty, t.confirmedAt = false, e.at
		t.emissions++
	}
	r.confirmedFloor = max(r.confirmedFloor, e.floor)
	r.forget()
}

// Commit implements claimloop.Machine. Every record before the commit speaks of
// windows that are closed and emitted.
func (r *Reducer) Commit() stream.Commit {
	offset := r.position
	first := int64(math.MaxInt64)
	for _, t := range r.open {
		if t.first < first {
			first, offset = t.first, t.first
		}
	}
	b, err := json.Marshal(wire.ReducerCommit{Version: wire.FormatVersion, Floor: r.floor, Emitted: r.emitted, Settings: r.windows.Settings()})
	if err != nil {
		panic(err) // integers always marshal
	}
	return stream.Commit{Offset: offset, Metadata: string(b)}
}

// Lost says whether retention took partials after the commit that may not have
// been emitted: aggregate was away for longer than the topic keeps them.
func (r *Reducer) Lost() bool { return r.lost }

// Late is how many partials came for windows that were closed.
func (r *Reducer) Late() int64 { return r.late }

// Open is how many windows of channels are open here.
func (r *Reducer) Open() int { return len(r.open) }
