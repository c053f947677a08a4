package fanout

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/wire"
)

// Sizes of a channel's memory.
const (
	ringWindows = 64  // windows that can be replayed
	ringUpdates = 128 // updates that a slow connection may be behind before it skips
)

// Hub holds the recent windows of every channel and hands them to connections.
// A swarm is encoded once, and every connection writes the same bytes. It is
// safe for concurrent use.
//
// A connection has a cursor and no queue. One that is further behind than the
// ring of updates skips to the newest window; nobody waits for it.
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
	updates []update   // the latest ones, in order
	sent    uint64     // updates ever
	changed chan struct{}
}

// window is the newest known of one window.
type window struct {
	end      int64
	total    int64
	revised  bool   // told when a newer window, or less of this one, was known
	frame    []byte // with its id
	idLength int    // of the id line, which is cut off where an id must not go back
	shown    map[string]int
}

// bare is the window's frame without an id.
func (w *window) bare() []byte { return w.frame[w.idLength:] }

// update is one step of a channel: what goes to the listeners of swarms, and to
// those of single emojis.
type update struct {
	swarm []byte
	taps  []byte
}

// feed returns a channel's feed, which it makes if need be; h.mu is held.
func (h *Hub) feed(channel string) *feed {
	f := h.feeds[channel]
	if f == nil {
		f = &feed{name: channel, hub: h, changed: make(chan struct{})}
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
	next.frame = sse.AppendEvent(nil, sse.Event{ID: strconv.FormatInt(next.end, 10), Name: "swarm", Data: data})
	next.idLength = bytes.IndexByte(next.frame, '\n') + 1

	u := update{swarm: next.frame, taps: next.taps(s, f.hub.cap)}
	if i < len(f.windows)-1 {
		u.swarm, next.revised = next.bare(), true
	}
	f.updates = append(f.updates, u)
	if len(f.updates) > ringUpdates {
		f.updates = slices.Delete(f.updates, 0, 1)
	}
	f.sent++
	close(f.changed)
	f.changed = make(chan struct{})
	return true
}

// taps returns the frames of single emojis that a swarm adds to what was shown
// of its window: each emoji as often as its scaled count says, rounded up.
func (w *window) taps(s wire.Swarm, most int) []byte {
	var out []byte
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

// cursor is a place in a feed's updates.
type cursor uint64

// join adds a listener to a channel, and returns what it is told first and where
// it goes on: the newest window, or, where it comes back with the id of the last
// window that it saw, all windows since, after those that were revised shortly
// before. leave must follow.
func (h *Hub) join(channel, lastEventID string) (f *feed, first [][]byte, at cursor) {
	h.mu.Lock()
	f = h.feed(channel)
	f.listeners++
	h.mu.Unlock()
	first, at = f.missed(lastEventID)
	return f, first, at
}

// leave takes a listener off. A channel that nobody ever spoke in is forgotten
// with its last one: anybody can ask for any name.
func (h *Hub) leave(f *feed) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.listeners--; f.listeners == 0 && f.sent == 0 {
		delete(h.feeds, f.name)
	}
}

// missed returns what a listener has not seen whose last window had an id, and
// where it goes on.
func (f *feed) missed(lastEventID string) (frames [][]byte, at cursor) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at = cursor(f.sent)
	if len(f.windows) == 0 {
		return nil, at
	}
	newest := f.windows[len(f.windows)-1]
	last, err := strconv.ParseInt(lastEventID, 10, 64)
	switch {
	case err != nil || last < 0:
		return [][]byte{newest.frame}, at
	case last > newest.end: // of another time or place
		return [][]byte{newest.bare()}, at
	}
	for _, w := range f.windows {
		switch {
		case w.end > last:
			frames = append(frames, w.frame)
		case w.revised && w.end > last-f.hub.lateness.Milliseconds():
			frames = append(frames, w.bare())
		}
	}
	return frames, at
}

// after returns the updates after a cursor, the cursor after them, and a channel
// that is closed at the next one. skipped says that the listener was so far
// behind that it gets the newest window instead.
func (f *feed) after(at cursor) (updates []update, next cursor, changed <-chan struct{}, skipped bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	behind := f.sent - uint64(at)
	switch {
	case behind == 0:
	case behind > uint64(len(f.updates)):
		updates, skipped = []update{{swarm: f.windows[len(f.windows)-1].frame}}, true
	default:
		updates = slices.Clone(f.updates[len(f.updates)-int(behind):])
	}
	return updates, cursor(f.sent), f.changed, skipped
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
