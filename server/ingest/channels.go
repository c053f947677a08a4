package ingest

import (
	"sync"
	"time"

	"github.com/emostream/emostream/internal/wire"
)

// channels bounds how many are active at once: when there are too many, a new
// one is refused. It is safe for concurrent use.
type channels struct {
	limit int

	mu   sync.Mutex
	seen map[string]time.Time
}

// activeFor is how long a channel counts as active after a reaction.
const activeFor = time.Minute

func (c *channels) admit(name string) bool {
	if name == wire.MainChannel {
		return true
	}
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen == nil {
		c.seen = map[string]time.Time{}
	}
	if _, ok := c.seen[name]; !ok && len(c.seen) >= c.limit-1 { // the main one counts
		for old, at := range c.seen {
			if now.Sub(at) > activeFor {
				delete(c.seen, old)
			}
		}
		if len(c.seen) >= c.limit-1 {
			return false
		}
	}
	c.seen[name] = now
	return true
}
