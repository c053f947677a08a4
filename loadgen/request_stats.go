package loadgen

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

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
	ack     *report.Histogram
	delay   *report.Histogram
	buckets [Buckets]int64
	errors  map[string]int64
	recent  *report.Histogram // acknowledgement latencies of the last whole second
}

// shard holds the latencies that some connections have recorded since the last collect.
type shard struct {
	mu         sync.Mutex
	ack, delay *report.Histogram
	_          [64]byte // keeps two shards out of one cache line
}

func newRequestStats() *requestStats {
	s := &requestStats{shards: make([]shard, 4), ack: report.NewHistogram(), delay: report.NewHistogram(), recent: report.NewHistogram(), errors: map[string]int64{}}
	for i := range s.shards {
		s.shards[i].ack, s.shards[i].delay = report.NewHistogram(), report.NewHistogram()
	}
	return s
}

// record adds one request: when it was due, when a connection was free for it, when it
// was sent, and when its answer came. answered is zero if there was no answer.
func (s *requestStats) record(worker int, due, free, sent, answered time.Time, out *requestOutcome) {
	s.accepted.Add(out.accepted)
	s.rejected.Add(out.rejected)
	s.inDoubt.Add(out.inDoubt)
	if out.errorKind != "" {
		s.addError(out.errorKind)
	}
	if free.After(due) {
		s.waited.Add(1)
	}
	sh := &s.shards[worker%len(s.shards)]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.delay.Record(sent.Sub(later(due, free)))
	if !answered.IsZero() {
		sh.ack.Record(answered.Sub(due))
	}
}

func (s *requestStats) addError(kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errors[kind]++
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
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
		s.recent.Merge(sh.ack)
		s.delay.Merge(sh.delay)
		sh.ack.Reset()
		sh.delay.Reset()
		sh.mu.Unlock()
	}
	s.ack.Merge(s.recent)
	for _, bar := range s.recent.HDR().Distribution() {
		if bar.Count > 0 {
			s.buckets[min(bits.Len64(uint64(bar.To)), Buckets-1)] += bar.Count
		}
	}
}
