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
	"github.com/emostream/emostream/internal/windowing"
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
	windows    windowing.Windows
	partition  int
	partitions int    // how many partitions emoji-partials has
	topicID    string // of emoji-topic
	scale      Scale

	position       int64              // offset of the next record
	sources        []source           // by partition of emoji-topic; none until the number is known
	resets         []int64            // of the sources, if any was reset
	reopened       int64              // the greatest of the marks, ms; 0: none
	closed         int64              // end of the newest window that all partitions have closed, ms
	floor          int64              // end of the newest window that is closed, and of which all partials are held or emitted, ms
	confirmedFloor int64              // the floor at the last confirmed emission: no more counts of windows up to it are written
	emitted        int64              // offset before which all partials have been emitted
	openAtEmitted  []wire.OpenWindows // the windows that the commit called open; nil: all before emitted was read again

	// How far each partition of emoji-topic was counted by all partials that were read,
	// by those before its last mark, and by those before emitted and that mark.
	read, counted, countedEmitted []wire.Counted

	newest int64 // greatest end of a window of which partials were read, ms

	// Retention has removed partials of the windows in lost, when each partition was
	// counted and emitted up to lostCounted.
	lost        []wire.WindowRange
	lostCounted []wire.Counted

	open    map[key]*total
	held    int // weight of the partials in open
	maxHeld int
	givenUp givenUp
	readAt  int64 // when windows that were given up were last read again, ms
	late    int64 // partials that were ignored because their window is not after the floor
}

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

// Add takes in a partial or a mark. It fails if the record is neither. It fails with an
// *OtherMarkError or a *wire.NewerFormatError if the record is a mark of other settings
// or numbers of partitions, or has a newer format: then adding up must not go on, unless
// the user says so.
func (r *Reducer) Add(rec stream.Record, _ int64) error {
	r.position = rec.Offset + 1
	p, err := wire.DecodeProgress(rec.Value)
	if err == nil && p.Mark != nil {
		err = r.mark(rec.Offset, *p.Mark)
	} else if err == nil {
		err = r.partial(rec.Offset, p.Partial)
	}
	if err != nil {
		return fmt.Errorf("emoji-partials/%d at offset %d: %w", r.partition, rec.Offset, err)
	}
	return nil
}

// raiseFloor raises the floor to the newest closed window, but not to one that was given
// up and has to be read again.
func (r *Reducer) raiseFloor() {
	r.floor = max(r.floor, min(r.closed, r.givenUp.unread-r.windows.Length))
}

// partial keeps p if it is wider than the known partial of its partition: if it begins
// earlier, or at the same offset and ends later. It fails if p is none of ours: of
// another length of windows, or of a partition that is not there. It fails with a
// *PartialsError if other partials of the window are gone and p holds reactions that were
// not emitted yet.
func (r *Reducer) partial(offset int64, p *wire.Partial) error {
	if r.windows.Ended(p.End) != p.End {
		return fmt.Errorf("a partial of a window that ends at %d, which none of %v does", p.End, r.windows.Settings())
	}
	if len(r.sources) > 0 && p.Partition >= len(r.sources) {
		return fmt.Errorf("a partial of partition %d of emoji-topic, which has %d", p.Partition, len(r.sources))
	}
	if p.End <= r.floor {
		r.late++
		return nil
	}
	r.newest = max(r.newest, p.End)
	r.note(p)
	k := key{p.End, p.Channel}
	t := r.open[k]
	if t == nil {
		if windowing.Contains(r.lost, p.End) {
			if isCounted(r.lostCounted, p) {
				return nil
			}
			return &PartialsError{r.partition, fmt.Sprintf("the partial at %d is of a window of which retention has removed others", offset)}
		}
		if r.givenUp.passOver(p.End, offset, isCounted(r.counted, p)) {
			return nil
		}
		t = &total{first: offset, parts: map[int]*wire.Partial{}, confirmedAt: windowing.Never}
		r.open[k] = t
	}
	known := t.parts[p.Partition]
	if known != nil && (p.First > known.First || p.First == known.First && p.Next <= known.Next) {
		return nil
	}
	t.parts[p.Partition] = p
	t.dirty = true
	r.held += weight(p)
	if known != nil {
		r.held -= weight(known)
	}
	return nil
}

// note notes how far the partition of p was counted by p and the partials before.
// A combiner sends all windows that have grown and are due together, and a mark after
// them. So when the mark is there, all windows up to the newest were counted so far.
func (r *Reducer) note(p *wire.Partial) {
	if p.Partition < 0 || p.Partition >= maxCounted {
		return
	}
	for len(r.read) <= p.Partition {
		r.read, r.counted = append(r.read, wire.Counted{}), append(r.counted, wire.Counted{})
	}
	c := &r.read[p.Partition]
	c.Next, c.Newest = max(c.Next, p.Next), max(c.Newest, p.End)
}

// isCounted says whether all that p holds was counted.
func isCounted(counted []wire.Counted, p *wire.Partial) bool {
	if p.Partition < 0 || p.Partition >= len(counted) {
		return false
	}
	c := counted[p.Partition]
	return p.Next <= c.Next && p.End <= c.Newest
}

// weight returns what a partial adds to held: its counts, and as much again for itself
// as a few of them.
func weight(p *wire.Partial) int { return len(p.Counts) + 4 }

// Advance implements claimloop.Machine.
func (r *Reducer) Advance(b stream.Batch) {
	r.position = max(r.position, b.Next)
	r.readGivenUp(b.AtEnd(), b.SentAt.UnixMilli())
	r.forget()
}

// forget drops the windows that are closed and emitted, and gives windows up if it holds
// too much. If all windows are emitted, it notes that everything before position is.
func (r *Reducer) forget() {
	dirty := r.givenUp.unread != math.MaxInt64
	for k, t := range r.open {
		if k.end <= r.floor && !t.dirty {
			r.forgetWindow(k)
		}
		dirty = dirty || t.dirty
	}
	if r.position >= r.emitted {
		r.openAtEmitted = nil
	}
	if !dirty && r.position > r.emitted {
		r.emitted, r.countedEmitted = r.position, slices.Clone(r.counted)
	}
	r.giveUp()
}

// forgetWindow removes a window of a channel from those that are held.
func (r *Reducer) forgetWindow(k key) {
	for _, p := range r.open[k].parts {
		r.held -= weight(p)
	}
	delete(r.open, k)
}

// NextDue implements claimloop.Machine.
func (r *Reducer) NextDue(now int64) (at int64, ok bool) {
	for k, t := range r.open {
		if t.dirty && !r.givenUp.reads(k.end) {
			if d := r.dueAt(k, t, now); !ok || d < at {
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
		if t.dirty && !r.givenUp.reads(k.end) && now >= r.dueAt(k, t, now) {
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
		if r.confirmedFloor != windowing.Never {
			closing := wire.Closing{Reducer: r.partition, Reducers: r.partitions, End: r.confirmedFloor, Reopened: r.reopened}
			header := stream.Header{Key: wire.ClosedHeader, Value: closing.Encode()}
			w.Records[n-1].Headers = append(w.Records[n-1].Headers, header)
			if n > 1 && r.reopened != 0 { // who has called the window closed must know before its first count
				w.Records[0].Headers = []stream.Header{header}
			}
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

// Late returns how many partials were ignored because their window was closed.
func (r *Reducer) Late() int64 { return r.late }

// Open returns how many windows of channels the reducer holds.
func (r *Reducer) Open() int { return len(r.open) }
