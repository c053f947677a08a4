package loadgen

import (
	"fmt"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/loadgen/report"
)

// maxStreams is the greatest number of streams of another service.
const maxStreams = 100

// addMarkers adds to the report the balance of the events of another service, and, if it
// has several streams, what each of them showed. A stream to which no listener was ever
// connected is left out of the balance.
func (r *run) addMarkers(out *report.Report) {
	m := r.target.markers
	if n := r.audience.events.Load(); n > 0 && m.shown() == 0 && out.Accepted > 0 {
		out.UnbalancedBecause = fmt.Sprintf("%s came, and none held a marker: see --match", text.Plural(n, "event"))
		r.notes = append(r.notes, out.UnbalancedBecause)
	} else {
		counted, lost, doubled := m.balance(r.audience.attendedParts()...)
		out.SetBooks(counted, lost, doubled, 0)
	}
	each, all := m.endToEnd()
	out.SetLatency(report.EndToEnd, all)
	urls := r.cfg.Publish.StreamURLs
	if len(urls) == 1 {
		return
	}
	var dead []string
	for i, url := range urls {
		s := r.stream(i, text.ShownURL(url), each[i], out.Counted != nil)
		if s.Connected == 0 {
			dead = append(dead, s.URL)
			r.notes = append(r.notes, fmt.Sprintf("no listener was ever connected to %s, so that the books are without it", s.URL))
		}
		out.Streams = append(out.Streams, s)
	}
	if len(dead) > 0 && out.Sent > 0 && out.UnbalancedBecause == "" {
		out.UnbalancedBecause = "no listener was ever connected to " + strings.Join(dead, ", ")
	}
}

// stream returns what one of several streams showed. balanced says whether there are books.
func (r *run) stream(part int, url string, e2e *report.Histogram, balanced bool) report.Stream {
	r.audience.mu.Lock()
	s := report.Stream{URL: url, Connected: r.audience.attended[part].most, EndToEnd: e2e.Latency()}
	r.audience.mu.Unlock()
	if s.Connected == 0 || !balanced {
		return s
	}
	counted, lost, doubled := r.target.markers.balance(part)
	gaps := int64(0)
	for _, l := range r.audience.all() {
		if l.view.part == part {
			missing, _ := r.missing(l, time.Now())
			gaps += missing
		}
	}
	s.Counted, s.Lost, s.Doubled, s.Gaps = &counted, &lost, &doubled, &gaps
	return s
}
