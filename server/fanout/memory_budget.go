package fanout

import (
	"fmt"

	"github.com/emostream/emostream/internal/wire"
)

// The windows of all channels together have a budget in bytes, Config.WindowBytes. What
// goes when it is exceeded, in this order:
//   - The oldest windows of the channel without listeners that was used longest ago,
//     until nothing of that channel is left; then those of the next one.
//   - The oldest windows of the channel with listeners that had its last swarm longest
//     ago, first of those that have fewer listeners than the average. Each of these
//     channels keeps its newest window.
//   - What slow listeners of those channels have yet to be sent. They skip.
//
// So an attacker who fills channels takes nothing from those that others listen to, and
// little if he has a listener in each.

// Bounds of what a hub holds beside its budget.
const (
	// maxUnheardChannels is how many channels without listeners are kept. Each channel
	// with listeners has at least one of Config.Capacity listeners.
	maxUnheardChannels = 4096
	// maxSwarmBytes is how large a record of a swarm may be. The largest one that
	// publish writes, with all emojis there are, has 300 KB.
	maxSwarmBytes = 512 << 10
	// maxSinglesBytes is how much one swarm may add to the stream of single emojis.
	maxSinglesBytes = 4 << 20
)

// What is counted for things beside the bytes of frames. The numbers are what a test
// measures, rounded up.
const (
	channelCost = 1 << 10
	windowCost  = 256
	emojiCost   = 64 // of an entry in window.singles
	updateCost  = 64
)

// keepWithinBudget must be called after a channel has changed. It drops windows until
// all channels together are within the budget. The caller holds h.mu.
func (h *Hub) keepWithinBudget(changed *channel) {
	h.measure(changed)
	for h.unheard.Len() > maxUnheardChannels {
		h.delete(first(&h.unheard))
	}
	for h.size > h.budget && h.unheard.Len() > 0 {
		if c := first(&h.unheard); !c.dropWindow() {
			h.delete(c)
		} else {
			h.measure(c)
		}
	}
	h.shrinkHeard(func(c *channel) bool { return c.listeners*h.heard.Len() < h.listeners && c.dropWindow() })
	h.shrinkHeard((*channel).dropWindow)
	h.shrinkHeard(func(c *channel) bool { return c.dropUpdates(0) })
}

// shrinkHeard drops something of channels with listeners, until all channels are within
// the budget or there is nothing more to drop. drop returns false if a channel has
// nothing more. The caller holds h.mu.
func (h *Hub) shrinkHeard(drop func(*channel) bool) {
	for e := h.heard.Front(); e != nil && h.size > h.budget; {
		c, _ := e.Value.(*channel)
		if !drop(c) {
			e = e.Next()
			continue
		}
		h.measure(c)
	}
}

// measure notes how large a channel is now. The caller holds h.mu.
func (h *Hub) measure(c *channel) {
	h.size -= c.size
	c.size = c.bytes()
	h.size += c.size
}

// bytes returns about how much memory the channel takes. A frame that is in a window and
// in an update is counted twice. The caller holds c.hub.mu.
func (c *channel) bytes() int64 {
	n := channelCost
	for i, w := range c.windows {
		n += windowCost + cap(w.frame) + cap(w.whole) + emojiCost*len(w.singles)
		if w.revised || i == len(c.windows)-1 {
			n += cap(w.frame) // it is, or may soon be, there without an id, too
		}
	}
	for _, u := range c.updates.Load().latest {
		n += updateCost + cap(u.swarm) + cap(u.singles)
	}
	return int64(n)
}

// dropWindow drops the oldest window, unless it is the only one, and all but as many
// updates as windows are left. The caller holds c.hub.mu.
func (c *channel) dropWindow() bool {
	if len(c.windows) < 2 {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.removeOldest()
	c.dropUpdates(len(c.windows))
	return true
}

// dropUpdates drops all but the latest keep updates, and returns whether there were more.
// Listeners that have yet to be sent one of them skip. The caller holds c.hub.mu.
func (c *channel) dropUpdates(keep int) bool {
	old := c.updates.Load()
	if len(old.latest) <= keep {
		return false
	}
	c.updates.Store(&updates{latest: cloneTail(old.latest, keep), count: old.count, newest: old.newest, arrived: old.arrived})
	return true
}

// cloneTail returns a copy of the last n updates, so that the memory of the others can
// be freed.
func cloneTail(all []update, n int) []update { return append([]update(nil), all[len(all)-n:]...) }

// decodeSwarm decodes a record, unless it is larger than any swarm that publish writes.
func decodeSwarm(record []byte) (wire.Swarm, error) {
	if len(record) > maxSwarmBytes {
		return wire.Swarm{}, fmt.Errorf("swarm: %d bytes, and at most %d are taken", len(record), maxSwarmBytes)
	}
	return wire.DecodeSwarm(record)
}
