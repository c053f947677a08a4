package ingest

import (
	"sync"
	"time"

	"github.com/emostream/emostream/internal/wire"
)

// channelActiveFor is how long a channel counts as active after a reaction.
const channelActiveFor = time.Minute

// activeChannels bounds how many channels are active at one time. When that many are
// active, a reaction in any other channel is refused. It is safe for concurrent use.
type activeChannels struct {
	limit int

	mu   sync.Mutex
	last map[string]time.Time // when each channel had its last reaction; without the main channel, which is always active
}

// admit notes a reaction in a channel. It returns false if the channel is not active
// and no further one may become active.
func (c *activeChannels) admit(name string) bool {
	if name == wire.MainChannel {
		return true
	}
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last == nil {
		c.last = map[string]time.Time{}
	}
	if _, ok := c.last[name]; !ok && len(c.last) >= c.limit-1 { // -1: the main channel is always active
		for old, at := range c.last {
			if now.Sub(at) > channelActiveFor {
				delete(c.last, old)
			}
		}
		if len(c.last) >= c.limit-1 {
			return false
		}
	}
	c.last[name] = now
	return true
}
