package fanout

import (
	"bytes"
	"cmp"
	"container/list"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/wire"
)

// How much is kept of a channel. When there is more, the oldest is dropped.
const (
	maxWindows = 64  // windows that can be replayed to a listener that comes back
	maxUpdates = 128 // updates that a slow listener may be behind before it skips
)

// channel is what is known of one channel. Listeners have no queues: each has a
// cursor into the updates of its channel.
type channel struct {
	name string
	hub  *Hub

	// Guarded by hub.mu.
	listeners int           // a channel with listeners is never deleted
	lastUse   time.Time     // when a listener or a swarm last came
	place     *list.Element // in hub.heard or hub.unheard
	size      int64         // bytes that are counted for it

	// mu is locked to read windows. They are changed with hub.mu locked, too, before mu.
	mu      sync.Mutex
	windows []*window // by end; at most maxWindows
	dropped int64     // end of the newest window that was dropped; older ones are no news

	updates atomic.Pointer[updates] // replaced with every update; never nil
	state   atomic.Pointer[channelState]
}

// updates are the latest updates of a channel at one moment. They never change, so
// that shards read them without a lock.
type updates struct {
	latest  []update  // in order; at most maxUpdates
	count   uint64    // of all updates so far, which is the number of the latest one
	newest  frame     // of the newest window, for listeners that skip
	arrived time.Time // when the latest update arrived
}

// update is what one swarm adds to each of the two kinds of stream. An empty frame adds
// nothing.
type update struct {
	end     int64 // of the swarm's window
	swarm   frame
	singles frame
}

// window is the greatest swarm so far of one window, encoded.
type window struct {
	end     int64
	total   int64
	revised bool // it was sent after a newer window, or more than once
	frame   frame
	noID    frame          // see withoutID; nil: nobody has asked for it yet
	whole   []byte         // the swarm in JSON with the emojis that are hidden; nil: frame has all
	singles map[string]int // how often each emoji was sent in the stream of single emojis
}

func (w *window) compareEnd(end int64) int { return cmp.Compare(w.end, end) }

// withoutID returns the frame without an id, for listeners that may have been sent a
// higher one. The caller holds the channel's mu.
func (w *window) withoutID() frame {
	if w.noID == nil {
		_, rest, _ := bytes.Cut(w.frame.bytes(), []byte("\n")) // the id is the first line
		w.noID = newFrame(func(b []byte) []byte { return append(b, rest...) })
	}
	return w.noID
}

// encode makes the frame of a swarm in JSON. The caller holds the channel's mu.
func (w *window) encode(data []byte) {
	event := sse.Event{ID: strconv.FormatInt(w.end, 10), Name: "swarm", Data: data}
	w.frame, w.noID = newFrame(func(b []byte) []byte { return sse.AppendEvent(b, event) }), nil
}

// publish adds a swarm as Hub.Publish says. shown is the swarm in JSON without the emojis
// that are hidden, and whole the swarm with them, or nil if there are none. The caller
// holds c.hub.mu.
func (c *channel) publish(s wire.Swarm, shown, whole []byte) (news bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.removeFuture()
	i, found := slices.BinarySearchFunc(c.windows, s.Window.End, (*window).compareEnd)
	if found && s.Total <= c.windows[i].total || !found && i == 0 && (len(c.windows) == maxWindows || s.Window.End <= c.dropped) {
		return false
	}
	next := &window{end: s.Window.End, total: s.Total, revised: found, whole: whole, singles: map[string]int{}}
	if found {
		next.singles = c.windows[i].singles
		c.windows[i] = next
	} else {
		c.windows = slices.Insert(c.windows, i, next)
		if len(c.windows) > maxWindows {
			c.removeOldest()
			i--
		}
	}
	next.encode(shown)

	u := update{end: next.end, swarm: next.frame, singles: newFrame(func(b []byte) []byte { return next.appendSingles(b, s, c.hub.maxRepeats) })}
	if i < len(c.windows)-1 {
		u.swarm, next.revised = next.withoutID(), true
	}
	c.addUpdate(u)
	return true
}

// removeOldest drops the oldest window. The caller holds c.mu.
func (c *channel) removeOldest() {
	c.dropped = max(c.dropped, c.windows[0].end)
	c.windows = slices.Delete(c.windows, 0, 1)
}

// removeFuture drops the windows that are ahead of the clock because it was set back
// since they came. The caller holds c.mu.
func (c *channel) removeFuture() {
	latest, n := c.hub.latestEnd(time.Now()), len(c.windows)
	for n > 0 && c.windows[n-1].end > latest {
		n--
	}
	if n == 0 && len(c.windows) > 0 {
		c.dropped = 0
	}
	c.windows = slices.Delete(c.windows, n, len(c.windows))
}

// addUpdate replaces the updates by a copy with one more; the caller holds c.hub.mu. The
// old ones stay as they are for the shards that still read them. Where nobody listens,
// updates are counted and not kept.
func (c *channel) addUpdate(u update) {
	old := c.updates.Load()
	var latest []update
	if c.listeners > 0 {
		latest = slices.Concat(old.latest[max(0, len(old.latest)+1-maxUpdates):], []update{u})
	}
	c.updates.Store(&updates{latest: latest, count: old.count + 1, newest: c.windows[len(c.windows)-1].frame, arrived: time.Now()})
}
