package loadgen

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/loadgen/report"
)

// run is the state of one run.
type run struct {
	cfg          Config
	target       *target
	schedule     Schedule  // when requests are due
	parts        loadParts // of the schedule
	acknowledged *acknowledged
	stats        *requestStats
	sender       *sender
	audience     *audience // nil: nobody can listen
	wanted       int       // how many listeners shall read
	heard        []int     // the channels or streams that had a listener when sending began
	usage        *targetUsage
	notes        []string

	phase    atomic.Value // Phase
	sending  atomic.Bool
	clockLag *report.Histogram // how late the generator's own timers fire

	mu     sync.Mutex // guards the fields below
	start  time.Time
	ended  time.Time     // end of sending
	due    time.Duration // how long something was due
	lasted time.Duration // how long something was due, was sent or was given up
	series []report.Point
	before totals // totals at the end of the last whole second
}

// Run makes one run and returns its report. It returns an error if the run could not
// begin; what the target does after that is in the report. When ctx ends, the run ends
// early: it waits briefly for requests under way, and reports what was done.
func Run(ctx context.Context, cfg Config) (report.Report, error) {
	if err := cfg.Check(); err != nil {
		return report.Report{}, err
	}
	r := &run{cfg: cfg.withDefaults(), acknowledged: newAcknowledged(), clockLag: report.NewHistogram()}
	r.schedule, _ = r.cfg.schedule() // Check has parsed it without an error
	r.parts = newLoadParts(r.schedule, r.cfg.WarmUp, r.hasStageFigures())
	r.stats = newRequestStats(len(r.parts.ends))
	r.phase.Store(Registering)
	var err error
	if r.usage, err = newTargetUsage(r.cfg); err != nil {
		return report.Report{}, err
	}
	if r.target, err = findTarget(ctx, r.cfg, r.acknowledged); err != nil {
		if ctx.Err() != nil {
			return r.interruptedBefore(), nil //nolint:nilerr // the report says that it was interrupted
		}
		return report.Report{}, err
	}
	r.notes = append(r.notes, r.target.notes...)
	if r.cfg.insecure() {
		r.notes = append(r.notes, "the target's certificates were not checked: it may have been another server that answered")
	}
	r.prepare()
	r.cfg.Live(r.live)
	return r.execute(ctx)
}

// prepare makes the sender and the audience.
func (r *run) prepare() {
	r.sender = &sender{
		requests: r.target.requests, batch: int64(r.cfg.Batch), endpoint: r.target.endpoint, timeout: r.cfg.Timeout, connections: r.cfg.Connections,
		schedule: r.schedule, parts: r.parts, closed: r.cfg.closedLoop(), drain: r.cfg.drain(r.schedule.Length()), stats: r.stats,
		onAcknowledged: r.acknowledged.add, onInDoubt: r.acknowledged.addInDoubt,
	}
	if r.target.swarms == nil {
		r.sender.onAcknowledged, r.sender.onInDoubt = func([]acknowledgement) {}, func([]reactionKind) {}
	}
	if r.target.markers != nil {
		r.sender.onAcknowledged = r.target.markers.accept
	}
	if r.usage != nil {
		r.usage.counts = r.finished
	}
	if r.target.source == nil {
		return
	}
	r.wanted = max(r.target.source.parts(), r.cfg.Listeners)
	r.audience = newAudience(*r.target.source, r.target.eventCache, r.target.sink, r.cfg.Seed)
	r.audience.onFailure = r.stats.addError
	r.audience.timeout, r.audience.silence, r.audience.lastSent = r.cfg.Timeout, r.cfg.Silence, r.stats.lastSent
	_, r.audience.pace, _ = ParseSlow(r.cfg.Slow) // Check has parsed it without an error
	r.audience.onDeparted = func(l *listener) { r.audience.addMissing(r.missing(l, time.Now().Add(-deliveryAllowance))) }
}

// finished returns how many requests have ended, and how many events listeners were
// shown.
func (r *run) finished() (requests, deliveries int64) {
	if r.audience != nil {
		deliveries = r.audience.events.Load()
	}
	return r.stats.requests.Load(), deliveries
}

// deliveryAllowance is how long a delivery may take. A listener that leaves counts
// something as missing only if another listener was shown it at least this long before.
const deliveryAllowance = 2 * time.Second

// execute runs the phases of the run one after the other.
func (r *run) execute(ctx context.Context) (report.Report, error) {
	// Listeners keep listening until the balance is known, even after ctx has ended.
	listening, stopListening := context.WithCancel(context.WithoutCancel(ctx))
	defer stopListening()
	var audience sync.WaitGroup
	if r.audience != nil {
		audience.Go(func() { r.audience.run(listening) })
	}
	observing, stopObserving := context.WithCancel(context.WithoutCancel(ctx))
	defer stopObserving()
	var observer sync.WaitGroup
	observer.Go(func() { r.observe(observing) })
	observer.Go(func() { r.usage.run(observing) })

	err := r.awaitStart(ctx)
	if err == nil {
		r.send(ctx)
		r.awaitBalance(ctx)
	}
	stopObserving()
	observer.Wait()
	report := r.report(ctx.Err() != nil)
	stopListening()
	audience.Wait()
	return report, err
}

// awaitStart connects the listeners that do not arrive later, and then waits until
// Config.StartAt.
func (r *run) awaitStart(ctx context.Context) error {
	if r.audience != nil {
		first := r.wanted
		if r.cfg.Arrive > 0 {
			first = r.target.source.parts()
		}
		r.joinFirst(first)
		timeout := max(r.cfg.Timeout, time.Duration(first)*2*time.Millisecond)
		if r.target.swarms == nil {
			timeout = min(timeout, foreignStreamTimeout)
		}
		waitUntil(ctx, timeout, func() bool { return int(r.audience.connected.Load()) >= first })
		switch n := r.audience.connected.Load(); {
		case ctx.Err() != nil:
			r.noteInterrupted(fmt.Sprintf("%d of %d listeners were connected", n, first))
			return nil //nolint:nilerr // the report says that it was interrupted
		case n == 0 && r.target.swarms == nil:
			r.notes = append(r.notes, fmt.Sprintf("no stream had begun when sending did, %v after it was asked for: either the target begins one with its first event, or none can be had (%v)", timeout, r.audience.whyNotConnected()))
		case n == 0:
			return fmt.Errorf("no listener could connect within %v: %w", timeout, r.audience.whyNotConnected())
		case int(n) < first:
			r.notes = append(r.notes, fmt.Sprintf("only %d of %d listeners were connected when sending began: %v", n, first, r.audience.whyNotConnected()))
		}
	}
	if d := time.Until(r.cfg.StartAt); d > 0 {
		r.phase.Store(Waiting)
		if sleep.For(ctx, d) != nil {
			r.noteInterrupted("it waited for its start at " + r.cfg.StartAt.UTC().Format(time.RFC3339))
		}
	}
	return nil
}

// foreignStreamTimeout is how long sending waits for the streams of other servers to
// begin. Some, such as Flask's, do not even send a header before the first event.
const foreignStreamTimeout = 2 * time.Second

// waitUntil waits until holds returns true, ctx ends, or the timeout has passed.
func waitUntil(ctx context.Context, timeout time.Duration, holds func() bool) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(timeout); !holds(); {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if now.After(end) {
				return
			}
		}
	}
}

// send sends the whole schedule, while listeners leave and join.
func (r *run) send(ctx context.Context) {
	if r.audience != nil {
		r.heard = r.audience.attendedParts()
	}
	r.usage.begin() // first: on a busy machine it takes long
	start := time.Now().Add(dialLead)
	r.mu.Lock()
	r.start = start
	r.before.at = start
	r.mu.Unlock()
	r.measureFrom(start.Add(r.cfg.WarmUp))
	r.phase.Store(Sending)
	r.sending.Store(true)
	end := start.Add(r.schedule.Length())
	var interrupted atomic.Int64 // Unix ns; 0: it is not
	stop := context.AfterFunc(ctx, func() { interrupted.Store(time.Now().UnixNano()) })
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	var beside sync.WaitGroup
	beside.Go(func() { r.measureClockLag(ctx, start.Add(r.cfg.WarmUp)) })
	if r.audience != nil && r.cfg.Churn > 0 {
		beside.Go(func() { r.audience.churn(ctx, start, ConstantRate(r.cfg.Churn, r.schedule.Length())) })
	}
	if r.audience != nil && r.cfg.Arrive > 0 {
		beside.Go(func() { r.audience.arrive(ctx, start, r.cfg.Arrive, r.wanted-r.target.source.parts()) })
	}
	r.sender.run(ctx, start)
	if ctx.Err() == nil {
		// A schedule may end with a stage in which nothing is sent.
		_ = sleep.Until(ctx, end)
	}
	r.usage.end()
	cancel()
	beside.Wait()
	r.sending.Store(false)
	if at := interrupted.Load(); at != 0 {
		end = earlier(end, time.Unix(0, at))
	}
	r.mu.Lock()
	r.ended = time.Now()
	r.due = max(0, end.Sub(start))
	r.lasted = max(0, later(later(end, r.stats.lastSent()), r.sender.gaveUp).Sub(start))
	r.mu.Unlock()
}

// measureClockLag measures how late the generator's own timers fire, from a moment on.
// The target has no influence on that.
func (r *run) measureClockLag(ctx context.Context, from time.Time) {
	const every = 10 * time.Millisecond
	_ = sleep.Until(ctx, from)
	for next := time.Now().Add(every); sleep.Until(ctx, next) == nil; next = time.Now().Add(every) {
		r.clockLag.Record(time.Since(next))
	}
}
