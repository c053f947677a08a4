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

// Reducer adds up one partition of emoji-partials: it takes partials and marks, and
// emits counts. It is a claimloop.Machine.
//
// A window's counts are the sums of its widest partials, one from each partition of
// emoji-topic. They are emitted together when all partitions have reported the window,
// or reportWait after its end. They are emitted again when they have grown, and for the
// last time when all partitions have closed the window.
type Reducer struct {
	windows    Windows
	partition  int
	partitions int // how many partitions emoji-partials has
	scale      Scale

	position       int64    // offset of the next record
	sources        []source // by partition of emoji-topic; nil until the first mark
	floor          int64    // end of the newest window that all partitions have closed, ms
	confirmedFloor int64    // the floor at the last confirmed emission: no more counts of windows up to it are written
	emitted        int64    // offset before which all partials have been emitted
	lost           bool     // retention has removed partials that may not have been emitted

	open map[key]*total
	late int64 // partials that were ignored because their window is not after the floor
}

// source is how far a partition of emoji-topic was counted, as its marks say: the ends
// of the newest windows that are reported and closed, in ms.
type source struct{ reported, closed int64 }

// key identifies a window of a channel.
type key struct {
	end     int64
	channel string
}

// total holds the partials of one window of one channel.
type total struct {
	first       int64                 // offset of its first partial
	parts       map[int]*wire.Partial // the widest partials, by partition of emoji-topic
	dirty       bool                  // it grew since the last confirmed emission
	emissions   int                   // how many emissions of it were confirmed
	confirmedAt int64                 // time of the last of these, ms; Never: there is none
}

// Position implements claimloop.Machine.
func (r *Reducer) Position() int64 { return r.position }

// Add takes in a partial or a mark. It fails if the record is neither. It fails with a
// *SettingsError, a *PartitionsError or a *wire.NewerFormatError if the record was
// written with other settings, for other numbers of partitions than the records before
// it, or in a newer format: then adding up must not go on.
func (r *Reducer) Add(rec stream.Record, _ int64) error {
	r.position = rec.Offset + 1
	p, err := wire.DecodeProgress(rec.Value)
	if err == nil && p.Mark != nil {
		err = r.mark(*p.Mark)
	} else if err == nil {
		err = r.partial(rec.Offset, p.Partial)
	}
	if err != nil {
		return fmt.Errorf("emoji-partials/%d at offset %d: %w", r.partition, rec.Offset, err)
	}
	return nil
}

// PartitionsError says that a partition of emoji-topic was counted for another number
// of partitions than there are.
type PartitionsError struct {
	Topic     string // whose number differs: emoji-topic or emoji-partials
	Partition int    // of emoji-topic, that was counted
	Then, Now int
}

func (e *PartitionsError) Error() string {
	return fmt.Sprintf("emoji-topic/%d was counted for %d partitions of %s and there are %d: the number may only change after a drain, with aggregate stopped and emoji-partials made anew",
		e.Partition, e.Then, e.Topic, e.Now)
}

// mark takes in a mark, and raises the floor if all partitions have closed newer
// windows.
func (r *Reducer) mark(m wire.Mark) error {
	switch {
	case m.Settings != r.windows.Settings() && !allowed(m.Settings):
		return fmt.Errorf("a mark of %v, which no aggregate has", m.Settings)
	case m.Settings != r.windows.Settings():
		return &SettingsError{"emoji-partials", r.partition, m.Settings, r.windows.Settings()}
	case m.Reducers != r.partitions:
		return &PartitionsError{"emoji-partials", m.Partition, m.Reducers, r.partitions}
	case r.sources == nil:
		r.sources = slices.Repeat([]source{{Never, Never}}, m.Partitions)
	case m.Partitions != len(r.sources):
		return &PartitionsError{"emoji-topic", m.Partition, m.Partitions, len(r.sources)}
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

// partial keeps p if it is wider than the known partial of its partition: if it begins
// earlier, or at the same offset and ends later. It fails if p is none of ours: of
// another length of windows, or of a partition that is not there.
func (r *Reducer) partial(offset int64, p *wire.Partial) error {
	if r.windows.Ended(p.End) != p.End {
		return fmt.Errorf("a partial of a window that ends at %d, which none of %v does", p.End, r.windows.Settings())
	}
	if r.sources != nil && p.Partition >= len(r.sources) {
		return fmt.Errorf("a partial of partition %d of emoji-topic, which has %d", p.Partition, len(r.sources))
	}
	if p.End <= r.floor {
		r.late++
		return nil
	}
	k := key{p.End, p.Channel}
	t := r.open[k]
	if t == nil {
		t = &total{first: offset, parts: map[int]*wire.Partial{}, confirmedAt: Never}
		r.open[k] = t
	}
	known := t.parts[p.Partition]
	if known != nil && (p.First > known.First || p.First == known.First && p.Next <= known.Next) {
		return nil
	}
	t.parts[p.Partition] = p
	t.dirty = true
	return nil
}

// Advance implements claimloop.Machine.
func (r *Reducer) Advance(b stream.Batch) {
	r.position = max(r.position, b.Next)
	r.forget()
}

// forget drops the windows that are closed and emitted. If all windows are emitted, it
// notes that everything before position is.
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

// CountsEmission is one emission of a reducer: all counts of each window that has
// grown.
type CountsEmission struct {
	Windows []WindowCounts
	at      int64
	floor   int64
	totals  []*total
}

// WindowCounts are the counts of one window of one channel. Its records must be written
// together.
type WindowCounts struct {
	End       int64
	Channel   string
	Reactions int64
	Revision  bool   // the window was emitted before
	Key       string // key of the records: the window's start
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

// counts returns all counts of a window, one record for each emoji. The last record has
// the headers of the window.
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

// Commit implements claimloop.Machine. All records before the commit are of windows
// that are closed and emitted.
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

// Lost says whether retention has removed partials after the commit that may not have
// been emitted. That happens if aggregate is away for longer than the topic's
// retention.
func (r *Reducer) Lost() bool { return r.lost }

// Late returns how many partials were ignored because their window was closed.
func (r *Reducer) Late() int64 { return r.late }

// Open returns how many windows of channels the reducer holds.
func (r *Reducer) Open() int { return len(r.open) }
