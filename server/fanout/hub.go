package fanout

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/wire"
)

// Sizes of a channel's memory.
const (
	ringWindows = 64  // windows that can be replayed
	ringUpdates = 128 // updates that a slow connection may be behind before it skips
)

// Hub holds the recent windows of every channel. A swarm is encoded once, and
// every connection writes the same bytes. It is safe for concurrent use.
type Hub struct {
	cap      int           // most repeats of an emoji in a window of the single-emoji stream
	lateness time.Duration // how far back revised windows are replayed

	mu    sync.Mutex
	feeds map[string]*feed
}

// NewHub returns a hub. repeats bounds how often an emoji comes for one window
// in the stream of single emojis; lateness is how far back a connection that
// resumes is told of windows that were revised.
func NewHub(repeats int, lateness time.Duration) *Hub {
	return &Hub{cap: repeats, lateness: lateness, feeds: map[string]*feed{}}
}

// feed is one channel.
type feed struct {
	name string
	hub  *Hub

	listeners int       // guarded by hub.mu, so that a feed in use is never dropped
	touched   time.Time // when it was last heard of; guarded by hub.mu

	mu      sync.Mutex // may be locked while hub.mu is, not the other way round
	windows []*window  // by end

	news atomic.Pointer[news] // replaced with every update; never nil
}

// news is what a channel has to tell at one moment. It never changes, so that
// shards read it without a lock.
type news struct {
	updates []update  // the latest ones, in order
	sent    uint64    // updates ever
	newest  frame     // of the newest window
	came    time.Time // when the last update did
}

// window is the newest known of one window.
type window struct {
	end     int64
	total   int64
	revised bool // told when a newer window, or less of this one, was known
	frame   frame
	bare    frame // without an id, for where an id must not go back
	shown   map[string]int
}

// update is one step of a channel: what goes to the listeners of swarms, and to
// those of single emojis.
type update struct {
	swarm frame
	taps  frame
}

// feed returns a channel's feed, which it makes if need be; h.mu is held.
func (h *Hub) feed(channel string) *feed {
	f := h.feeds[channel]
	if f == nil {
		f = &feed{name: channel, hub: h}
		f.news.Store(&news{})
		h.feeds[channel] = f
	}
	f.touched = time.Now()
	return f
}

// Publish takes in a swarm and reports whether it told anything new: of two
// swarms of a window the one with the greater total is true, and a window older
// than all that are kept is too old.
func (h *Hub) Publish(s wire.Swarm) (news bool, err error) {
	data, err := json.Marshal(s)
	if err != nil {
		return false, fmt.Errorf("encode a swarm: %w", err)
	}
	h.mu.Lock()
	f := h.feed(s.Channel)
	f.mu.Lock() // before hub.mu is given back, lest leave drops f meanwhile
	h.mu.Unlock()
	defer f.mu.Unlock()
	return f.publish(s, data), nil
}

// publish is Publish in its channel; f.mu is held.
func (f *feed) publish(s wire.Swarm, data []byte) bool {
	i, found := slices.BinarySearchFunc(f.windows, s.Window.End, func(w *window, end int64) int { return cmp.Compare(w.end, end) })
	if found && s.Total <= f.windows[i].total || !found && i == 0 && len(f.windows) == ringWindows {
		return false
	}
	next := &window{end: s.Window.End, total: s.Total, revised: found, shown: map[string]int{}}
	if found {
		next.shown = f.windows[i].shown
		f.windows[i] = next
	} else {
		f.windows = slices.Insert(f.windows, i, next)
		if len(f.windows) > ringWindows {
			f.windows = slices.Delete(f.windows, 0, 1)
			i--
		}
	}
	event := sse.Event{Name: "swarm", Data: data}
	next.bare = newFrame(func(b []byte) []byte { return sse.AppendEvent(b, event) })
	event.ID = strconv.FormatInt(next.end, 10)
	next.frame = newFrame(func(b []byte) []byte { return sse.AppendEvent(b, event) })

	u := update{swarm: next.frame, taps: newFrame(func(b []byte) []byte { return next.taps(b, s, f.hub.cap) })}
	if i < len(f.windows)-1 {
		u.swarm, next.revised = next.bare, true
	}
	f.tell(u)
	return true
}

// tell replaces the news; f.mu is held. Shards read the old one, so that its
// array is left alone; a new one also lets go of the updates that are cut off.
func (f *feed) tell(u update) {
	old := f.news.Load()
	updates := slices.Concat(old.updates[max(0, len(old.updates)+1-ringUpdates):], []update{u})
	f.news.Store(&news{updates: updates, sent: old.sent + 1, newest: f.windows[len(f.windows)-1].frame, came: time.Now()})
}

// taps appends the events of single emojis that a swarm adds to what was shown
// of its window: each emoji as often as its scaled count says, rounded up.
func (w *window) taps(out []byte, s wire.Swarm, most int) []byte {
	for _, e := range s.Emojis {
		n := int(min(math.Ceil(max(0, e.Scaled)), float64(most)))
		if n <= w.shown[e.Emoji] {
			continue
		}
		data, err := json.Marshal(e.Emoji)
		if err != nil {
			continue // a string always marshals
		}
		frame := sse.AppendEvent(nil, sse.Event{Data: data})
		for range n - w.shown[e.Emoji] {
			out = append(out, frame...)
		}
		w.shown[e.Emoji] = n
	}
	return out
}

// join adds a listener to a channel; leave must follow.
func (h *Hub) join(channel string) *feed {
	h.mu.Lock()
	defer h.mu.Unlock()
	f := h.feed(channel)
	f.listeners++
	return f
}

// leave takes a listener off. A channel that nobody ever spoke in is forgotten
// with its last one: anybody can ask for any name.
func (h *Hub) leave(f *feed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.listeners--; f.listeners == 0 && f.news.Load().sent == 0 {
		delete(h.feeds, f.name)
	}
}

// nothingSeen is a listener that has not seen any window.
const nothingSeen = -1

// lastSeen is the end of the last window that a listener saw, by its
// Last-Event-ID.
func lastSeen(id string) int64 {
	if end, err := strconv.ParseInt(id, 10, 64); err == nil && end >= 0 {
		return end
	}
	return nothingSeen
}

// missed returns what a listener is told first, and the number of the updates
// that this takes in: the newest window, or, where it comes back and says which
// window it saw last, all windows since, after those that were revised shortly
// before.
func (f *feed) missed(last int64) (frames []frame, sent uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	sent = f.news.Load().sent
	if len(f.windows) == 0 {
		return nil, sent
	}
	newest := f.windows[len(f.windows)-1]
	switch {
	case last == nothingSeen:
		return []frame{newest.frame}, sent
	case last > newest.end: // of another time or place
		return []frame{newest.bare}, sent
	}
	for _, w := range f.windows {
		switch {
		case w.end > last:
			frames = append(frames, w.frame)
		case w.revised && w.end > last-f.hub.lateness.Milliseconds():
			frames = append(frames, w.bare)
		}
	}
	return frames, sent
}

// forget is how long a channel without listeners and news is kept.
const forget = 10 * time.Minute

// Sweep drops the channels that nobody listens to and nobody speaks in.
func (h *Hub) Sweep(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, f := range h.feeds {
		if f.listeners == 0 && now.Sub(f.touched) > forget {
			delete(h.feeds, name)
		}
	}
}
