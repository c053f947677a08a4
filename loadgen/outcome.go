package loadgen

import (
	"fmt"
	"maps"
	"time"

	"github.com/emostream/emostream/loadgen/report"
)

// mostDelay is the send delay whose p99 makes a run invalid: beyond it the figures
// begin to speak of the generator.
const mostDelay = 10 * time.Millisecond

// report says what the run found.
func (r *run) report(interrupted bool) report.Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.meter
	out := report.Report{
		Schema: report.Schema, Interrupted: interrupted, Started: r.start.UTC(), Seed: r.cfg.Seed,
		Options: r.cfg.options(r.target.channel, r.schedule.Length()), Environment: environment(r.cfg.Version),
		Sent: m.sent.Load(), Accepted: m.accepted.Load(), Rejected: m.rejected.Load(), InDoubt: m.inDoubt.Load(), Requests: m.requests.Load(),
		Errors: maps.Clone(m.errors), Windows: []report.WindowBooks{}, Latency: map[string]*report.Latency{}, Series: r.series, Thresholds: []report.ThresholdResult{},
	}
	if r.series == nil {
		out.Series = []report.Point{}
	}
	if !r.ended.IsZero() {
		out.DurationMS = report.InMS(r.ended.Sub(r.start))
	}
	r.generator(&out)
	r.listeners(&out)
	r.balance(&out)
	for name, h := range map[string]*report.Histogram{report.SendDelay: m.delay, report.Ack: m.ack} {
		out.SetLatency(name, h)
	}
	out.Notes = append([]string{}, r.notes...)
	return out
}

// generator judges the generator itself.
func (r *run) generator(out *report.Report) {
	note := func(format string, args ...any) { r.notes = append(r.notes, fmt.Sprintf(format, args...)) }
	if r.meter.requests.Load() == 0 {
		return
	}
	delay, lag := r.meter.delay.Quantile(0.99), r.lag.Quantile(0.99)
	if delay > mostDelay || lag > mostDelay {
		out.Invalid = true
		note("the generator could not keep up: it sent up to %v late though connections were free, and its own clocks went off up to %v late (p99 each, %v are allowed): give it more processor time, or ask for less",
			delay.Round(10*time.Microsecond), lag.Round(10*time.Microsecond), mostDelay)
	}
	if !r.target.to.local && r.target.swarms != nil {
		note("windows end by the target's clock and arrive by this machine's: overhead is as right as the two agree, e2e is right anyway")
	}
	if r.cfg.closedLoop() {
		note("closed loop: whenever the server stalls, so does the generator, and its latencies do not show it")
	}
	if left := r.sender.left() * int64(r.cfg.Batch); left > 0 && !out.Interrupted {
		out.Errors["not sent"] += r.sender.left()
		note("%d reactions were never sent: the server answered too slowly for %d connections, and what was due was given up %v after the end of the schedule", left, r.cfg.Connections, r.sender.drain)
	}
	if n, waited := r.meter.requests.Load(), r.meter.waited.Load(); !r.cfg.closedLoop() && waited*100 > n {
		note("%d %% of the requests found all %d connections busy and waited for one, which counts as the server's latency", waited*100/n, r.cfg.Connections)
	}
}

// listeners says what they saw.
func (r *run) listeners(out *report.Report) {
	a := r.audience
	if a == nil {
		return
	}
	l := &out.Listeners
	l.Wanted, l.Connected = r.cfg.Listeners, int(a.most.Load())
	l.Events, l.Bytes = a.events.Load(), a.bytes.Load()
	l.Reconnects, l.Resumes, l.Refused = a.reconnects.Load(), a.resumes.Load(), a.refused.Load()
	l.Joined, l.Left = a.joined.Load(), a.left.Load()
	l.Gaps, l.Behind = a.gaps.Load(), a.behind.Load()
	for _, listener := range a.everybody() {
		gaps, behind := r.lacks(listener, time.Now())
		l.Gaps += gaps
		l.Behind += behind
	}
	if s := r.target.swarms; s != nil {
		l.Repeats, l.OutOfOrder = s.repeats.Load(), s.disorder.Load()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	out.SetLatency(report.Connect, a.connect)
	out.SetLatency(report.FirstEvent, a.firstEvent)
}

// balance does the books.
func (r *run) balance(out *report.Report) {
	if m := r.target.markers; m != nil {
		counted, lost, doubled := m.balance()
		shifted := int64(0)
		out.Counted, out.Lost, out.Doubled, out.Shifted = &counted, &lost, &doubled, &shifted
		out.SetLatency(report.EndToEnd, m.e2e)
		return
	}
	s := r.target.swarms
	if s == nil {
		return
	}
	if s.length.Load() == 0 { // nobody was shown anything, so nobody knows
		r.ledger.learn(unknownWindow.Milliseconds())
		if out.Accepted > 0 {
			r.notes = append(r.notes, fmt.Sprintf("no swarm came, so that the length of a window is unknown: windows of %v are named", unknownWindow))
		}
	}
	accepted, inDoubt := r.ledger.page()
	counted := s.counted()
	b := balance(accepted, counted, inDoubt)
	out.Counted, out.Lost, out.Doubled, out.Shifted = &b.counted, &b.lost, &b.doubled, &b.shifted
	out.Windows = b.windows(accepted, counted, r.target.emojis)
	out.SetLatency(report.WindowWait, r.ledger.wait)
	out.SetLatency(report.Overhead, s.overhead)
	out.SetLatency(report.EndToEnd, s.endToEnd(r.ledger))
}

// unknownWindow is what windows are named by when nobody knows their length.
const unknownWindow = 2 * time.Second
