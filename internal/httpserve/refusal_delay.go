package httpserve

import (
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/emostream/emostream/internal/quota"
)

// MaxRefusalDelay is how long a refusal is held back at most.
const MaxRefusalDelay = 500 * time.Millisecond

const (
	// How many refusals one address is sent at once, and how many a second.
	refusalsAtOnce    = 100
	refusalsPerSecond = 50

	minRefusalDelay = 100 * time.Millisecond
	maxHeldRefusals = 1024    // that are held back at the same time, for all addresses together
	refusalKeys     = 1 << 14 // addresses that are told apart; package quota says what happens if there are more
)

// refusalDelay holds refusals back that an address causes one after the other. Whoever
// asks again as soon as he is answered would otherwise keep the processors busy with
// refusals, however little each of them costs. A refusal that waits holds its connection
// and no more: no place in flight and no body. What is accepted never waits.
//
// An address that is refused more often has its refusals held back until they keep that
// pace, for at least 100 ms, and for MaxRefusalDelay at most. Addresses on loopback and
// trusted proxies never wait. A refusal is sent at once when the client leaves or the
// server begins to drain, and while maxHeldRefusals wait already.
type refusalDelay struct {
	proxies  Proxies
	draining <-chan struct{}
	pace     *quota.Limiter
	held     atomic.Int64 // now
	all      *atomic.Int64
}

// refusalDelayKey is the key of a *refusalDelay in the context of every request, which
// Serve sets and Refusal reads.
type refusalDelayKey struct{}

func newRefusalDelay(l *Connections, draining <-chan struct{}) *refusalDelay {
	return &refusalDelay{proxies: l.limits.Proxies, draining: draining, pace: quota.New(quota.Rate{PerSecond: refusalsPerSecond, Burst: refusalsAtOnce}, refusalKeys), all: &l.delayedRefusals}
}

// holdBack holds the answer to a request back that is refused, or that no well-behaved
// client sends, if it must wait.
func holdBack(r *http.Request) {
	if d, ok := r.Context().Value(refusalDelayKey{}).(*refusalDelay); ok {
		d.hold(r.Context(), d.delay(r))
	}
}

// delay counts a refusal of a request, and returns how long it must wait; 0: not at all.
func (d *refusalDelay) delay(r *http.Request) time.Duration {
	from := d.proxies.BoundedIP(r)
	if !Bounded(from) {
		return 0
	}
	key, now := d.pace.AddressKey(ClientNetwork(from)), time.Now()
	wait := d.pace.Delay(key, now)
	d.pace.Charge(key, 1, now)
	if wait == 0 {
		return 0
	}
	return min(max(wait, minRefusalDelay), MaxRefusalDelay)
}

func (d *refusalDelay) hold(ctx context.Context, wait time.Duration) {
	if wait == 0 {
		return
	}
	defer d.held.Add(-1)
	if d.held.Add(1) > maxHeldRefusals {
		return
	}
	d.all.Add(1)
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-d.draining:
	}
}
