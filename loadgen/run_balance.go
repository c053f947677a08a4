package loadgen

import (
	"context"
	"maps"
	"slices"
	"time"
)

// interruptedBalanceTimeout is how long an interrupted run waits for its balance.
const interruptedBalanceTimeout = 4 * time.Second

// balanceHold is how long a run must stay balanced, since reactions that are counted
// twice may show only after they were counted once.
const balanceHold = time.Second

// awaitBalance waits until the run has been balanced for balanceHold, or until its time
// is over.
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

// balanced returns whether listeners were shown everything that was acknowledged.
func (r *run) balanced() bool {
	if m := r.target.markers; m != nil {
		streams := r.audience.attendedParts()
		_, lost, _ := m.balance(streams...)
		return len(streams) > 0 && lost == 0 && r.audience.hasAll(m)
	}
	b := balanceOf(r.books())
	return b.lost == 0 && b.doubled == 0 && b.counted > 0 && r.audience.upToDate(r.target.swarms)
}

// books returns what was accepted, what listeners were shown and what is in doubt, of the
// channels that had a listener when sending began. In another channel what nobody listened
// for would seem to be lost.
func (r *run) books() (accepted, counted map[cell]int64, inDoubt map[reactionKind]int64) {
	accepted, inDoubt = r.acknowledged.snapshot()
	counted = r.target.swarms.counted()
	if len(r.heard) == len(r.target.channels) {
		return accepted, counted, inDoubt
	}
	unheard := func(channel int) bool { return !slices.Contains(r.heard, channel) }
	of := func(c cell, _ int64) bool { return unheard(c.channel) }
	maps.DeleteFunc(accepted, of)
	maps.DeleteFunc(counted, of)
	maps.DeleteFunc(inDoubt, func(k reactionKind, _ int64) bool { return unheard(k.channel) })
	return accepted, counted, inDoubt
}

// missing counts what a listener was not shown, though another listener had been shown
// it by the moment until. Gaps are windows or markers that it was not shown at all.
// behind is how many windows it was shown with too small a total.
func (r *run) missing(l *listener, until time.Time) (gaps, behind int64) {
	switch {
	case l.manner != attentive:
		return 0, 0
	case r.target.swarms != nil:
		return r.target.swarms.missing(&l.view, r.target.swarms.greatest(), until.UnixMilli())
	case r.target.markers != nil:
		return r.target.markers.missing(&l.view, until.UnixMilli()), 0
	}
	return 0, 0
}
