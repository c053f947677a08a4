package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/emostream/emostream/internal/stream"
)

// ProducerConfig says how a Producer batches. The zero value is usable but for
// the topic.
type ProducerConfig struct {
	Topic string
	// MaxBatch is the most records of one batch; default 10,000. A batch is
	// bounded by 900 KiB too.
	MaxBatch int
	// Linger is how long reactions wait at most for a batch in flight to return,
	// so that they travel with all that arrives until then; default 0, not at
	// all. Where nothing is in flight nothing waits.
	Linger time.Duration
	// Timeout is the most that Append takes; default 5 s.
	Timeout time.Duration
	// MaxPending bounds the bytes of records that wait for a batch. Beyond it
	// Append refuses at once. Default 64 MiB.
	MaxPending int
	Logger     *slog.Logger
	Metrics    prometheus.Registerer // nil: none
}

func (c ProducerConfig) withDefaults() ProducerConfig {
	if c.MaxBatch == 0 {
		c.MaxBatch = 10_000
	}
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	if c.MaxPending == 0 {
		c.MaxPending = 64 << 20
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Producer writes records into a topic once each. All that is handed in while a
// batch is in flight travels together in the next one (group commit). That goes
// when the one in flight returns, and beside it when what waits is large or has
// lingered: a batch costs the same whether it carries one record or a hundred.
// There is one batch in flight at most for each partition, and batches go round
// the partitions, so that none falls silent while others flow.
//
// A batch is idempotent: a producer id, an epoch and a sequence. Without an
// answer it is sent again byte for byte until it is resolved or given up. Once
// given up, a new producer id is taken, because a sequence that is used again is
// acknowledged and not written. The embedded broker forgets sequences when it is
// killed, so there nothing is sent again that might have been written.
//
// The queue of waiting records is bounded; when it is full Append refuses. Half of
// the time of an Append may pass in it, so that a batch has the other half.
type Producer struct {
	cfg     ProducerConfig
	client  *Client // finds out where to write to
	brokers brokers
	outage  *outage
	metrics producerMetrics

	requests sync.Pool // of *entry

	mu            sync.Mutex
	queue         []*appendRequest   // in the order of their arrival
	queuedRecords int                // in waiting
	queuedBytes   int                // of the records in waiting
	timer         *time.Timer        // when the oldest that waits has lingered, or waited too long
	idle          []*partitionWriter // lanes without a batch in flight, longest idle first
	partitions    []*partitionWriter // nil until Run knows the partitions
	closed        bool
	lastErr       error // why the last batch could not be written; nil when it was

	lastErrAt time.Time
}

type producerMetrics struct {
	latency prometheus.Histogram
	batch   prometheus.Histogram
	resent  prometheus.Counter
}

var errStopping = fmt.Errorf("%w: the server is shutting down", stream.ErrNotWritten)

// NewProducer returns a producer; its Run must be running for Append to get
// anywhere.
func NewProducer(client *Client, cfg ProducerConfig) *Producer {
	p := newProducer(client, &client.outage, cfg)
	p.client = client
	return p
}

func newProducer(b brokers, o *outage, cfg ProducerConfig) *Producer {
	f := promauto.With(cfg.Metrics)
	newEntry := func() any { return &appendRequest{done: make(chan error, 1)} }
	return &Producer{cfg: cfg.withDefaults(), brokers: b, outage: o, requests: sync.Pool{New: newEntry}, metrics: producerMetrics{
		latency: f.NewHistogram(prometheus.HistogramOpts{
			Name: "emostream_produce_seconds", Help: "Time from handing a batch of reactions to Kafka to its acknowledgement.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
		batch: f.NewHistogram(prometheus.HistogramOpts{
			Name: "emostream_produce_batch_records", Help: "Reactions in one batch.",
			Buckets: prometheus.ExponentialBuckets(1, 4, 8),
		}),
		resent: f.NewCounter(prometheus.CounterOpts{
			Name: "emostream_produce_resent_total", Help: "Batches that were sent again because the answer was missing.",
		}),
	}}
}

// Append puts records into the log, all in one partition if they fit a batch,
// and returns when they are there. The error wraps stream.ErrNotWritten when
// none of them is certainly there, and stream.ErrInDoubt when they may or may
// not be. It takes no longer than the configured timeout. The records belong to
// the producer until it returns.
func (p *Producer) Append(ctx context.Context, records []stream.Record) error {
	if len(records) == 0 {
		return nil
	}
	e := p.requests.Get().(*appendRequest)
	defer func() {
		e.records = nil
		p.requests.Put(e)
	}()
	e.records, e.bytes, e.at = records, 0, time.Now()
	for _, r := range records {
		e.bytes += recordBytes(r)
	}
	if e.bytes > MaxBatchBytes || len(records) > p.cfg.MaxBatch {
		return fmt.Errorf("%w: %d records of %d bytes do not fit a batch", stream.ErrNotWritten, len(records), e.bytes)
	}
	if err := p.enqueue(e); err != nil {
		return err
	}
	select {
	case err := <-e.done:
		return err
	case <-ctx.Done():
		if p.withdraw(e) {
			return fmt.Errorf("%w: %w", stream.ErrNotWritten, context.Cause(ctx))
		}
		return <-e.done // in flight, and bounded there
	}
}

// Run waits for the topic and sends batches until ctx ends. Then it finishes
// what is in flight, refuses what waits, and returns nil.
func (p *Producer) Run(ctx context.Context) error {
	n, err := p.client.Partitions(ctx, p.cfg.Topic)
	if err != nil {
		p.close()
		return ignoreEnd(ctx, err)
	}
	embedded, err := p.client.Embedded(ctx)
	if err != nil {
		p.close()
		return ignoreEnd(ctx, err)
	}
	p.runPartitions(ctx, n, embedded)
	return nil
}

// runLanes writes to n partitions until ctx ends and what is in flight is done.
func (p *Producer) runPartitions(ctx context.Context, n int, embedded bool) {
	var lanes sync.WaitGroup
	p.mu.Lock()
	for i := range n {
		l := &partitionWriter{partition: i, work: make(chan []*appendRequest, 1)}
		p.partitions = append(p.partitions, l)
		lanes.Go(func() { p.runPartition(context.WithoutCancel(ctx), l, embedded) })
	}
	p.idle = slices.Clone(p.partitions)
	p.dispatch(time.Now())
	p.mu.Unlock()
	<-ctx.Done()
	p.close()
	lanes.Wait()
}

// close refuses what waits and what is still to come, and ends the lanes when
// they have written what was handed to them.
func (p *Producer) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.refuse(len(p.queue), errStopping)
	p.idle = nil
	if p.timer != nil {
		p.timer.Stop()
	}
	for _, l := range p.partitions {
		close(l.work) // under the lock, as whoever sends to it
	}
}

// failureCounts is how long a failed batch speaks against the producer: one that
// gets no more traffic because of it must be able to recover.
const errMaxAge = 5 * time.Second

// Err says why reactions cannot be written now, as far as the last batch tells;
// nil when it went well, is some time ago or none was sent yet.
func (p *Producer) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.partitions == nil {
		return errors.New("not connected to kafka yet")
	}
	if time.Since(p.lastErrAt) > errMaxAge {
		return nil
	}
	return p.lastErr
}
