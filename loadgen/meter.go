package loadgen

import (
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emostream/emostream/loadgen/report"
)

// meter counts what a run sends and what is answered. It is shared by all
// connections; each records into one of a few shards, so that they rarely wait
// for each other.
type meter struct {
	sent, accepted, rejected, inDoubt atomic.Int64 // reactions
	requests                          atomic.Int64
	waited                            atomic.Int64 // requests that were due when no connection was free
	shards                            []shard

	mu      sync.Mutex // of what collect writes
	ack     *report.Histogram
	delay   *report.Histogram
	buckets [Buckets]int64
	errors  map[string]int64
	recent  *report.Histogram // ack, of the last whole second
}

// shard is what some connections have recorded since it was collected.
type shard struct {
	mu         sync.Mutex
	ack, delay *report.Histogram
	_          [64]byte // the next one is another processor's
}

func newMeter() *meter {
	m := &meter{shards: make([]shard, 4), ack: report.NewHistogram(), delay: report.NewHistogram(), recent: report.NewHistogram(), errors: map[string]int64{}}
	for i := range m.shards {
		m.shards[i].ack, m.shards[i].delay = report.NewHistogram(), report.NewHistogram()
	}
	return m
}

// record takes in one request: when it was due, when a connection was free for it,
// when it was sent and when its answer came. Without an answer, answered is zero.
func (m *meter) record(worker int, due, free, sent, answered time.Time, v *verdict) {
	m.accepted.Add(v.accepted)
	m.rejected.Add(v.rejected)
	m.inDoubt.Add(v.inDoubt)
	if v.kind != "" {
		m.failed(v.kind)
	}
	if free.After(due) {
		m.waited.Add(1)
	}
	s := &m.shards[worker%len(m.shards)]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delay.Record(sent.Sub(latest(due, free)))
	if !answered.IsZero() {
		s.ack.Record(answered.Sub(due))
	}
}

func (m *meter) failed(kind string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.errors[kind]++
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// collect takes the shards' records in; what there is since the last time is that
// of a second.
func (m *meter) collect() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.recent.Reset()
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		m.recent.Merge(s.ack)
		m.delay.Merge(s.delay)
		s.ack.Reset()
		s.delay.Reset()
		s.mu.Unlock()
	}
	m.ack.Merge(m.recent)
	for _, bar := range m.recent.Hdr.Distribution() {
		if bar.Count > 0 {
			m.buckets[min(bits.Len64(uint64(bar.To)), Buckets-1)] += bar.Count
		}
	}
}

// worst is the most frequent error, for people.
func (m *meter) worst() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	worst, most := "it does not answer", int64(0)
	for kind, n := range m.errors {
		if n > most || n == most && kind < worst {
			worst, most = kind, n
		}
	}
	return worst
}
