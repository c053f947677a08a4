package publisher

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// never is a time before all times, in milliseconds.
const never int64 = math.MinInt64

// Merger makes swarms of the counts in one partition of emoji-aggregated. It
// does no I/O and reads no clock.
//
// It keeps the greatest count for each window, channel and emoji. A window is
// sent the moment an emission says that it is complete, or, where nothing says
// so, some time after its latest record; and again when it grew. A channel that
// falls silent gets one empty swarm. What is closed is forgotten, and counts that
// come for it all the same, from a reader of the past, are ignored.
//
// Our own reducers say in headers what is complete and what is closed. Another
// program's windows are closed by newer ones of its, so that one may take over
// from the other.
type Merger struct {
	patience int64 // ms to wait after a window's latest record without a completeness signal
	silence  int64 // ms after a window's end without counts until the empty swarm
	horizon  int64 // ms behind the newest unsigned window after which an older one is closed
	top      int

	position int64
	unsigned int64   // greatest end of a window sent that nothing called complete, at most the time then
	closed   []int64 // by reducer: end of the newest window it has closed; empty if none ever said
	open     map[key]*window
	channels map[string]*channel
}

type key struct {
	end     int64
	channel string
}

// window is what is known of one window of one channel.
type window struct {
	span   wire.Window
	first  int64 // offset of its first record
	counts map[string]wire.EmojiCount
	latest int64 // when its latest record was read
	whole  bool  // all of an emission is here, and nothing after it
	dirty  bool  // grew since it was sent
}

// channel is what the empty swarm of a silent channel needs.
type channel struct {
	last  wire.Window // its newest window with counts
	heard int64       // when that began, unless it was called complete
	quiet bool        // the empty swarm after it was sent
}

// NewMerger returns a merger that goes on from a commit in a log that holds
// offsets from start on.
func NewMerger(cfg Config, commit stream.Commit, start int64) (*Merger, error) {
	cfg = cfg.withDefaults()
	m := &Merger{
		patience: cfg.Patience.Milliseconds(),
		silence:  cfg.Silence.Milliseconds(),
		horizon:  cfg.Horizon.Milliseconds(),
		top:      cfg.Top,
		position: max(start, commit.Offset, 0),
		unsigned: never,
		open:     map[key]*window{},
		channels: map[string]*channel{},
	}
	if commit.Offset == stream.None {
		return m, nil
	}
	var meta wire.PublisherCommit
	if err := json.Unmarshal([]byte(commit.Metadata), &meta); err != nil || meta.Version != wire.FormatVersion || len(meta.Closed) != meta.Reducers {
		return nil, fmt.Errorf("the commit at %d was not made by this version of publish (its metadata is %.80q)", commit.Offset, commit.Metadata)
	}
	m.unsigned, m.closed = meta.Unsigned, meta.Closed
	return m, nil
}

// Position is the offset of the next record that Add wants.
func (m *Merger) Position() int64 { return m.position }

// Read tells that the log goes on at next.
func (m *Merger) Read(next int64) { m.position = max(m.position, next) }

// Add takes in a record that was read at now. It fails when the record is not a
// count; such a record is passed over.
func (m *Merger) Add(r stream.Record, now int64) error {
	m.position = r.Offset + 1
	c, err := wire.DecodeCount(r.Value)
	if err != nil {
		return fmt.Errorf("emoji-aggregated at %d: %w", r.Offset, err)
	}
	complete := m.headers(r.Headers)
	k := key{c.Window.End, c.Channel}
	w := m.open[k]
	if w == nil {
		if m.isClosed(k) {
			return nil
		}
		w = m.begin(k, c.Window, r.Offset, now)
	}
	w.latest = now
	if old, ok := w.counts[c.Emoji]; !ok || c.Count > old.Count {
		w.counts[c.Emoji] = wire.EmojiCount{Emoji: c.Emoji, Count: c.Count, Scaled: c.Scaled}
		w.dirty, w.whole = true, false
	}
	if complete > 0 && len(w.counts) >= complete {
		w.whole = true
		if ch := m.channels[k.channel]; k.end == ch.last.End {
			ch.heard = never
		}
	}
	return nil
}

func (m *Merger) begin(k key, span wire.Window, offset, now int64) *window {
	w := &window{span: span, first: offset, counts: map[string]wire.EmojiCount{}}
	m.open[k] = w
	ch := m.channels[k.channel]
	if ch == nil {
		ch = &channel{}
		m.channels[k.channel] = ch
	}
	if k.end > ch.last.End {
		*ch = channel{last: span, heard: now}
	}
	return w
}

// headers takes in the signals of our reducer and returns how many emojis the
// window has by the emission that ends with the record, 0 if it says nothing.
func (m *Merger) headers(hs []stream.Header) (complete int) {
	for _, h := range hs {
		switch h.Key {
		case wire.CompleteHeader:
			if n, err := strconv.Atoi(string(h.Value)); err == nil {
				complete = n
			}
		case wire.ClosedHeader:
			c, ok := wire.ParseClosing(h.Value)
			if !ok || c.Reducers > maxReducers {
				continue
			}
			if len(m.closed) != c.Reducers { // the first one, or their number was changed
				m.closed = slices.Repeat([]int64{never}, c.Reducers)
			}
			m.closed[c.Reducer] = max(m.closed[c.Reducer], c.End)
		}
	}
	return complete
}

// maxReducers keeps the metadata of a commit within what brokers take (4 KiB).
const maxReducers = 128

// isClosed says whether all was said of a window: its reducer has said so, or it
// is far behind the newest window of a program that says nothing.
func (m *Merger) isClosed(k key) bool {
	if n := len(m.closed); n > 0 && k.end <= m.closed[wire.PartitionOf(k.channel, n)] {
		return true
	}
	return m.unsigned != never && k.end < m.unsigned-m.horizon
}

// Due returns the swarms that are to be sent at now, oldest window first.
// Nothing may be added between Due and Sent. caughtUp says whether the log was
// read to its end, without which no channel is called silent.
func (m *Merger) Due(now int64, caughtUp bool) []wire.Swarm {
	var out []wire.Swarm
	for k, w := range m.open {
		if w.dirty && (w.whole || now >= w.latest+m.patience) {
			tallies := make([]wire.EmojiCount, 0, len(w.counts))
			for _, t := range w.counts {
				tallies = append(tallies, t)
			}
			out = append(out, wire.NewSwarm(k.channel, w.span, tallies, m.top))
		}
	}
	for name, ch := range m.channels {
		if caughtUp && !ch.quiet && now >= ch.silentAt(m.silence) {
			out = append(out, wire.NewSwarm(name, ch.next(), nil, m.top))
		}
	}
	slices.SortFunc(out, func(a, b wire.Swarm) int {
		return cmp.Or(cmp.Compare(a.Window.End, b.Window.End), cmp.Compare(a.Channel, b.Channel))
	})
	return out
}

// next is the window after a channel's last one.
func (ch *channel) next() wire.Window {
	return wire.Window{Start: ch.last.End, End: 2*ch.last.End - ch.last.Start}
}

// silentAt is when a channel without counts in its next window is called silent.
// A program that says nothing is given as long for it as for the last one, since
// it may run far behind the clock.
func (ch *channel) silentAt(silence int64) int64 {
	next := ch.next()
	return max(next.End, ch.heard+next.End-next.Start) + silence
}

// NextDue returns when the next swarm is due by the clock, or false if none is.
func (m *Merger) NextDue() (at int64, ok bool) {
	earlier := func(t int64) {
		if !ok || t < at {
			at, ok = t, true
		}
	}
	for _, w := range m.open {
		if w.dirty {
			earlier(w.latest + m.patience)
		}
	}
	for _, ch := range m.channels {
		if !ch.quiet {
			earlier(ch.silentAt(m.silence))
		}
	}
	return at, ok
}

// Sent says that swarms that were due are acknowledged.
func (m *Merger) Sent(swarms []wire.Swarm) {
	for _, s := range swarms {
		if w := m.open[key{s.Window.End, s.Channel}]; w != nil {
			w.dirty = false
			if !w.whole {
				// Not beyond the clock: one window of a far future must not
				// close all of today's.
				m.unsigned = max(m.unsigned, min(s.Window.End, w.latest))
			}
		}
		if ch := m.channels[s.Channel]; ch != nil && s.Window == ch.next() {
			ch.quiet = true
		}
	}
}

// Commit forgets what is closed and returns what may be committed now: every
// record before it speaks of windows that are closed and sent, and that no empty
// swarm has to follow any more. It must be called right after Sent, or when
// nothing was due.
func (m *Merger) Commit() stream.Commit {
	meta := wire.PublisherCommit{Version: wire.FormatVersion, Unsigned: m.unsigned, Reducers: len(m.closed), Closed: slices.Clone(m.closed)}
	offset := m.position
	active := map[string]bool{}
	for k, w := range m.open {
		if m.isClosed(k) {
			if ch := m.channels[k.channel]; !w.dirty && (ch.quiet || k.end < ch.last.End) {
				delete(m.open, k)
				continue
			}
			// Whoever goes on from here must take it in again.
			meta.Unsigned = min(meta.Unsigned, k.end+m.horizon)
			if n := len(meta.Closed); n > 0 {
				r := wire.PartitionOf(k.channel, n)
				meta.Closed[r] = min(meta.Closed[r], k.end-1)
			}
		}
		active[k.channel] = true
		offset = min(offset, w.first)
	}
	for name, ch := range m.channels {
		if ch.quiet && !active[name] {
			delete(m.channels, name)
		}
	}
	b, err := json.Marshal(meta)
	if err != nil {
		panic(err) // integers always marshal
	}
	return stream.Commit{Offset: offset, Metadata: string(b)}
}

// wait is how long a fetch may wait for records at now.
func (m *Merger) wait(now time.Time, most time.Duration) time.Duration {
	at, ok := m.NextDue()
	if !ok {
		return most
	}
	return min(most, max(0, time.UnixMilli(at).Sub(now)))
}
