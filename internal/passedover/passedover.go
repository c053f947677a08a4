// Package passedover counts and logs what the readers of a topic pass over: records
// that are not ours, and batches that cannot be read. It also tells where a transaction
// of another program keeps them from reading on.
//
// Anybody who may write to a topic can write such records, as many as he likes. So they
// are counted one by one, but logged at most once a second for each topic (log.go).
package passedover

import (
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/emostream/emostream/internal/stream"
)

// Intervals of lines in the log.
const (
	blockedAfter    = 10 * time.Second // how long a transaction may be open before it is told of
	blockedInterval = time.Minute      // between two about open transactions
)

// Reporter counts and logs for all partitions that a stage reads. It is safe for
// concurrent use. A nil Reporter does nothing.
type Reporter struct {
	log     *Log
	records prometheus.Counter
	behind  prometheus.Gauge

	mu         sync.Mutex
	blocked    map[partition]*block // partitions that a transaction keeps from being read
	blockedLog time.Time            // when the log last told of one
}

type partition struct {
	topic  string
	number int
}

// block is where a transaction begins that is open, and since when it keeps a partition
// from being read. Records is how many lie behind it, as far as the metric has them.
type block struct {
	offset  int64
	since   time.Time
	records int64
}

// New returns a reporter with a log of its own, and registers its metrics for a stage, such
// as aggregate. reg may be nil.
func New(stage string, log *slog.Logger, reg prometheus.Registerer) *Reporter {
	return NewLog(log).Reporter(stage, reg)
}

// Reporter returns a reporter that writes to the log, as others may, and registers its
// metrics for a stage. reg may be nil.
func (l *Log) Reporter(stage string, reg prometheus.Registerer) *Reporter {
	f := promauto.With(reg)
	return &Reporter{
		log: l,
		records: f.NewCounter(prometheus.CounterOpts{
			Name: "emostream_" + stage + "_skipped_records_total",
			Help: "Records that are not ours or cannot be read, and were passed over.",
		}),
		behind: f.NewGauge(prometheus.GaugeOpts{
			Name: "emostream_" + stage + "_blocked_records",
			Help: "Records that cannot be read, because a transaction before them has been open for 10 s.",
		}),
		blocked: map[partition]*block{},
	}
}

// Record reports a record that is not ours.
func (r *Reporter) Record(topic string, partition int, offset int64, why error) {
	r.passOver(topic, partition, offset, 1, why)
}

// Batch reports what a fetch shows: batches that cannot be read, and whether a
// transaction keeps the rest from being read. Readers call it after each fetch, also after
// one that brings nothing, which they make at least once a second: what the log has held
// back is written then.
func (r *Reporter) Batch(topic string, number int, b stream.Batch) {
	if r == nil {
		return
	}
	for _, s := range b.Skipped {
		r.passOver(topic, number, s.From, s.To-s.From, s.Reason)
	}
	r.log.writeDue()
	r.block(partition{topic, number}, b)
}

// Forget says that a partition is no longer read here.
func (r *Reporter) Forget(topic string, number int) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unblock(partition{topic, number})
}

func (r *Reporter) passOver(topic string, partition int, offset, records int64, why error) {
	if r == nil {
		return
	}
	r.records.Add(float64(records))
	r.log.add(r, topic, partition, offset, records, why)
}

func (r *Reporter) block(p partition, b stream.Batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if known, ok := r.blocked[p]; ok && (!b.Blocked() || b.Next != known.offset) {
		r.unblock(p)
	}
	if !b.Blocked() {
		return
	}
	known, ok := r.blocked[p]
	now := time.Now()
	if !ok {
		known = &block{offset: b.Next, since: now}
		r.blocked[p] = known
	}
	if now.Sub(known.since) < blockedAfter {
		return // most transactions are short
	}
	records := b.HighWatermark - b.Next
	r.behind.Add(float64(records - known.records))
	known.records = records
	if now.Sub(r.blockedLog) >= blockedInterval {
		r.blockedLog = now
		r.log.to.Warn("a transaction is open, and what is behind it cannot be read", "topic", p.topic, "partition", p.number,
			"offset", b.Next, "records", records, "since", known.since.Format(time.TimeOnly))
	}
}

// unblock says that a partition can be read on. The caller holds r.mu.
func (r *Reporter) unblock(p partition) {
	if known := r.blocked[p]; known != nil {
		r.behind.Sub(float64(known.records))
		delete(r.blocked, p)
	}
}
