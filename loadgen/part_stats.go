package loadgen

import (
	"time"

	"github.com/emostream/emostream/loadgen/report"
)

// partStats says what became of the requests of one part of a load. Its zero value is
// empty.
type partStats struct {
	requests, errors            int64
	accepted, rejected, inDoubt int64     // reactions
	busyUntil                   time.Time // when the last of them was sent, or given up
	requestLatencies
}

// requestLatencies are latencies of requests, from when they were due, by what became of
// them. delay is how late they were sent. A histogram that nothing was recorded in may
// be nil.
type requestLatencies struct {
	delay, ackAccepted, ackRefused, ackFailed *report.Histogram
}

// all returns the latencies, those of acks first.
func (l *requestLatencies) all() []**report.Histogram {
	return []**report.Histogram{&l.ackAccepted, &l.ackRefused, &l.ackFailed, &l.delay}
}

// addAcks adds the latencies of all requests to a histogram.
func (l *requestLatencies) addAcks(to *report.Histogram) {
	for _, h := range l.all()[:3] {
		merge(&to, *h)
	}
}

// inReport returns the latencies as a report has them.
func (l *requestLatencies) inReport() map[string]*report.Latency {
	acks := report.NewHistogram()
	l.addAcks(acks)
	out := map[string]*report.Latency{}
	for name, h := range map[string]*report.Histogram{
		report.SendDelay: l.delay, report.Ack: acks,
		report.AckAccepted: l.ackAccepted, report.AckRefused: l.ackRefused, report.AckFailed: l.ackFailed,
	} {
		if found := h.Latency(); found != nil {
			out[name] = found
		}
	}
	return out
}

// add counts one request.
func (p *partStats) add(at requestTimes, least time.Duration, out *requestOutcome) {
	p.requests++
	p.accepted += out.accepted
	p.rejected += out.rejected
	p.inDoubt += out.inDoubt
	if out.errorKind != "" {
		p.errors++
	}
	p.busyUntil = later(p.busyUntil, at.sent)
	took := at.ended.Sub(at.due)
	record(&p.delay, at.sent.Sub(at.ready))
	switch {
	case !at.answered:
		record(&p.ackFailed, max(took, least))
	case out.accepted > 0:
		record(&p.ackAccepted, took)
	default:
		record(&p.ackRefused, took)
	}
}

// merge adds what other has counted.
func (p *partStats) merge(other *partStats) {
	p.requests += other.requests
	p.errors += other.errors
	p.accepted += other.accepted
	p.rejected += other.rejected
	p.inDoubt += other.inDoubt
	p.busyUntil = later(p.busyUntil, other.busyUntil)
	for i, h := range p.all() {
		merge(h, *other.all()[i])
	}
}

// reset forgets everything, but keeps the memory.
func (p *partStats) reset() {
	*p = partStats{requestLatencies: p.requestLatencies}
	for _, h := range p.all() {
		if *h != nil {
			(*h).Reset()
		}
	}
}

// record counts a duration in a histogram, which it makes if there is none.
func record(in **report.Histogram, d time.Duration) { recordN(in, d, 1) }

// recordN counts a duration n times.
func recordN(in **report.Histogram, d time.Duration, n int64) {
	if *in == nil {
		*in = report.NewHistogram()
	}
	(*in).RecordN(d, n)
}

// merge adds a histogram to another one, which it makes if there is none.
func merge(to **report.Histogram, h *report.Histogram) {
	if h == nil || h.Count() == 0 {
		return
	}
	if *to == nil {
		*to = report.NewHistogram()
	}
	(*to).Merge(h)
}
