package fanout

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/wire"
)

// Hub holds all channels, and in each its recent windows. A swarm is encoded once,
// and all listeners are sent the same bytes. It is safe for concurrent use.
type Hub struct {
	maxRepeats int           // of an emoji in a window, in the stream of single emojis
	lateness   time.Duration // how far back revised windows are replayed

	mu       sync.Mutex
	channels map[string]*channel
}

// NewHub returns a hub. MaxRepeats bounds how often an emoji comes for one window in
// the stream of single emojis. Lateness is how far back a listener that resumes is
// sent windows that were revised.
func NewHub(maxRepeats int, lateness time.Duration) *Hub {
	return &Hub{maxRepeats: maxRepeats, lateness: lateness, channels: map[string]*channel{}}
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
	c := h.channel(s.Channel)
	c.mu.Lock() // before h.mu is unlocked, so that leave cannot delete the channel in between
	h.mu.Unlock()
	defer c.mu.Unlock()
	return c.publish(s, data), nil
}

// channel returns the channel of a name, which it creates if there is none. The
// caller holds h.mu.
func (h *Hub) channel(name string) *channel {
	c := h.channels[name]
	if c == nil {
		c = &channel{name: name, hub: h}
		c.updates.Store(&updates{})
		h.channels[name] = c
	}
	c.lastUse = time.Now()
	return c
}

// join counts a listener of the named channel in, and returns the channel. leave must
// follow.
func (h *Hub) join(name string) *channel {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.channel(name)
	c.listeners++
	return c
}

// leave counts a listener of a channel out. If it was the last listener and the channel
// never had a swarm, the channel is deleted, since anybody can ask for any name.
func (h *Hub) leave(c *channel) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.listeners--; c.listeners == 0 && c.updates.Load().count == 0 {
		delete(h.channels, c.name)
	}
}

// channelKept is how long a channel without listeners and swarms is kept.
const channelKept = 10 * time.Minute

// Sweep deletes the channels that had neither listeners nor swarms for long.
func (h *Hub) Sweep(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, c := range h.channels {
		if c.listeners == 0 && now.Sub(c.lastUse) > channelKept {
			delete(h.channels, name)
		}
	}
}
