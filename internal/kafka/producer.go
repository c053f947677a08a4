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

// ProducerConfig says how a Producer batches. Only Topic must be set.
type ProducerConfig struct {
	Topic string
	// MaxBatch is how many records a batch may have; default 10,000. Its bytes are
	// bounded by MaxBatchBytes.
	MaxBatch int
	// Linger is how long records wait at most for a batch in flight to return. All
	// records that arrive until then go together in one batch. Default 0. Records never
	// wait while nothing is in flight.
	Linger time.Duration
	// Timeout is how long Append takes at most; default 5 s.
	Timeout time.Duration
	// MaxPending is how many bytes of records may wait for a batch. When there are
	// more, Append returns an error at once. Default 64 MiB.
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

// Producer writes each record once into a topic. Four questions have a file each:
//
//   - When records are sent, and with which others (producer_batching.go). What is appended
//     while a batch is in flight goes together in the next one (group commit), since a
//     batch costs the same whether it holds one record or a hundred. Each partition
//     has at most one batch in flight. Batches go to the partitions in turn, so that none
//     stays without records while others get some.
//   - What happens to a batch that is not acknowledged (producer_retry.go). It is sent
//     again, byte for byte, until its outcome is known or its time is over. The
//     embedded broker forgets sequences when it is killed, so it is never sent a batch
//     again that it may have written.
//   - Which partitions get batches (partition_rest.go). One that does not take writes gets
//     none while others take them.
//   - Which producer id and sequence a batch has, by which brokers recognize a batch that
//     they have written (producer_id.go).
//
// The queue of records that wait for a batch is bounded; Append refuses when it is
// full. Records may wait there for half of Timeout, so that their batch has the other
// half.
type Producer struct {
	cfg     ProducerConfig
	client  *Client // asked for the topic's partitions; nil in tests on a model of brokers
	brokers brokers
	outage  *outage
	metrics producerMetrics

	requests sync.Pool // of *appendRequest

	mu            sync.Mutex
	queue         []*appendRequest   // in the order of their arrival
	queuedRecords int                // of all requests in queue
	queuedBytes   int                // of all requests in queue
	timer         *time.Timer        // fires when the oldest request has lingered, or waited too long
	idle          []*partitionWriter // those without a batch in flight, longest idle first
	resting       int                // how many get no batches for now
	partitions    []*partitionWriter // all; nil until Run knows how many there are
	closed        bool
	lastWritten   time.Time
	lastErr       error // why the last batch was not written, if no other was meanwhile; nil when it was
	lastErrAt     time.Time
}

type producerMetrics struct {
	latency prometheus.Histogram
	batch   prometheus.Histogram
	resent  prometheus.Counter
}

var errStopping = fmt.Errorf("%w: the server is shutting down", stream.ErrNotWritten)

// NewProducer returns a producer. Append writes nothing until Run is running.
func NewProducer(client *Client, cfg ProducerConfig) *Producer {
	p := newProducer(client, &client.outage, cfg)
	p.client = client
	return p
}

func newProducer(b brokers, o *outage, cfg ProducerConfig) *Producer {
	f := promauto.With(cfg.Metrics)
	newRequest := func() any { return &appendRequest{done: make(chan error, 1)} }
	p := &Producer{cfg: cfg.withDefaults(), brokers: b, outage: o, requests: sync.Pool{New: newRequest}, metrics: producerMetrics{
		latency: f.NewHistogram(prometheus.HistogramOpts{
			Name: "emostream_produce_seconds", Help: "Time from handing a batch of reactions to Kafka to its acknowledgement.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
		batch: f.NewHistogram(prometheus.HistogramOpts{
			Name: "emostream_produce_batch_records", Help: "Reactions in one batch.",
			Buckets: prometheus.ExponentialBuckets(1, 4, 8),
		}),
		resent: f.NewCounter(prometheus.CounterOpts{
			Name: "emostream_produce_resent_total", Help: "Batches that were sent again because it was not certain that they were written.",
		}),
	}}
	f.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "emostream_produce_resting_partitions", Help: "Partitions of emoji-topic that get no reactions for now, because they did not take their last batch and others take theirs.",
	}, func() float64 {
		p.mu.Lock()
		defer p.mu.Unlock()
		return float64(p.resting)
	})
	return p
}

// Append writes records into the log, and returns when the log has acknowledged them.
// All of them go into one partition, in one batch; it is an error if they do not fit.
// The error wraps stream.ErrNotWritten if certainly none of them is in the log, and
// stream.ErrInDoubt if they may or may not be there. Append takes no longer than
// Timeout. The records belong to the producer until it returns.
func (p *Producer) Append(ctx context.Context, records []stream.Record) error {
	if len(records) == 0 {
		return nil
	}
	r := p.requests.Get().(*appendRequest)
	defer func() {
		r.records = nil
		p.requests.Put(r)
	}()
	r.records, r.bytes, r.at = records, 0, time.Now()
	for _, record := range records {
		r.bytes += recordBytes(record)
	}
	if r.bytes > MaxBatchBytes || len(records) > p.cfg.MaxBatch {
		return fmt.Errorf("%w: %d records of %d bytes do not fit a batch", stream.ErrNotWritten, len(records), r.bytes)
	}
	if err := p.enqueue(r); err != nil {
		return err
	}
	select {
	case err := <-r.done:
		return err
	case <-ctx.Done():
		if p.withdraw(r) {
			return fmt.Errorf("%w: %w", stream.ErrNotWritten, context.Cause(ctx))
		}
		return <-r.done // it is in flight, and its batch has a deadline
	}
}

// Run waits for the topic, and sends batches until ctx ends. Then it finishes the
// batches in flight, refuses the records that wait, and returns nil. It also ends when the
// topic is made anew with another number of partitions, and returns an error that names
// it.
func (p *Producer) Run(ctx context.Context) error {
	began, err := p.client.waitIdentity(ctx, p.cfg.Topic)
	if err != nil {
		p.close()
		return ignoreEnd(ctx, err)
	}
	embedded, err := p.client.Embedded(ctx)
	if err != nil {
		p.close()
		return ignoreEnd(ctx, err)
	}
	ctx, stop := context.WithCancel(ctx)
	var watching sync.WaitGroup
	var changed error
	watching.Go(func() {
		defer stop()
		changed = p.watch(ctx, began)
	})
	p.runPartitions(ctx, began.partitions, embedded)
	stop()
	watching.Wait()
	return changed
}

// watch returns an error when the topic was made anew with another number of partitions,
// and nil when ctx ends.
func (p *Producer) watch(ctx context.Context, began identity) error {
	for pause(ctx, watchInterval) == nil {
		now, err := p.client.identify(ctx, p.cfg.Topic)
		if err == nil && now.id != began.id && now.partitions != began.partitions {
			return partitionsError(p.cfg.Topic, began.partitions, now.partitions)
		}
	}
	return nil
}

// runPartitions writes to n partitions until ctx ends and what is in flight is done.
func (p *Producer) runPartitions(ctx context.Context, n int, embedded bool) {
	var writers sync.WaitGroup
	p.mu.Lock()
	for i := range n {
		w := &partitionWriter{partition: i, batches: make(chan []*appendRequest, 1)}
		p.partitions = append(p.partitions, w)
		writers.Go(func() { p.runPartition(context.WithoutCancel(ctx), w, embedded) })
	}
	p.idle = slices.Clone(p.partitions)
	p.dispatch(time.Now())
	p.mu.Unlock()
	<-ctx.Done()
	p.close()
	writers.Wait()
}

// close refuses the records that wait and all later ones. The writers of the partitions
// end when they have written the batches that they have been given.
func (p *Producer) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.refuse(len(p.queue), errStopping)
	p.idle = nil
	if p.timer != nil {
		p.timer.Stop()
	}
	for _, w := range p.partitions {
		close(w.batches) // p.mu is held, as by dispatch, which sends to it
	}
}

// errMaxAge is how long Err reports a batch that failed. It must end: a server that
// gets no more traffic because of that error could not recover otherwise.
const errMaxAge = 5 * time.Second

// Err returns why records cannot be written now, judged by the last batch. It returns
// nil if that batch was written, if another one was written while it failed, if it was
// sent a while ago, or if there was none yet. Before the topic's partitions are known, it
// returns an error.
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
