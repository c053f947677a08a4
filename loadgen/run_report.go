package loadgen

import (
	"crypto/rand"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/loadgen/report"
)

// report returns what the run found.
func (r *run) report(interrupted bool) report.Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.stats
	out := report.Report{
		Schema: report.Schema, ID: newReportID(), Interrupted: interrupted, Started: r.start.UTC(), Seed: r.cfg.Seed,
		Options: r.cfg.options(r.target.channels, r.schedule.Length()), Environment: environment(r.cfg.Version),
		Sent: m.sent.Load(), Accepted: m.accepted.Load(), Rejected: m.rejected.Load(), InDoubt: m.inDoubt.Load(), Requests: m.requests.Load(),
		Errors: m.errorCounts(), Windows: []report.WindowBalance{}, Latency: map[string]*report.Latency{}, Series: r.series, Thresholds: []report.ThresholdResult{},
	}
	if r.series == nil {
		out.Series = []report.Point{}
	}
	out.DurationMS = report.InMS(r.lasted)
	measured := m.measured()
	r.judgeGenerator(&out, measured.delay)
	r.addListeners(&out)
	r.addBalance(&out)
	maps.Copy(out.Latency, measured.inReport())
	r.addParts(&out)
	r.notes = append(r.notes, r.usage.add(&out)...)
	out.Notes = append([]string{}, r.notes...)
	return out
}

// newReportID returns the id of a run.
func newReportID() string { return strings.ToLower(rand.Text()[:20]) }

// addListeners adds to the report what the listeners saw.
func (r *run) addListeners(out *report.Report) {
	a := r.audience
	if a == nil {
		return
	}
	l := &out.Listeners
	slows, _, _ := ParseSlow(r.cfg.Slow)
	borne := a.settle()
	l.Slow, l.Stalled, l.Mute = borneOf(borne[slow], slows), borneOf(borne[stalled], r.cfg.Stalled), borneOf(borne[mute], r.cfg.Mute)
	l.Wanted, l.Connected = r.cfg.Listeners, int(a.maxConnected.Load())
	l.Events, l.Bytes = a.events.Load(), a.bytes.Load()
	l.Reconnects, l.Resumes, l.Refused = a.reconnects.Load(), a.resumes.Load(), a.refused.Load()
	l.Joined, l.Left = a.joined.Load(), a.left.Load()
	l.Gaps, l.Behind = a.gaps.Load(), a.behind.Load()
	for _, listener := range a.all() {
		gaps, behind := r.missing(listener, time.Now())
		l.Gaps += gaps
		l.Behind += behind
	}
	if s := r.target.swarms; s != nil {
		l.Repeats, l.OutOfOrder = s.repeats.Load(), s.outOfOrder.Load()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	out.SetLatency(report.Connect, a.connect)
	out.SetLatency(report.FirstEvent, a.firstEvent)
}

// addBalance adds to the report the balance of what was acknowledged and what was
// shown.
func (r *run) addBalance(out *report.Report) {
	s, m := r.target.swarms, r.target.markers
	switch {
	case s == nil && m == nil:
		return
	case r.audience.maxConnected.Load() == 0:
		if out.Sent > 0 {
			out.UnbalancedBecause = fmt.Sprintf("no listener was ever connected: %v", r.audience.whyNotConnected())
		}
		r.notes = append(r.notes, "no listener was ever connected, so that there are no books and no latencies behind the answer")
		return
	case out.Accepted == 0:
		r.notes = append(r.notes, "nothing was accepted, so that nothing could be lost: there are no books")
	}
	if m != nil {
		r.addMarkers(out)
		out.SetLatency(report.Spread, m.spread())
		return
	}
	if s.windowLength.Load() == 0 { // no listener was shown anything
		r.acknowledged.setWindowLength(assumedWindow.Milliseconds())
		if out.Accepted > 0 {
			r.notes = append(r.notes, fmt.Sprintf("no swarm came, so that the length of a window is unknown: windows of %v are named", assumedWindow))
		}
	}
	if all, heard := len(r.target.channels), len(r.heard); heard < all {
		why := fmt.Sprintf("no listener was connected to %d of %d channels when sending began", all-heard, all)
		out.UnbalancedBecause = why
		r.notes = append(r.notes, why+", so that the books are without them")
	}
	accepted, counted, inDoubt := r.books()
	b := balanceOf(accepted, counted, inDoubt)
	out.SetBooks(b.counted, b.lost, b.doubled, b.shifted)
	out.SetAtMost(b.lostAtMost, b.doubledAtMost)
	if b.unlisted > 0 {
		r.notes = append(r.notes, text.Plural(b.unlisted, "reaction")+" in totals alone, without their emojis, as those of hidden emojis are: the books take them for whichever of the channel are missing")
	}
	out.Windows = b.windows(accepted, counted, r.target.channels, r.target.emojis)
	r.acknowledged.mu.Lock()
	out.SetLatency(report.WindowWait, r.acknowledged.windowWait)
	r.acknowledged.mu.Unlock()
	s.mu.Lock() // listeners still listen
	out.SetLatency(report.Overhead, s.overhead)
	s.mu.Unlock()
	out.SetLatency(report.EndToEnd, s.endToEnd(r.acknowledged))
	out.SetLatency(report.Spread, s.spread())
}

// assumedWindow is the length of windows in a report if no swarm was shown.
const assumedWindow = windowing.DefaultWindow
