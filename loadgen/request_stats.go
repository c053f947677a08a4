package loadgen

import (
	"math/bits"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/loadgen/report"
)

// requestStats counts requests and their answers. All connections share it. Each
// records into one of a few shards, so that they rarely wait for each other.
type requestStats struct {
	sent, accepted, rejected, inDoubt atomic.Int64 // reactions
	requests                          atomic.Int64
	waited                            atomic.Int64 // requests that were due when no connection was free
	shards                            []shard

	mu      sync.Mutex // guards the fields below
	total   requestLatencies
	buckets [Buckets]int64
	errors  map[string]int64
	recent  *report.Histogram // latencies of the requests that ended in the last whole second
}

// requestLatencies are latencies of requests, from when they were due, by what became of
// them. delay is how late they were sent.
type requestLatencies struct {
	delay, accepted, refused, failed *report.Histogram
}

func newRequestLatencies() requestLatencies {
	return requestLatencies{report.NewHistogram(), report.NewHistogram(), report.NewHistogram(), report.NewHistogram()}
}

// moveTo adds all latencies to those of another, and to all, and forgets them.
func (l requestLatencies) moveTo(to requestLatencies, all *report.Histogram) {
	to.delay.Merge(l.delay)
	l.delay.Reset()
	for i, h := range l.byOutcome() {
		all.Merge(h)
		to.byOutcome()[i].Merge(h)
		h.Reset()
	}
}

// byOutcome returns the latencies that together are those of all requests.
func (l requestLatencies) byOutcome() [3]*report.Histogram {
	return [...]*report.Histogram{l.accepted, l.refused, l.failed}
}

// all returns the latencies of all requests.
func (l requestLatencies) all() *report.Histogram {
	sum := report.NewHistogram()
	for _, h := range l.byOutcome() {
		sum.Merge(h)
	}
	return sum
}

// shard holds the latencies that some connections have recorded since the last collect.
type shard struct {
	mu sync.Mutex
	requestLatencies
	lastSent time.Time
	_        [64]byte // keeps two shards out of one cache line
}

func newRequestStats() *requestStats {
	s := &requestStats{shards: make([]shard, 4), total: newRequestLatencies(), recent: report.NewHistogram(), errors: map[string]int64{}}
	for i := range s.shards {
		s.shards[i].requestLatencies = newRequestLatencies()
	}
	return s
}

// record adds one request. An answer that did not come counts as one that took as long
// as was waited for it, and at least the timeout.
func (s *requestStats) record(worker int, at requestTimes, timeout time.Duration, out *requestOutcome) {
	s.accepted.Add(out.accepted)
	s.rejected.Add(out.rejected)
	s.inDoubt.Add(out.inDoubt)
	if out.errorKind != "" {
		s.addError(out.errorKind)
	}
	if at.free.After(at.due) {
		s.waited.Add(1)
	}
	took := at.ended.Sub(at.due)
	sh := &s.shards[worker%len(s.shards)]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.lastSent = later(sh.lastSent, at.sent)
	sh.delay.Record(at.sent.Sub(at.ready))
	switch {
	case !at.answered:
		sh.failed.Record(max(took, timeout))
	case out.accepted > 0:
		sh.accepted.Record(took)
	default:
		sh.refused.Record(took)
	}
}

// lastSent returns when the last request was sent; zero if none was.
func (s *requestStats) lastSent() time.Time {
	var last time.Time
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		last = later(last, sh.lastSent)
		sh.mu.Unlock()
	}
	return last
}

// maxErrorKinds bounds the kinds of errors, since a target chooses what its answers say.
// Requests with any further kind are counted as OtherErrors. Those of streams are few.
const (
	maxErrorKinds = 50
	OtherErrors   = "other errors"
)

func (s *requestStats) addError(kind string) {
	kind = text.Clip(kind, 200, "…")
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.errors[kind]; !known && len(s.errors) >= maxErrorKinds && !strings.HasPrefix(kind, report.StreamError) {
		kind = OtherErrors
	}
	s.errors[kind]++
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// collect moves the latencies of the shards into recent and adds them to the totals. It
// is called once a second.
func (s *requestStats) collect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recent.Reset()
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		sh.moveTo(s.total, s.recent)
		sh.mu.Unlock()
	}
	for _, bar := range s.recent.HDR().Distribution() {
		if bar.Count > 0 {
			s.buckets[min(bits.Len64(uint64(bar.To)), Buckets-1)] += bar.Count
		}
	}
}
