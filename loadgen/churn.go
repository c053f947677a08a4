package loadgen

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emostream/emostream/internal/sleep"
)

// churn makes a listener leave and another one join whenever the schedule says so. It
// ends with ctx or with the schedule.
func (a *audience) churn(ctx context.Context, start time.Time, s Schedule) {
	for n := int64(0); ; n++ {
		at, ok := s.Due(n)
		if !ok || sleep.Until(ctx, start.Add(at)) != nil {
			return
		}
		if a.replaceOne() {
			a.left.Add(1)
			a.joined.Add(1)
		}
	}
}

// replaceOne makes a random listener leave that is connected and attentive, and another
// one join the same part of the source. The last one of a part stays: what was shown
// before another came would seem to be lost. It returns whether there is one to leave.
func (a *audience) replaceOne() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	there := make([]int, a.source.parts())
	mayLeave := func(l *listener) bool { return l.manner == attentive && !l.leaving.Load() && l.conn != nil }
	for l := range a.listeners {
		if mayLeave(l) {
			there[l.view.part]++
		}
	}
	var chosen *listener
	n := 0
	for l := range a.listeners {
		if !mayLeave(l) || there[l.view.part] < 2 {
			continue
		}
		if n++; a.rng.IntN(n) == 0 {
			chosen = l
		}
	}
	if chosen == nil {
		return false
	}
	chosen.leaving.Store(true)
	_ = chosen.conn.Close()
	a.joinPart(chosen.view.part, attentive)
	return true
}

// depart removes a listener that has left, and unregisters it.
func (a *audience) depart(ctx context.Context, l *listener) {
	a.mu.Lock()
	delete(a.listeners, l)
	a.mu.Unlock()
	a.onDeparted(l)
	a.unregisterAll(context.WithoutCancel(ctx), []*listener{l})
}

// unregisterTimeout is how long unregisterAll may take.
const unregisterTimeout = 5 * time.Second

// unregisterAll tells the main server that listeners have left.
func (a *audience) unregisterAll(ctx context.Context, listeners []*listener) {
	ctx, cancel := context.WithTimeout(ctx, unregisterTimeout)
	defer cancel()
	next := atomic.Int64{}
	var workers sync.WaitGroup
	for range min(connectorCount, len(listeners)) {
		workers.Go(func() {
			r := a.source.newRegistrar()
			defer r.close()
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(listeners) {
					return
				}
				if address := listeners[i].address; address != nil {
					*r.conn.ofClient() = listeners[i].cookies
					r.unregister(ctx, listeners[i].number, address.server)
				}
			}
		})
	}
	workers.Wait()
}
