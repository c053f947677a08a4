package loadgen

import (
	"maps"
	"time"

	"github.com/emostream/emostream/loadgen/report"
)

// Live is what is known of a run while it lasts. It shares no memory with the run.
type Live struct {
	Snapshot
	Requests int64
	Audience report.Listeners // without what they missed, which only the end tells
	// Latencies has the keys of Report.Latency, where the target lets them be measured.
	// Those of requests are as old as the last whole second; the wait for a window's
	// end, and the whole way in swarms, are only known in the end.
	Latencies map[string]*report.Histogram
	// WarmUp and Stages are those of Report, as old as the last whole second. Nothing of
	// them is unsent yet.
	WarmUp   *report.Part
	Stages   []report.Stage
	warmUpMS float64
}

// live returns what is known of the run now.
func (r *run) live() Live {
	l := Live{Snapshot: r.snapshot(time.Now()), Requests: r.stats.requests.Load(), Latencies: r.latencies(), warmUpMS: report.InMS(r.cfg.WarmUp)}
	r.mu.Lock()
	l.WarmUp, l.Stages = r.partFigures(l.Elapsed, 0)
	r.mu.Unlock()
	if a := r.audience; a != nil {
		l.Audience = report.Listeners{
			Wanted: r.cfg.Listeners, Connected: int(a.maxConnected.Load()), Events: a.events.Load(), Bytes: a.bytes.Load(),
			Reconnects: a.reconnects.Load(), Resumes: a.resumes.Load(), Refused: a.refused.Load(), Joined: a.joined.Load(), Left: a.left.Load(),
		}
	}
	return l
}

// Report returns the part of a report that conditions can be held against before the
// run ends. There are no books in it.
func (l Live) Report() report.Report {
	out := report.Report{
		Schema: report.Schema, Sent: l.Sent, Accepted: l.Accepted, Rejected: l.Rejected, InDoubt: l.InDoubt, Requests: l.Requests,
		Errors: maps.Clone(l.Errors), DurationMS: report.InMS(l.Elapsed), Listeners: l.Audience, Latency: map[string]*report.Latency{},
		Options: report.Options{WarmUpMS: l.warmUpMS}, WarmUp: l.WarmUp, Stages: l.Stages,
	}
	for name, h := range l.Latencies {
		out.SetLatency(name, h)
	}
	return out
}

// latencies returns copies of the latencies that are known so far.
func (r *run) latencies() map[string]*report.Histogram {
	all := map[string]*report.Histogram{}
	add := func(name string, h *report.Histogram) {
		all[name] = report.NewHistogram()
		if h != nil {
			all[name].Merge(h)
		}
	}
	sent := r.stats.measured()
	add(report.SendDelay, sent.delay)
	all[report.Ack] = report.NewHistogram()
	sent.addAcks(all[report.Ack])
	add(report.AckAccepted, sent.ackAccepted)
	add(report.AckRefused, sent.ackRefused)
	add(report.AckFailed, sent.ackFailed)
	if a := r.audience; a != nil {
		a.mu.Lock()
		add(report.Connect, a.connect)
		add(report.FirstEvent, a.firstEvent)
		a.mu.Unlock()
	}
	if s := r.target.swarms; s != nil {
		s.mu.Lock()
		add(report.Overhead, s.overhead)
		s.mu.Unlock()
	}
	if m := r.target.markers; m != nil {
		_, all[report.EndToEnd] = m.endToEnd()
	}
	return all
}
