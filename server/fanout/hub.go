package fanout

import (
	"container/list"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emostream/emostream/internal/wire"
)

// Hub holds all channels, and in each its recent windows. A swarm is encoded once,
// and all listeners are sent the same bytes. It is safe for concurrent use.
//
// What it holds has a budget in bytes, however many channels there are and whatever
// they hold (memory_budget.go).
type Hub struct {
	maxRepeats int           // of an emoji in a window, in the stream of single emojis
	lateness   time.Duration // how far back revised windows are replayed
	budget     int64         // bytes
	// encodings is how often the windows were encoded anew since other emojis are hidden.
	encodings atomic.Int64

	mu       sync.Mutex
	channels map[string]*channel
	hidden   map[string]bool          // emojis; replaced when others are hidden
	states   map[string]*channelState // of channels that are not open
	open     *channelState            // of all others; never changes
	// listeners is how many all channels have together.
	listeners int
	size      int64     // of all channels, bytes
	unheard   list.List // of *channel, those without listeners; the one that was used longest ago first
	heard     list.List // of *channel, those with listeners; the one that had its last swarm longest ago first
}

// NewHub returns a hub. MaxRepeats bounds how often an emoji comes for one window in
// the stream of single emojis. Lateness is how far back a listener that resumes is
// sent windows that were revised. Budget is how many bytes of windows are kept.
func NewHub(maxRepeats int, lateness time.Duration, budget int64) *Hub {
	return &Hub{maxRepeats: maxRepeats, lateness: lateness, budget: budget, channels: map[string]*channel{}, open: newChannelState(wire.ChannelState{State: wire.Open})}
}

// latestEnd returns the greatest end, in ms, that a window may have at now. A window that
// ends later is of a wrong clock: it would stay the newest, and hide all that follow.
func (h *Hub) latestEnd(now time.Time) int64 {
	return wire.LatestEnd(now.UnixMilli(), h.lateness)
}

// Publish adds a swarm to its channel, and returns whether it is news. It is no news if
// the hub has a swarm of the same window with an equal or greater total, or if the
// channel keeps only newer windows and has no room for an older one.
func (h *Hub) Publish(s wire.Swarm) (news bool, err error) {
	data, err := json.Marshal(s)
	if err != nil {
		return false, fmt.Errorf("encode a swarm: %w", err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	var whole []byte
	if shown, leftOut := s.Without(h.hidden); leftOut {
		s, whole = shown, data
		if data, err = json.Marshal(shown); err != nil {
			return false, fmt.Errorf("encode a swarm: %w", err)
		}
	}
	c := h.channel(s.Channel)
	h.use(c)
	news = c.publish(s, data, whole)
	h.keepWithinBudget(c)
	return news, nil
}

// Size returns about how many bytes of memory the hub takes.
func (h *Hub) Size() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.size
}

// channel returns the channel of a name, which it creates if there is none. The
// caller holds h.mu.
func (h *Hub) channel(name string) *channel {
	c := h.channels[name]
	if c == nil {
		c = &channel{name: name, hub: h}
		c.updates.Store(&updates{})
		c.state.Store(h.state(name))
		h.channels[name] = c
		c.place = h.unheard.PushBack(c)
	}
	return c
}

// use notes that a channel is used now. The caller holds h.mu.
func (h *Hub) use(c *channel) {
	c.lastUse = time.Now()
	if c.listeners > 0 {
		h.heard.MoveToBack(c.place)
	} else {
		h.unheard.MoveToBack(c.place)
	}
}

// delete deletes a channel without listeners. The caller holds h.mu.
func (h *Hub) delete(c *channel) {
	h.unheard.Remove(c.place)
	delete(h.channels, c.name)
	h.size -= c.size
	c.size = 0
}

// join counts a listener of the named channel in, and returns the channel. leave must
// follow.
func (h *Hub) join(name string) *channel {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.channel(name)
	h.listeners++
	if c.listeners++; c.listeners == 1 {
		h.unheard.Remove(c.place)
		c.place = h.heard.PushBack(c)
	}
	c.lastUse = time.Now()
	return c
}

// leave counts a listener of a channel out. If it was the last listener and the channel
// never had a swarm, the channel is deleted, since anybody can ask for any name.
func (h *Hub) leave(c *channel) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listeners--
	if c.listeners--; c.listeners > 0 {
		return
	}
	h.heard.Remove(c.place)
	c.place = h.unheard.PushBack(c)
	if c.updates.Load().count == 0 {
		h.delete(c)
		return
	}
	c.dropUpdates(0)
	h.keepWithinBudget(c)
}

// channelKept is how long a channel without listeners and swarms is kept.
const channelKept = 10 * time.Minute

// Sweep deletes the channels that had neither listeners nor swarms for long.
func (h *Hub) Sweep(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := first(&h.unheard); c != nil && now.Sub(c.lastUse) > channelKept; c = first(&h.unheard) {
		h.delete(c)
	}
}

// first returns the first channel of a list, or nil if it is empty.
func first(l *list.List) *channel {
	if l.Len() == 0 {
		return nil
	}
	c, _ := l.Front().Value.(*channel)
	return c
}
