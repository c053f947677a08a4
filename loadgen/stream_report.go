package loadgen

import (
	"fmt"
	"time"

	"github.com/emostream/emostream/loadgen/report"
)

// maxStreams is the greatest number of streams of another service.
const maxStreams = 100

// addMarkers adds to the report the balance of the events of another service, and, if it
// has several streams, what each of them showed. A stream to which no listener was ever
// connected is left out of the balance.
func (r *run) addMarkers(out *report.Report) {
	m := r.target.markers
	attended := r.audience.attendedParts()
	counted, lost, doubled := m.balance(attended...)
	out.SetBooks(counted, lost, doubled, 0)
	each, all := m.endToEnd()
	out.SetLatency(report.EndToEnd, all)
	urls := r.cfg.Publish.StreamURLs
	if len(urls) == 1 {
		return
	}
	for i, url := range urls {
		out.Streams = append(out.Streams, r.stream(i, hideSecrets(url), each[i]))
	}
	for _, s := range out.Streams {
		if s.Connected == 0 {
			r.notes = append(r.notes, fmt.Sprintf("no listener was ever connected to %s, so that the books are without it", s.URL))
		}
	}
}

// stream returns what one of several streams showed.
func (r *run) stream(part int, url string, e2e *report.Histogram) report.Stream {
	s := report.Stream{URL: url, EndToEnd: e2e.Latency()}
	s.Counted, s.Lost, s.Doubled = r.target.markers.balance(part)
	for _, l := range r.audience.all() {
		if l.view.part == part {
			gaps, _ := r.missing(l, time.Now())
			s.Gaps += gaps
		}
	}
	r.audience.mu.Lock()
	defer r.audience.mu.Unlock()
	s.Connected = r.audience.attended[part].most
	return s
}
