package loadgen

import (
	"context"
	"time"

	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/loadgen/report"
)

// totals holds the counts from the start of the run up to a moment.
type totals struct {
	at                             time.Time
	sent, accepted, failed, events int64
}

// observe adds a point to the series after each whole second, and calls Config.Observe,
// until ctx ends.
func (r *run) observe(ctx context.Context) {
	const interval = 100 * time.Millisecond
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			r.closeSecond(time.Now(), true)
			return
		case <-tick.C:
		}
		if left := time.Until(r.secondEnd()); left < interval {
			_ = sleep.For(ctx, left)
			r.closeSecond(time.Now(), false)
		}
		r.cfg.Observe(r.snapshot(time.Now()))
	}
}

// secondEnd returns when the current second ends. Before the start of the run it
// returns a time one hour ahead.
func (r *run) secondEnd() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.start.IsZero() {
		return time.Now().Add(time.Hour)
	}
	return r.before.at.Add(time.Second)
}

// closeSecond adds the point of the current second to the series if the second is over,
// or if it is the last one.
func (r *run) closeSecond(now time.Time, last bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.start.IsZero() || !last && now.Sub(r.before.at) < time.Second {
		return
	}
	r.stats.collect()
	t := totals{at: r.before.at.Add(time.Second), sent: r.stats.sent.Load(), accepted: r.stats.accepted.Load(), failed: r.stats.rejected.Load() + r.stats.inDoubt.Load()}
	listeners := 0
	if r.audience != nil {
		t.events, listeners = r.audience.events.Load(), int(r.audience.connected.Load())
	}
	if last {
		t.at = now
	}
	b := r.before
	asked := r.schedule.MeanRate(b.at.Sub(r.start), t.at.Sub(r.start))
	p := report.Point{
		AtMS: report.InMS(t.at.Sub(r.start)), Asked: asked * float64(r.cfg.Batch),
		Sent: t.sent - b.sent, Accepted: t.accepted - b.accepted, Failed: t.failed - b.failed,
		Listeners: listeners, Events: t.events - b.events,
	}
	if r.stats.recent.Count() > 0 {
		p.AckP50, p.AckP99 = report.InMS(r.stats.recent.Quantile(0.5)), report.InMS(r.stats.recent.Quantile(0.99))
	}
	r.series = append(r.series, p)
	r.before = t
}
