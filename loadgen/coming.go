package loadgen

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/sse"
)

// leave lets a random listener go; false when there is none that reads.
func (a *audience) leave() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	var chosen *listener
	n := 0
	for l := range a.listeners {
		if l.mute || l.leaving.Load() || l.conn == nil {
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
	return true
}

// depart is for one that leaves for good.
func (a *audience) depart(ctx context.Context, l *listener) {
	a.mu.Lock()
	delete(a.listeners, l)
	a.mu.Unlock()
	a.departed(l)
	a.goodbye(context.WithoutCancel(ctx), []*listener{l})
}

// goodbyes is how long saying goodbye may take.
const goodbyes = 5 * time.Second

// goodbye unregisters listeners, as clients do.
func (a *audience) goodbye(ctx context.Context, everybody []*listener) {
	ctx, cancel := context.WithTimeout(ctx, goodbyes)
	defer cancel()
	next := atomic.Int64{}
	var all sync.WaitGroup
	for range min(connectors, len(everybody)) {
		all.Go(func() {
			s := a.streams.session()
			defer s.close()
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(everybody) {
					return
				}
				s.leave(ctx, everybody[i].stream)
			}
		})
	}
	all.Wait()
}

// refuse lets a listener register later, the longer the more often it was refused
// in a row.
func (a *audience) refuse(ctx context.Context, l *listener, err error) {
	if _, refused := errors.AsType[*sse.RefusedError](err); refused {
		a.refused.Add(1)
	} else {
		a.fault("stream " + kind(err))
	}
	if l.leaving.Load() {
		a.depart(ctx, l)
		return
	}
	l.refusals++
	a.back(l, err)
}

// back puts a listener into the queue again, some time after its connection ended
// with err.
func (a *audience) back(l *listener, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	after := sse.Backoff(err, l.retry, mostBackoff, l.refusals, a.rng.Int64N)
	a.timers[l] = time.AfterFunc(after, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.timers, l)
		a.queue <- l
	})
}

// churn lets listeners leave and others join by a schedule until ctx ends or the
// schedule does.
func (a *audience) churn(ctx context.Context, start time.Time, s Schedule) {
	for n := int64(0); ; n++ {
		at, ok := s.Due(n)
		if !ok || sleep.Until(ctx, start.Add(at)) != nil {
			return
		}
		if a.leave() {
			a.left.Add(1)
			a.joined.Add(1)
			a.join(1, false)
		}
	}
}
