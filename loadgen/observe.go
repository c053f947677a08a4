package loadgen

import (
	"context"
	"maps"
	"time"

	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/loadgen/report"
)

// observe collects the figures of each whole second, and tells whoever watches,
// until ctx ends.
func (r *run) observe(ctx context.Context) {
	const often = 100 * time.Millisecond
	tick := time.NewTicker(often)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			r.second(time.Now(), true)
			return
		case <-tick.C:
		}
		if left := time.Until(r.boundary()); left < often {
			_ = sleep.For(ctx, left)
			r.second(time.Now(), false)
		}
		r.cfg.Observe(r.snapshot(time.Now()))
	}
}

// boundary is when the second under way is over; far away before the start.
func (r *run) boundary() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.start.IsZero() {
		return time.Now().Add(time.Hour)
	}
	return r.before.at.Add(time.Second)
}

// second closes a second when it is over, or anyway at the end.
func (r *run) second(now time.Time, last bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.start.IsZero() || !last && now.Sub(r.before.at) < time.Second {
		return
	}
	r.meter.collect()
	t := totals{at: r.before.at.Add(time.Second), sent: r.meter.sent.Load(), accepted: r.meter.accepted.Load(), failed: r.meter.rejected.Load() + r.meter.inDoubt.Load()}
	listeners := 0
	if r.audience != nil {
		t.events, listeners = r.audience.events.Load(), int(r.audience.connected.Load())
	}
	if last {
		t.at = now
	}
	b := r.before
	_, asked := r.schedule.At(b.at.Sub(r.start))
	p := report.Point{
		AtMS: report.InMS(t.at.Sub(r.start)), Asked: asked * float64(r.cfg.Batch),
		Sent: t.sent - b.sent, Accepted: t.accepted - b.accepted, Failed: t.failed - b.failed,
		Listeners: listeners, Events: t.events - b.events,
	}
	if r.meter.recent.Count() > 0 {
		p.AckP50, p.AckP99 = report.InMS(r.meter.recent.Quantile(0.5)), report.InMS(r.meter.recent.Quantile(0.99))
	}
	r.series = append(r.series, p)
	r.before = t
}

// snapshot is how far the run is.
func (r *run) snapshot(now time.Time) Snapshot {
	s := Snapshot{
		Phase: r.phase.Load().(Phase), Planned: r.schedule.Length(), Stages: max(1, len(r.schedule.stages)), Wanted: r.wanted,
		Sent: r.meter.sent.Load(), Accepted: r.meter.accepted.Load(), Rejected: r.meter.rejected.Load(), InDoubt: r.meter.inDoubt.Load(),
	}
	if r.audience != nil {
		s.Listeners, s.Events = int(r.audience.connected.Load()), r.audience.events.Load()
	}
	if w := r.target.swarms; w != nil {
		w.mu.Lock()
		if w.overhead.Count() > 0 {
			s.OverheadP99 = report.InMS(w.overhead.Quantile(0.99))
		}
		w.mu.Unlock()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.series); n > 0 {
		p := r.series[n-1]
		s.Reached, s.AckP50, s.AckP99 = float64(p.Sent), p.AckP50, p.AckP99
	}
	if !r.start.IsZero() {
		s.Elapsed = max(0, now.Sub(r.start))
		if !r.ended.IsZero() {
			s.Elapsed = r.ended.Sub(r.start)
		}
		var rate float64
		s.Stage, rate = r.schedule.At(s.Elapsed)
		s.Asked = rate * float64(r.cfg.Batch)
		if r.sending.Load() {
			s.Waiting = r.sender.waiting(s.Elapsed) * int64(r.cfg.Batch)
		}
	}
	r.meter.mu.Lock()
	defer r.meter.mu.Unlock()
	s.Errors, s.Buckets = maps.Clone(r.meter.errors), r.meter.buckets
	return s
}
