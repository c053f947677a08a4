package loadgen

import (
	"context"
	"time"
)

// interruptedBalanceTimeout is how long an interrupted run waits for its balance.
const interruptedBalanceTimeout = 4 * time.Second

// balanceHold is how long a run must balance: what is counted twice comes after what
// is counted once.
const balanceHold = time.Second

// awaitBalance waits until the run has balanced for balanceHold, or its time is over.
func (r *run) awaitBalance(ctx context.Context) {
	if r.target.swarms == nil && r.target.markers == nil || r.stats.accepted.Load() == 0 {
		return
	}
	r.phase.Store(Settling)
	interrupted := ctx.Done()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var since time.Time
	for end := time.Now().Add(r.cfg.BalanceTimeout); time.Now().Before(end); {
		if r.balanced() {
			if since.IsZero() {
				since = time.Now()
			}
			if time.Since(since) >= balanceHold {
				return
			}
		} else {
			since = time.Time{}
		}
		select {
		case <-tick.C:
		case <-interrupted:
			end = time.Now().Add(min(time.Until(end), interruptedBalanceTimeout))
			interrupted = nil
		}
	}
}

// balanced says whether all listeners were shown everything that was acknowledged.
func (r *run) balanced() bool {
	if m := r.target.markers; m != nil {
		_, lost, _ := m.balance()
		return lost == 0
	}
	accepted, inDoubt := r.acknowledged.snapshot()
	b := balanceOf(accepted, r.target.swarms.counted(), inDoubt)
	return b.lost == 0 && b.doubled == 0 && b.counted > 0 && r.audience.upToDate(r.target.swarms)
}

// missing counts what a listener was not shown, of what another listener was shown
// until a moment: gaps, of which it was shown nothing, and windows that it is behind in.
func (r *run) missing(l *listener, until time.Time) (gaps, behind int64) {
	switch {
	case l.stalled:
		return 0, 0
	case r.target.swarms != nil:
		return r.target.swarms.missing(&l.view, r.target.swarms.greatest(), until.UnixMilli())
	case r.target.markers != nil:
		return r.target.markers.missing(&l.view, until.UnixMilli()), 0
	}
	return 0, 0
}
