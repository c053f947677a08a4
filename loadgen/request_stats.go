package loadgen

import (
	"maps"
	"math/bits"
	"slices"
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

	mu      sync.Mutex  // guards the fields below
	parts   []partStats // of loadParts
	buckets [Buckets]int64
	errors  map[string]int64
	recent  *report.Histogram // latencies of the requests that ended in the last whole second
}

// shard holds what some connections have recorded since the last collect.
type shard struct {
	mu       sync.Mutex
	parts    []*partStats // by part; nil: nothing recorded
	free     []*partStats // empty
	lastSent time.Time
	_        [64]byte // keeps two shards out of one cache line
}

// part returns what was recorded of a part.
func (sh *shard) part(i int) *partStats {
	if p := sh.parts[i]; p != nil {
		return p
	}
	p := &partStats{}
	if n := len(sh.free); n > 0 {
		p, sh.free = sh.free[n-1], sh.free[:n-1]
	}
	sh.parts[i] = p
	return p
}

// take returns what was recorded, and begins anew.
func (sh *shard) take() []*partStats {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	taken := slices.Clone(sh.parts)
	clear(sh.parts)
	return taken
}

// giveBack takes back memory that take has handed out.
func (sh *shard) giveBack(p *partStats) {
	p.reset()
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.free = append(sh.free, p)
}

// newRequestStats returns empty stats of a load with that many parts.
func newRequestStats(parts int) *requestStats {
	s := &requestStats{shards: make([]shard, 4), parts: make([]partStats, parts), recent: report.NewHistogram(), errors: map[string]int64{}}
	for i := range s.shards {
		s.shards[i].parts = make([]*partStats, parts)
	}
	return s
}

// record adds one request of a part. An answer that did not come counts as one that took
// as long as was waited for it, and at least least.
func (s *requestStats) record(worker, part int, at requestTimes, least time.Duration, out *requestOutcome) {
	s.accepted.Add(out.accepted)
	s.rejected.Add(out.rejected)
	s.inDoubt.Add(out.inDoubt)
	if out.errorKind != "" {
		s.addError(out.errorKind)
	}
	if at.free.After(at.due) {
		s.waited.Add(1)
	}
	sh := &s.shards[worker%len(s.shards)]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.lastSent = later(sh.lastSent, at.sent)
	sh.part(part).add(at, least, out)
}

// giveUp adds n requests of a part that were given up at a moment, after they had waited.
func (s *requestStats) giveUp(part int, waited time.Duration, n int64, at time.Time) {
	sh := &s.shards[0]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	p := sh.part(part)
	p.busyUntil = later(p.busyUntil, at)
	recordN(&p.ackFailed, waited, n)
}

// measured returns what became of the requests that were not due in the warm-up, as far
// as it was collected.
func (s *requestStats) measured() *partStats {
	s.mu.Lock()
	defer s.mu.Unlock()
	sum := &partStats{}
	for i := range s.parts[1:] {
		sum.merge(&s.parts[i+1])
	}
	return sum
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

// errorCounts returns how many requests there were of each kind of error so far.
func (s *requestStats) errorCounts() map[string]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.errors)
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

// collect moves the latencies of the shards into recent, and all that they hold into the
// parts. It is called once a second.
func (s *requestStats) collect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recent.Reset()
	for i := range s.shards {
		sh := &s.shards[i]
		for part, p := range sh.take() {
			if p != nil {
				p.addAcks(s.recent)
				s.parts[part].merge(p)
				sh.giveBack(p)
			}
		}
	}
	for _, bar := range s.recent.HDR().Distribution() {
		if bar.Count > 0 {
			s.buckets[min(bits.Len64(uint64(bar.To)), Buckets-1)] += bar.Count
		}
	}
}
