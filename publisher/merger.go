package publisher

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// never is before all times in ms.
const never int64 = math.MinInt64

// Merger makes swarms of the counts in one partition of emoji-aggregated. It is a
// claimloop.Machine.
//
// It keeps the greatest count of each window, channel and spelling of an emoji, since
// other programs record emojis as they were sent. A swarm has the sum of an emoji's
// spellings. It sends a window as soon as an emission says that the window is complete.
// If none does, it sends the window some time after its latest record. It sends the
// window again when it has grown. A channel gets one empty swarm when the window after
// its last one has no counts; silent_channel.go says when. Closed windows are forgotten.
// Counts that come for them nevertheless, from a copy that reads old records again, are
// ignored.
//
// Our own reducers say in headers which windows are complete and which are closed.
// Another program says neither; its windows are closed by newer ones. So either may
// take over from the other.
type Merger struct {
	incompleteWait int64 // ms from the latest record of a window until it is sent though nothing calls it complete
	emptyDelay     int64 // ms from the end of a window without counts until the empty swarm
	horizon        int64 // a window this many ms before newestIncomplete, or older, is closed
	lateness       time.Duration
	top            int

	position         int64 // offset of the next record
	atEnd            bool  // the last batch reached the end of the partition
	newestIncomplete int64 // greatest end of a window that was sent without being called complete, at most the time of sending, ms
	pauses           pauses

	closed   []int64 // by reducer: end of the newest window that it has closed; empty if no reducer has said so
	reopened []int64 // by reducer: after which window a reset has opened windows again; 0: none has
	open     map[key]*window
	channels map[string]*channel
}

// key identifies a window of a channel.
type key struct {
	end     int64
	channel string
}

// window holds the counts of one window of one channel.
type window struct {
	bounds   wire.Window
	first    int64                      // offset of its first record
	began    int64                      // time of its first record, ms
	counts   map[string]wire.EmojiCount // by spelling
	latest   int64                      // when its latest record was read, ms
	complete bool                       // all records of an emission were read, and none since
	dirty    bool                       // it grew since it was sent
}

// NewMerger returns a merger that goes on from a commit. The log begins at start. If the
// commit has no metadata of a merger, because Kafka's tools have reset the consumer
// group, it begins there. It fails if a newer version of the program made the commit.
func NewMerger(cfg Config, commit stream.Commit, start int64) (*Merger, error) {
	cfg = cfg.withDefaults()
	m := &Merger{
		incompleteWait:   cfg.IncompleteWait.Milliseconds(),
		emptyDelay:       cfg.EmptyDelay.Milliseconds(),
		horizon:          cfg.Horizon.Milliseconds(),
		lateness:         cfg.Lateness,
		top:              cfg.Top,
		position:         max(start, commit.Offset, 0),
		newestIncomplete: never,
		open:             map[key]*window{},
		channels:         map[string]*channel{},
	}
	if commit.Offset == stream.None {
		return m, nil
	}
	meta, ours, err := wire.DecodeCommit[wire.PublisherCommit](commit.Metadata)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the commit at %d cannot be read: %w", commit.Offset, err)
	case !ours || len(meta.Closed) != meta.Reducers || len(meta.Reopened) != 0 && len(meta.Reopened) != meta.Reducers:
		m.position = start
		return m, nil
	}
	m.newestIncomplete, m.closed = meta.NewestIncomplete, meta.Closed
	if m.reopened = meta.Reopened; m.reopened == nil {
		m.reopened = make([]int64, len(m.closed))
	}
	return m, nil
}

// Position implements claimloop.Machine.
func (m *Merger) Position() int64 { return m.position }

// Add takes in a count. It fails if the record is not a count, or if its window ends
// further ahead of the clock than any right one.
func (m *Merger) Add(r stream.Record, now int64) error {
	m.position = r.Offset + 1
	c, err := wire.DecodeCount(r.Value)
	if err != nil {
		return fmt.Errorf("emoji-aggregated at %d: %w", r.Offset, err)
	}
	m.followClock(now)
	emojis := m.headers(r.Headers, now)
	if c.Window.End > wire.LatestEnd(now, m.lateness) {
		return fmt.Errorf("emoji-aggregated at %d: its window ends at %v, far ahead of the clock", r.Offset, wire.Time(c.Window.End))
	}
	k := key{c.Window.End, c.Channel}
	w := m.open[k]
	if w == nil {
		if m.isClosed(k) {
			return nil
		}
		w = m.begin(k, c.Window, r, now)
	}
	w.latest = now
	if known, ok := w.counts[c.Emoji]; !ok || c.Count > known.Count {
		w.counts[c.Emoji] = wire.EmojiCount{Emoji: c.Emoji, Count: c.Count, Scaled: c.Scaled}
		w.dirty, w.complete = true, false
	}
	if emojis > 0 && len(w.counts) >= emojis {
		w.complete = true
		if ch := m.channels[k.channel]; k.end == ch.last.End {
			ch.lastAt = never
		}
	}
	return nil
}

// followClock forgets what was closed ahead of the clock. Right clocks close no window
// before it has ended. If one was wrong, and was set right, those windows come again.
func (m *Merger) followClock(now int64) {
	for i, end := range m.closed {
		if end > now {
			m.closed[i] = never
		}
	}
	if m.newestIncomplete > now {
		m.newestIncomplete = never
	}
}

// begin opens a window whose first record is r.
func (m *Merger) begin(k key, bounds wire.Window, r stream.Record, now int64) *window {
	w := &window{bounds: bounds, first: r.Offset, began: recordTime(r.Time, now), counts: map[string]wire.EmojiCount{}}
	if before := m.open[key{bounds.Start, k.channel}]; before != nil && !before.complete {
		m.pauses.add(w.began-before.began, now)
	}
	m.open[k] = w
	ch := m.channels[k.channel]
	if ch == nil {
		ch = &channel{}
		m.channels[k.channel] = ch
	}
	if k.end > ch.last.End || ch.last.End > wire.LatestEnd(now, m.lateness) {
		*ch = channel{last: bounds, lastAt: now}
	}
	return w
}

// headers takes in the headers of a record that was read at now. If the record is the
// last of a window's emission, it returns how many emojis the window has in that
// emission, else 0.
func (m *Merger) headers(hs []stream.Header, now int64) (emojis int) {
	for _, h := range hs {
		switch h.Key {
		case wire.CompleteHeader:
			if n, err := strconv.Atoi(string(h.Value)); err == nil {
				emojis = n
			}
		case wire.ClosedHeader:
			c, ok := wire.ParseClosing(h.Value)
			if !ok || c.Reducers > maxReducers || c.End > now {
				continue
			}
			if len(m.closed) != c.Reducers { // this is the first one, or their number has changed
				m.closed, m.reopened = slices.Repeat([]int64{never}, c.Reducers), make([]int64, c.Reducers)
			}
			switch known := m.reopened[c.Reducer]; {
			case c.Reopened > known:
				m.closed[c.Reducer] = max(c.End, min(m.closed[c.Reducer], c.Reopened))
				m.reopened[c.Reducer] = c.Reopened
			case c.Reopened == known:
				m.closed[c.Reducer] = max(m.closed[c.Reducer], c.End)
			}
		}
	}
	return emojis
}

// maxReducers keeps the metadata of a commit below what brokers allow (4 KiB).
const maxReducers = 80

// isClosed says whether counts of a window are no longer taken in, because its reducer
// has closed it, or because it is more than the horizon older than newestIncomplete.
func (m *Merger) isClosed(k key) bool {
	if n := len(m.closed); n > 0 && k.end <= m.closed[wire.PartitionOf(k.channel, n)] {
		return true
	}
	return m.newestIncomplete != never && k.end < m.newestIncomplete-m.horizon
}

// Advance implements claimloop.Machine.
func (m *Merger) Advance(b stream.Batch) {
	m.position = max(m.position, b.Next)
	m.atEnd = b.AtEnd()
	m.forget()
}

// forget drops the windows that are not needed any more, and then the channels that
// have no windows and have got their empty swarm.
func (m *Merger) forget() {
	active := map[string]bool{}
	for k, w := range m.open {
		if m.isDone(k, w) {
			delete(m.open, k)
		} else {
			active[k.channel] = true
		}
	}
	for name, ch := range m.channels {
		if ch.emptySent && !active[name] {
			delete(m.channels, name)
		}
	}
}

// isDone says whether a window is not needed any more: it is closed and sent, and no
// empty swarm has to follow it.
func (m *Merger) isDone(k key, w *window) bool {
	ch := m.channels[k.channel]
	return m.isClosed(k) && !w.dirty && (ch.emptySent || k.end < ch.last.End)
}

// NextDue implements claimloop.Machine.
func (m *Merger) NextDue(int64) (at int64, ok bool) {
	earlier := func(t int64) {
		if !ok || t < at {
			at, ok = t, true
		}
	}
	for _, w := range m.open {
		if w.dirty {
			earlier(w.latest + m.incompleteWait)
		}
	}
	for _, ch := range m.channels {
		if !ch.emptySent {
			earlier(m.emptyAt(ch))
		}
	}
	return at, ok
}

// SwarmsEmission is one emission of a merger.
type SwarmsEmission struct {
	Swarms []wire.Swarm // oldest window first
}

// Due implements claimloop.Machine. Empty swarms are due only after the log was read to
// its end.
func (m *Merger) Due(now int64) (SwarmsEmission, bool) {
	var out []wire.Swarm
	for k, w := range m.open {
		if w.dirty && (w.complete || now >= w.latest+m.incompleteWait) {
			counts := make([]wire.EmojiCount, 0, len(w.counts))
			for _, c := range w.counts {
				counts = append(counts, c)
			}
			counts = wire.AddSpellings(counts, emoji.Canonical[string])
			out = append(out, wire.NewSwarm(k.channel, w.bounds, counts, m.top))
		}
	}
	for name, ch := range m.channels {
		if m.atEnd && !ch.emptySent && now >= m.emptyAt(ch) {
			out = append(out, wire.NewSwarm(name, ch.next(), nil, m.top))
		}
	}
	slices.SortFunc(out, func(a, b wire.Swarm) int {
		return cmp.Or(cmp.Compare(a.Window.End, b.Window.End), cmp.Compare(a.Channel, b.Channel))
	})
	return SwarmsEmission{out}, len(out) > 0
}

// Confirm implements claimloop.Machine.
func (m *Merger) Confirm(e SwarmsEmission) {
	for _, s := range e.Swarms {
		if w := m.open[key{s.Window.End, s.Channel}]; w != nil {
			w.dirty = false
			if !w.complete {
				// At most the present time: one window far in the future must not close
				// all of today's.
				m.newestIncomplete = max(m.newestIncomplete, min(s.Window.End, w.latest))
			}
		}
		if ch := m.channels[s.Channel]; ch != nil && s.Window == ch.next() {
			ch.emptySent = true
		}
	}
	m.forget()
}

// Commit implements claimloop.Machine. All records before the commit are of windows
// that are not needed any more.
func (m *Merger) Commit() stream.Commit {
	meta := wire.PublisherCommit{Version: wire.FormatVersion, NewestIncomplete: m.newestIncomplete, Reducers: len(m.closed), Closed: slices.Clone(m.closed)}
	offset := m.position
	for k, w := range m.open {
		offset = min(offset, w.first)
		if m.isClosed(k) {
			// This closed window is still needed. The commit must not call it closed,
			// so that whoever goes on from here takes it in again.
			meta.NewestIncomplete = min(meta.NewestIncomplete, k.end+m.horizon)
			if n := len(meta.Closed); n > 0 {
				r := wire.PartitionOf(k.channel, n)
				meta.Closed[r] = min(meta.Closed[r], k.end-1)
			}
		}
	}
	if slices.ContainsFunc(m.reopened, func(end int64) bool { return end != 0 }) {
		meta.Reopened = m.reopened
	}
	b, err := json.Marshal(meta)
	if err != nil {
		panic(err) // integers always marshal
	}
	return stream.Commit{Offset: offset, Metadata: string(b)}
}
