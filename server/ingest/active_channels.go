package ingest

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/access"
)

// channelActiveFor is how long a channel counts as active after a reaction.
const channelActiveFor = time.Minute

// activeChannels bounds how many channels are active at one time, because each takes
// memory in every stage. Channels exist by being used, so whoever invents names must not
// keep others from theirs:
//
//   - An address may have invented a quarter of the active channels, or 16 if that is
//     more. It is refused beyond.
//   - When all places are taken, an address that has invented none or few gets the place
//     of a channel of the address that has invented the most: the one with the fewest
//     reactions. If that channel is in use, its next reaction brings it back in the same
//     way. Within a minute at most as many channels are replaced as there are places, so
//     that at most twice as many are active.
//
// It is safe for concurrent use.
type activeChannels struct {
	limit int // without the main channel, which is always active
	share int // how many of them one address may have invented

	mu       sync.Mutex
	active   map[string]*activeChannel
	invented map[netip.Addr]int // how many of the active channels each address has invented
	allUntil time.Time          // until then no channel becomes idle
	minute   time.Time          // since when replaced is counted
	replaced int
}

// activeChannel is a channel that had a reaction lately.
type activeChannel struct {
	inventor  netip.Addr // where its first reaction came from
	last      time.Time  // when it had its last reaction
	reactions int
}

// minChannelShare is how many channels one address may invent at least. A venue with
// several stages may have one address.
const minChannelShare = 16

// newActiveChannels returns a bound of limit channels, the main channel included.
func newActiveChannels(limit int) *activeChannels {
	return &activeChannels{
		limit: limit - 1, share: max(minChannelShare, httpserve.Quarter(limit)),
		active: map[string]*activeChannel{}, invented: map[netip.Addr]int{},
	}
}

// admit notes a reaction in a channel that came from an address. It returns a refusal if
// the channel is not active and may not become so.
func (c *activeChannels) admit(name string, from netip.Addr) *httpserve.Refusal {
	if name == wire.MainChannel {
		return nil
	}
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	ch, ok := c.active[name]
	if !ok {
		if refusal := c.makeRoom(name, from, now); refusal != nil {
			return refusal
		}
		ch = &activeChannel{inventor: from}
		c.active[name] = ch
	}
	ch.last = now
	ch.reactions++
	return nil
}

// makeRoom makes room for a channel that an address invents and counts it as invented,
// or refuses it. c.mu is held.
func (c *activeChannels) makeRoom(name string, from netip.Addr, now time.Time) *httpserve.Refusal {
	hasShare := func() bool { return httpserve.Bounded(from) && c.invented[from] >= c.share }
	if len(c.active) >= c.limit || hasShare() {
		c.forgetIdle(now)
	}
	switch {
	case hasShare():
		return tooManyChannels("channel %q would be one more than the %d of %d that one %s may bring in: use an active one, or wait a minute", name, c.share, c.limit+1, access.Holder(from))
	case len(c.active) >= c.limit && !c.replaceOne(from, now):
		return tooManyChannels("channel %q would be one more than the %d that may be active at once: use an active one, or wait a minute", name, c.limit+1)
	}
	c.invented[from]++
	return nil
}

func tooManyChannels(format string, args ...any) *httpserve.Refusal {
	return httpserve.Refusalf(http.StatusUnprocessableEntity, "too_many_channels", format, args...)
}

// forgetIdle forgets the channels that are not active any more. c.mu is held.
func (c *activeChannels) forgetIdle(now time.Time) {
	if !now.After(c.allUntil) {
		return // so that refusing many names does not mean to look through all channels for each
	}
	c.allUntil = now.Add(channelActiveFor)
	for name, ch := range c.active {
		if until := ch.last.Add(channelActiveFor); now.After(until) {
			c.forget(name)
		} else if until.Before(c.allUntil) {
			c.allUntil = until
		}
	}
}

// forget makes a channel inactive. c.mu is held.
func (c *activeChannels) forget(name string) {
	inventor := c.active[name].inventor
	if c.invented[inventor]--; c.invented[inventor] == 0 {
		delete(c.invented, inventor)
	}
	delete(c.active, name)
}

// replaceOne forgets a channel of the address that has invented the most, unless the
// address from would then have as many. It returns whether it has. c.mu is held.
func (c *activeChannels) replaceOne(from netip.Addr, now time.Time) bool {
	if now.Sub(c.minute) > channelActiveFor {
		c.minute, c.replaced = now, 0
	}
	if c.replaced >= c.limit {
		return false
	}
	var greatest netip.Addr
	most := 0
	for address, n := range c.invented {
		if n > most {
			greatest, most = address, n
		}
	}
	if c.invented[from]+1 >= most {
		return false
	}
	victim, fewest := "", 0
	for name, ch := range c.active {
		if ch.inventor == greatest && (victim == "" || ch.reactions < fewest) {
			victim, fewest = name, ch.reactions
		}
	}
	c.forget(victim)
	c.replaced++
	return true
}
