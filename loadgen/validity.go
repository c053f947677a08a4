package loadgen

import (
	"fmt"
	"time"

	"github.com/emostream/emostream/loadgen/report"
)

// maxSendDelay is the greatest p99 of the send delay and of the clock lag in a valid
// run. Beyond it the results describe the generator more than the target.
const maxSendDelay = 10 * time.Millisecond

// judgeGenerator sets Invalid if the generator could not keep to its schedule, and adds
// notes on what limits the results.
func (r *run) judgeGenerator(out *report.Report, sendDelay *report.Histogram) {
	note := func(format string, args ...any) { r.notes = append(r.notes, fmt.Sprintf(format, args...)) }
	if r.stats.requests.Load() == 0 {
		return
	}
	delay, lag := time.Duration(0), r.clockLag.Quantile(0.99)
	if sendDelay != nil { // nil: the run ended in its warm-up
		delay = sendDelay.Quantile(0.99)
	}
	if delay > maxSendDelay || lag > maxSendDelay {
		out.Invalid = true
		note(report.NotKeptUp+": it sent up to %v late though connections were free, and its own clocks went off up to %v late (p99 each, %v are allowed): give it more processor time, or ask for less",
			delay.Round(10*time.Microsecond), lag.Round(10*time.Microsecond), maxSendDelay)
	}
	if !r.target.endpoint.local && r.target.swarms != nil {
		note("windows end by the target's clock and arrive by this machine's: overhead is as right as the two agree, e2e is right anyway")
	}
	if r.cfg.closedLoop() {
		note("closed loop: whenever the server stalls, so does the generator, and its latencies do not show it")
	}
	r.judgeUnsent(out, note)
	if n, waited := r.stats.requests.Load(), r.stats.waited.Load(); !r.cfg.closedLoop() && waited*100 > n {
		note("%d %% of the requests found all %d connections busy and waited for one, which counts as the server's latency", waited*100/n, r.cfg.Connections)
	}
}

// judgeUnsent says how much was due and not sent, and why.
func (r *run) judgeUnsent(out *report.Report, note func(string, ...any)) {
	unsent := r.sender.overdue(r.lasted)
	if unsent == 0 {
		return
	}
	out.Unsent = unsent * int64(r.cfg.Batch)
	out.Errors["not sent"] += unsent
	if r.sender.gaveUp.IsZero() {
		out.UnsentBecause = "interrupted while connections were busy"
		note("%s due and not yet sent when the run was interrupted", reactionsWere(out.Unsent))
		return
	}
	out.UnsentBecause = fmt.Sprintf("too slow for %d connections", r.cfg.Connections)
	note("%s never sent: the server answered too slowly for %d connections, and what was due was given up %v after the end of the schedule", reactionsWere(out.Unsent), r.cfg.Connections, r.sender.drain)
}

// reactionsWere begins a sentence on n reactions.
func reactionsWere(n int64) string {
	if n == 1 {
		return "1 reaction was"
	}
	return fmt.Sprintf("%d reactions were", n)
}
