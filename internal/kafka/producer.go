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

	"github.com/segmentio/kafka-go"

	"github.com/emostream/emostream/internal/stream"
)

// ProducerConfig says how a Producer batches. The zero value is usable but for
// the topic.
type ProducerConfig struct {
	Topic string
	// MaxBatch is the most records of one batch; default 10,000. A batch is
	// bounded by 900 KiB too.
	MaxBatch int
	// Linger is how long a batch waits for company while another one of the
	// same partition is not in flight; default 0, not at all.
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
// batch is in flight travels together in a next one (group commit); there is one
// batch in flight for each partition, and batches go round the partitions, so
// that none falls silent while others flow.
//
// A batch is idempotent: a producer id, an epoch and a sequence. Without an
// answer it is sent again byte for byte until it is resolved or given up. Once
// given up, a new producer id is taken, because a sequence that is used again is
// acknowledged and not written. The embedded broker forgets sequences when it is
// killed, so there nothing is sent again that might have been written.
//
// The queue of waiting records is bounded; when it is full Append refuses.
type Producer struct {
	cfg     ProducerConfig
	client  *Client // finds out where to write to
	brokers brokers
	outage  *outage
	metrics producerMetrics

	mu      sync.Mutex
	waiting []*entry // in the order of their arrival
	bytes   int      // of the records in waiting
	idle    []*lane  // lanes without a batch in flight, longest idle first
	lanes   []*lane  // nil until Run knows the partitions
	closed  bool
	failed  error // why the last batch could not be written; nil when it was

	failedAt time.Time
}

// brokers are those that a producer writes to: a Client, or a model of them.
type brokers interface {
	// produce sends an encoded batch once. The error is the broker's answer, or
	// why there is none.
	produce(ctx context.Context, topic string, partition int, raw []byte) error
	// producerID takes a new producer id, and tries until ctx ends.
	producerID(ctx context.Context) (producerID, error)
}

// entry is the records of one Append.
type entry struct {
	records []stream.Record
	bytes   int
	until   time.Time  // when its time is up
	done    chan error // receives the outcome, once; buffered
}

// lane is a partition and its batches, one in flight at a time. All but work
// belongs to its goroutine.
type lane struct {
	partition int
	work      chan []*entry // buffered for one batch
	pid       producerID
	hasPID    bool
	sequence  int32
}

type producerMetrics struct {
	latency prometheus.Histogram
	batch   prometheus.Histogram
	resent  prometheus.Counter
}

// NewProducer returns a producer; its Run must be running for Append to get
// anywhere.
func NewProducer(client *Client, cfg ProducerConfig) *Producer {
	p := newProducer(client, &client.outage, cfg)
	p.client = client
	return p
}

func newProducer(b brokers, o *outage, cfg ProducerConfig) *Producer {
	f := promauto.With(cfg.Metrics)
	return &Producer{cfg: cfg.withDefaults(), brokers: b, outage: o, metrics: producerMetrics{
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
	e := &entry{records: records, until: time.Now().Add(p.cfg.Timeout), done: make(chan error, 1)}
	for _, r := range records {
		e.bytes += size(r)
	}
	if e.bytes > maxBatchBytes || len(records) > p.cfg.MaxBatch {
		return fmt.Errorf("%w: %d records of %d bytes do not fit a batch", stream.ErrNotWritten, len(records), e.bytes)
	}
	if err := p.enqueue(e); err != nil {
		return err
	}
	// At most half of the time is for waiting, so that a batch in flight has
	// the other half at least.
	t := time.NewTimer(p.cfg.Timeout / 2)
	defer t.Stop()
	select {
	case err := <-e.done:
		return err
	case <-ctx.Done():
	case <-t.C:
	}
	if p.withdraw(e) {
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", stream.ErrNotWritten, ctx.Err())
		}
		return fmt.Errorf("%w: kafka did not take it within %v", stream.ErrNotWritten, p.cfg.Timeout/2)
	}
	return <-e.done // in flight, and bounded there
}

func (p *Producer) enqueue(e *entry) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return fmt.Errorf("%w: the server is shutting down", stream.ErrNotWritten)
	case p.bytes+e.bytes > p.cfg.MaxPending:
		return fmt.Errorf("%w: %d bytes of reactions are waiting for kafka already", stream.ErrNotWritten, p.bytes)
	}
	p.waiting = append(p.waiting, e)
	p.bytes += e.bytes
	if len(p.idle) > 0 {
		l := p.idle[0]
		p.idle = p.idle[1:]
		l.work <- p.take()
	}
	return nil
}

// withdraw takes e back if it is not in flight yet.
func (p *Producer) withdraw(e *entry) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.waiting, e)
	if i < 0 {
		return false
	}
	p.waiting = slices.Delete(p.waiting, i, i+1)
	p.bytes -= e.bytes
	return true
}

// take removes as much as fits a batch from the waiting; p.mu is held. There
// must be something waiting.
func (p *Producer) take() []*entry {
	n, records, bytes := 0, 0, 0
	for n < len(p.waiting) {
		e := p.waiting[n]
		if records+len(e.records) > p.cfg.MaxBatch || bytes+e.bytes > maxBatchBytes {
			break
		}
		n, records, bytes = n+1, records+len(e.records), bytes+e.bytes
	}
	batch := slices.Clone(p.waiting[:n])
	p.waiting = slices.Delete(p.waiting, 0, n)
	p.bytes -= bytes
	return batch
}

// next returns the lane's next batch, or nil after making the lane idle.
func (p *Producer) next(l *lane) []*entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) == 0 {
		p.idle = append(p.idle, l)
		return nil
	}
	return p.take()
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
	p.runLanes(ctx, n, embedded)
	return nil
}

// runLanes writes to n partitions until ctx ends and what is in flight is done.
func (p *Producer) runLanes(ctx context.Context, n int, embedded bool) {
	var lanes sync.WaitGroup
	p.mu.Lock()
	for i := range n {
		l := &lane{partition: i, work: make(chan []*entry, 1)}
		p.lanes = append(p.lanes, l)
		if len(p.waiting) > 0 {
			l.work <- p.take()
		} else {
			p.idle = append(p.idle, l)
		}
		lanes.Go(func() { p.runLane(context.WithoutCancel(ctx), l, embedded) })
	}
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
	for _, e := range p.waiting {
		e.done <- fmt.Errorf("%w: the server is shutting down", stream.ErrNotWritten)
	}
	p.waiting, p.bytes, p.idle = nil, 0, nil
	for _, l := range p.lanes {
		close(l.work) // under the lock, as whoever sends to it
	}
}

// runLane writes batches until close.
func (p *Producer) runLane(ctx context.Context, l *lane, embedded bool) {
	for batch := range l.work {
		for batch != nil {
			p.commit(ctx, l, batch, embedded)
			batch = p.next(l)
		}
	}
}

// commit writes a batch and tells its entries the outcome.
func (p *Producer) commit(ctx context.Context, l *lane, batch []*entry, embedded bool) {
	if p.cfg.Linger > 0 {
		batch = p.linger(batch)
	}
	var records []stream.Record
	for _, e := range batch {
		records = append(records, e.records...)
	}
	ctx, cancel := context.WithDeadline(ctx, batch[0].until) // of the oldest
	defer cancel()
	start := time.Now()
	err := p.send(ctx, l, records, embedded)
	if err != nil {
		l.hasPID = false
		p.cfg.Logger.Warn("reactions were not acknowledged", "partition", l.partition, "records", len(records), "error", err)
	} else {
		l.sequence += int32(len(records)) // wraps around from 2^31-1 to 0 below
		if l.sequence < 0 {
			l.hasPID = false
		}
		p.metrics.latency.Observe(time.Since(start).Seconds())
		p.metrics.batch.Observe(float64(len(records)))
	}
	p.mu.Lock()
	p.failed, p.failedAt = err, time.Now()
	p.mu.Unlock()
	for _, e := range batch {
		e.done <- err
	}
}

// linger waits a little and adds what has arrived meanwhile.
func (p *Producer) linger(batch []*entry) []*entry {
	t := time.NewTimer(p.cfg.Linger)
	defer t.Stop()
	<-t.C
	records, bytes := 0, 0
	for _, e := range batch {
		records, bytes = records+len(e.records), bytes+e.bytes
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, e := range p.waiting {
		records, bytes = records+len(e.records), bytes+e.bytes
		if records > p.cfg.MaxBatch || bytes > maxBatchBytes {
			break
		}
		batch = append(batch, e)
		p.bytes -= e.bytes
		n++
	}
	p.waiting = slices.Delete(p.waiting, 0, n)
	return batch
}

// send writes records to the lane's partition once, or says whether they may be
// there all the same.
func (p *Producer) send(ctx context.Context, l *lane, records []stream.Record, embedded bool) error {
	var raw []byte
	doubt := false // whether an attempt may have been written without our knowing
	var last error
	call := call{outage: p.outage}
	defer call.end(false)
	for delay := 20 * time.Millisecond; ; delay = min(2*delay, 500*time.Millisecond) {
		if !l.hasPID {
			pid, err := p.brokers.producerID(ctx)
			if err != nil {
				return fmt.Errorf("%w: %w", stream.ErrNotWritten, errors.Join(err, last))
			}
			l.pid, l.hasPID, l.sequence = pid, true, 0
			raw = nil
		}
		if raw == nil {
			raw = encode(records, l.pid, l.sequence)
		}
		err := p.attempt(ctx, l, raw, embedded)
		switch what := judge(err); {
		case what == written, what == duplicate && doubt:
			call.end(true)
			return nil
		case what == refused && doubt, what == stranger && doubt, what == unknown && embedded:
			return fmt.Errorf("%w: %w", stream.ErrInDoubt, err)
		case what == refused:
			return fmt.Errorf("%w: %w", stream.ErrNotWritten, err)
		case what == stranger, what == duplicate:
			l.hasPID = false // nothing of it is in the log: begin again as somebody else
		case what == unknown:
			doubt = true
			p.metrics.resent.Inc()
		case what == later:
		}
		call.failed(err)
		last = err
		if wait(ctx, delay) != nil {
			why := stream.ErrNotWritten
			if doubt {
				why = stream.ErrInDoubt
			}
			return fmt.Errorf("%w: gave up: %w", why, last)
		}
	}
}

// attempt sends a batch once. Where it can be sent again it takes a third of the
// time at most: an answer that never comes must leave time for that.
func (p *Producer) attempt(ctx context.Context, l *lane, raw []byte, embedded bool) error {
	if !embedded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.cfg.Timeout/3)
		defer cancel()
	}
	return p.brokers.produce(ctx, p.cfg.Topic, l.partition, raw)
}

// producerID takes a new producer id of the cluster.
func (c *Client) producerID(ctx context.Context) (pid producerID, err error) {
	err = c.retry(ctx, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, requestTimeout)
		defer cancel()
		res, err := c.api.InitProducerID(ctx, &kafka.InitProducerIDRequest{ProducerID: -1, ProducerEpoch: -1})
		if err != nil {
			return err
		}
		if res.Error != nil {
			return res.Error
		}
		pid = producerID{id: int64(res.Producer.ProducerID), epoch: int16(res.Producer.ProducerEpoch)}
		return nil
	})
	if err != nil {
		return pid, fmt.Errorf("get a producer id: %w", err)
	}
	return pid, nil
}

// verdict is what an answer, or its absence, says of the batch just sent.
type verdict int

const (
	written   verdict = iota
	duplicate         // its sequence is used: by itself if it was sent before, else by something else
	refused           // not written, and never will be
	later             // not written; the same again may be
	stranger          // not written: the broker does not know this producer's sequence
	unknown           // written or not
)

// judge reads a verdict out of the error of one attempt.
func judge(err error) verdict {
	var k kafka.Error
	switch {
	case err == nil:
		return written
	case notSent(err):
		return later
	case !errors.As(err, &k):
		return unknown
	}
	switch k {
	case kafka.DuplicateSequenceNumber:
		return duplicate
	case kafka.OutOfOrderSequenceNumber, kafka.UnknownProducerId, kafka.InvalidProducerEpoch, kafka.ProducerFenced, kafka.InvalidProducerIDMapping:
		return stranger
	case kafka.UnknownTopicOrPartition, kafka.LeaderNotAvailable, kafka.NotLeaderForPartition, kafka.BrokerNotAvailable,
		kafka.NotEnoughReplicas, kafka.FencedLeaderEpoch, kafka.UnknownLeaderEpoch:
		return later
	case kafka.MessageSizeTooLarge, kafka.RecordListTooLarge, kafka.InvalidTimestamp, kafka.InvalidRecord, kafka.InvalidMessage,
		kafka.TopicAuthorizationFailed, kafka.ClusterAuthorizationFailed, kafka.InvalidTopic, kafka.InvalidRequiredAcks,
		kafka.UnsupportedForMessageFormat, kafka.UnsupportedVersion, kafka.PolicyViolation:
		return refused
	default: // timed out, too few replicas after the append, or an error that we do not know
		return unknown
	}
}

// failureCounts is how long a failed batch speaks against the producer: one that
// gets no more traffic because of it must be able to recover.
const failureCounts = 5 * time.Second

// Err says why reactions cannot be written now, as far as the last batch tells;
// nil when it went well, is some time ago or none was sent yet.
func (p *Producer) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lanes == nil {
		return errors.New("not connected to kafka yet")
	}
	if time.Since(p.failedAt) > failureCounts {
		return nil
	}
	return p.failed
}
