package registry

import (
	"math"
	"net/netip"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/wire"
)

// assignmentsPeriod is how long assignments are counted for their address, and up to as
// long again. It is longer than an assignment is pending: until the second heartbeat.
const assignmentsPeriod = 2 * time.Second

// shareRefusalDelay is how long an address that has its share waits for its refusal.
// Otherwise a few connections that ask again at once would keep the processors busy.
const shareRefusalDelay = 100 * time.Millisecond

// addressShare bounds how many places one address can have assigned to it within a few
// seconds: a quarter of those that are free. An assigned place counts as taken until it
// is known that the client does not come. So one address that registers again and again
// could otherwise make all servers seem full. It is safe for concurrent use.
type addressShare struct {
	mu               sync.Mutex
	begun            time.Time // when the current period began
	current, earlier *httpserve.Shares
}

// take counts an assignment for a client. If it has its share of the free places, take
// counts nothing and returns false.
func (a *addressShare) take(client netip.Addr, free int64, now time.Time) bool {
	if !httpserve.Bounded(client) {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if age := now.Sub(a.begun); age >= assignmentsPeriod || a.current == nil {
		a.earlier, a.current, a.begun = a.current, httpserve.NewShares(math.MaxInt64), now
		if age >= 2*assignmentsPeriod {
			a.earlier = nil
		}
	}
	held := a.current.Held(client)
	if a.earlier != nil {
		held += a.earlier.Held(client)
	}
	return held < httpserve.Quarter(free) && a.current.Take(client, 1)
}

// freePlaces returns how many places the servers have that are alive and serving, as
// their heartbeats tell.
func freePlaces(servers []roster.Entry, now time.Time) (n int64) {
	for _, s := range servers {
		if s.State == wire.StateServing && s.Alive(now) {
			n += int64(max(0, s.Capacity-s.Clients))
		}
	}
	return n
}
