package loadgen

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/loadgen/report"
)

// run is one run under way.
type run struct {
	cfg      Config
	target   *target
	schedule Schedule // of requests
	ledger   *ledger
	meter    *meter
	sender   *sender
	audience *audience // nil: nobody can listen
	wanted   int       // listeners that read
	notes    []string

	phase   atomic.Value // Phase
	sending atomic.Bool
	lag     *report.Histogram // of the generator's own clock

	mu     sync.Mutex // of what follows
	start  time.Time
	ended  time.Time // of sending
	series []report.Point
	before totals // at the last whole second
}

// totals are cumulative numbers at a moment.
type totals struct {
	at                             time.Time
	sent, accepted, failed, events int64
}

// Run does one run and reports what it found. The error is that it could not
// begin; whatever the target does afterwards is in the report. When ctx ends, the
// run ends early: what is under way is waited for briefly, and the report is of
// what was done.
func Run(ctx context.Context, cfg Config) (report.Report, error) {
	if err := cfg.Check(); err != nil {
		return report.Report{}, err
	}
	r := &run{cfg: cfg.withDefaults(), ledger: newLedger(), meter: newMeter(), lag: report.NewHistogram()}
	r.schedule, _ = r.cfg.schedule() // Check has read it
	r.phase.Store(Registering)
	var err error
	if r.target, err = find(ctx, r.cfg, r.ledger); err != nil {
		return report.Report{}, err
	}
	r.notes = append(r.notes, r.target.notes...)
	r.prepare()
	return r.all(ctx)
}

// prepare makes the parts.
func (r *run) prepare() {
	r.sender = &sender{
		calls: r.target.calls, batch: int64(r.cfg.Batch), to: r.target.to, timeout: r.cfg.Timeout, workers: r.cfg.Connections,
		schedule: r.schedule, closed: r.cfg.closedLoop(), drain: cmp.Or(r.cfg.Drain, max(30*time.Second, r.schedule.Length())), meter: r.meter,
		acked: r.ledger.add, doubts: r.ledger.doubt,
	}
	if r.target.swarms == nil {
		r.sender.acked = orNothing(r.target.markers)
		r.sender.doubts = func([]int) {}
	}
	if r.target.streams == nil {
		return
	}
	r.wanted = max(1, r.cfg.Listeners)
	r.audience = newAudience(*r.target.streams, r.target.frames, r.target.reading, r.cfg.Seed)
	r.audience.fault = r.meter.failed
	r.audience.timeout = r.cfg.Timeout
	r.audience.departed = func(l *listener) { r.audience.missed(r.lacks(l, time.Now().Add(-recently))) }
}

// recently is how long before it left a listener need not have been shown what
// another one was: it may still have been on its way.
const recently = 2 * time.Second

func orNothing(m *markers) func([]acked) {
	if m != nil {
		return m.accept
	}
	return func([]acked) {}
}

// all goes through the phases.
func (r *run) all(ctx context.Context) (report.Report, error) {
	// Listeners go on while the books settle, also when ctx has ended.
	listening, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	defer hangUp()
	var behind sync.WaitGroup
	if r.audience != nil {
		behind.Go(func() { r.audience.run(listening) })
	}
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var observer sync.WaitGroup
	observer.Go(func() { r.observe(watching) })

	err := r.gather(ctx)
	if err == nil {
		r.send(ctx)
		r.settle(ctx)
	}
	stop()
	observer.Wait()
	report := r.report(ctx.Err() != nil)
	hangUp()
	behind.Wait()
	return report, err
}

// gather connects the listeners and waits for the time to begin.
func (r *run) gather(ctx context.Context) error {
	if r.audience != nil {
		r.audience.join(r.wanted, false)
		r.audience.join(r.cfg.Stalled, true)
		patience := max(r.cfg.Timeout, time.Duration(r.wanted)*2*time.Millisecond)
		if r.target.swarms == nil {
			patience = min(patience, reticence)
		}
		r.until(ctx, patience, func() bool { return int(r.audience.connected.Load()) >= r.wanted })
		switch n := r.audience.connected.Load(); {
		case n == 0 && ctx.Err() == nil && r.target.swarms == nil:
			r.notes = append(r.notes, fmt.Sprintf("no stream had begun when sending did, %v after it was asked for: either the target begins one with its first event, or none can be had", patience))
		case n == 0 && ctx.Err() == nil:
			return fmt.Errorf("no listener could connect within %v: %s", patience, r.meter.worst())
		case int(n) < r.wanted && ctx.Err() == nil:
			r.notes = append(r.notes, fmt.Sprintf("only %d of %d listeners were connected when sending began: %s", n, r.wanted, r.meter.worst()))
		}
	}
	if d := time.Until(r.cfg.StartAt); d > 0 {
		r.phase.Store(Waiting)
		_ = sleep.For(ctx, d)
	}
	return nil
}

// reticence is how long a stream that is not ours may take to begin before sending
// does: some servers, Flask's among them, send not even a header before there is
// an event.
const reticence = 2 * time.Second

// until waits until something is so, ctx ends or patience does, and says whether
// it was.
func (r *run) until(ctx context.Context, patience time.Duration, so func() bool) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.Now().Add(patience)
	for !so() {
		select {
		case <-ctx.Done():
			return so()
		case now := <-tick.C:
			if now.After(end) {
				return so()
			}
		}
	}
	return true
}

// lead is how long before the first request its connection is made.
const lead = 100 * time.Millisecond

func (r *run) send(ctx context.Context) {
	start := time.Now().Add(lead)
	r.mu.Lock()
	r.start = start
	r.before.at = start
	r.mu.Unlock()
	r.phase.Store(Sending)
	r.sending.Store(true)
	ctx, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	beside.Go(func() { r.feel(ctx) })
	if r.audience != nil && r.cfg.Churn > 0 {
		beside.Go(func() { r.audience.churn(ctx, start, Steady(r.cfg.Churn, r.schedule.Length())) })
	}
	r.sender.run(ctx, start)
	if ctx.Err() == nil {
		// Silence at the end of a schedule is part of it.
		_ = sleep.Until(ctx, start.Add(r.schedule.Length()))
	}
	cancel()
	beside.Wait()
	r.sending.Store(false)
	r.mu.Lock()
	r.ended = time.Now()
	r.mu.Unlock()
}

// feel measures how late the generator's own clocks go off, which no server can
// make later.
func (r *run) feel(ctx context.Context) {
	const every = 10 * time.Millisecond
	for next := time.Now().Add(every); sleep.Until(ctx, next) == nil; next = time.Now().Add(every) {
		r.lag.Record(time.Since(next))
	}
}

// impatience is how long an interrupted run waits for its books.
const impatience = 4 * time.Second

// steady is how long books must balance before they are believed: what is counted
// twice comes after what is counted once.
const steady = time.Second

// settle waits until the books balance at every listener, for a second.
func (r *run) settle(ctx context.Context) {
	if r.target.swarms == nil && r.target.markers == nil || r.meter.accepted.Load() == 0 {
		return
	}
	r.phase.Store(Settling)
	interrupted := ctx.Done()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var since time.Time
	for end := time.Now().Add(r.cfg.Patience); time.Now().Before(end); {
		if r.balanced() {
			if since.IsZero() {
				since = time.Now()
			}
			if time.Since(since) >= steady {
				return
			}
		} else {
			since = time.Time{}
		}
		select {
		case <-tick.C:
		case <-interrupted:
			end = time.Now().Add(min(time.Until(end), impatience))
			interrupted = nil
		}
	}
}

// balanced says whether everything that was acknowledged has been shown, to
// everybody.
func (r *run) balanced() bool {
	if m := r.target.markers; m != nil {
		_, lost, _ := m.balance()
		return lost == 0
	}
	accepted, inDoubt := r.ledger.page()
	b := balance(accepted, r.target.swarms.counted(), inDoubt)
	return b.lost == 0 && b.doubled == 0 && b.counted > 0 && r.audience.uptodate(r.target.swarms)
}

// lacks is what a listener was not shown, of what another was by a moment.
func (r *run) lacks(l *listener, until time.Time) (gaps, behind int64) {
	switch {
	case l.mute:
		return 0, 0
	case r.target.swarms != nil:
		return r.target.swarms.lacks(&l.view, r.target.swarms.best(), until.UnixMilli())
	case r.target.markers != nil:
		return r.target.markers.gaps(&l.view, until.UnixMilli()), 0
	}
	return 0, 0
}
