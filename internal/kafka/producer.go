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

	"github.com/emostream/emostream/internal/sleep"
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

	entries sync.Pool // of *entry

	mu      sync.Mutex
	waiting []*entry    // in the order of their arrival
	records int         // in waiting
	bytes   int         // of the records in waiting
	wake    *time.Timer // when the oldest that waits has lingered, or waited too long
	idle    []*lane     // lanes without a batch in flight, longest idle first
	lanes   []*lane     // nil until Run knows the partitions
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

// entry is the records of one Append. Whoever takes it out of the queue sends its
// outcome and leaves it to its Append.
type entry struct {
	records []stream.Record
	bytes   int
	at      time.Time  // of its arrival
	done    chan error // receives the outcome, once; buffered
}

// lane is a partition and its batches, one in flight at a time. All but work
// belongs to its goroutine.
type lane struct {
	partition int
	work      chan []*entry   // buffered for one batch
	records   []stream.Record // of the batch in flight
	pid       producerID
	hasPID    bool
	sequence  int32
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
	newEntry := func() any { return &entry{done: make(chan error, 1)} }
	return &Producer{cfg: cfg.withDefaults(), brokers: b, outage: o, entries: sync.Pool{New: newEntry}, metrics: producerMetrics{
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
	e := p.entries.Get().(*entry)
	defer func() {
		e.records = nil
		p.entries.Put(e)
	}()
	e.records, e.bytes, e.at = records, 0, time.Now()
	for _, r := range records {
		e.bytes += size(r)
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

func (p *Producer) enqueue(e *entry) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return errStopping
	case p.bytes+e.bytes > p.cfg.MaxPending:
		return fmt.Errorf("%w: %d bytes of reactions are waiting for kafka already", stream.ErrNotWritten, p.bytes)
	}
	p.waiting = append(p.waiting, e)
	p.records += len(e.records)
	p.bytes += e.bytes
	if p.due(e.at) {
		p.dispatch(e.at)
	} else if len(p.waiting) == 1 {
		p.arm(e.at)
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
	p.remove(i, i+1)
	return true
}

// remove takes entries i to j out of the queue; p.mu is held.
func (p *Producer) remove(i, j int) {
	for _, e := range p.waiting[i:j] {
		p.records -= len(e.records)
		p.bytes -= e.bytes
	}
	p.waiting = slices.Delete(p.waiting, i, j)
}

// refuse tells the n oldest that wait why no batch takes them; p.mu is held.
func (p *Producer) refuse(n int, why error) {
	refused := slices.Clone(p.waiting[:n])
	p.remove(0, n)
	for _, e := range refused {
		e.done <- why
	}
}

// worthwhile is how many bytes of waiting records go at once, beside what is in
// flight.
const worthwhile = 64 << 10

// due says whether a batch is to go now; p.mu is held.
func (p *Producer) due(now time.Time) bool {
	if len(p.waiting) == 0 || len(p.idle) == 0 {
		return false
	}
	return len(p.idle) == len(p.lanes) ||
		p.bytes >= worthwhile || p.records >= p.cfg.MaxBatch ||
		now.Sub(p.waiting[0].at) >= p.cfg.Linger
}

// dispatch hands batches to lanes while they are due; p.mu is held.
func (p *Producer) dispatch(now time.Time) {
	for p.due(now) {
		l := p.idle[0]
		p.idle = slices.Delete(p.idle, 0, 1)
		l.work <- p.take()
	}
	p.arm(now)
}

// arm sets the timer to when the oldest that waits has lingered or, when there is
// no lane to take it, has waited for too long; p.mu is held.
func (p *Producer) arm(now time.Time) {
	if len(p.waiting) == 0 {
		return
	}
	age, at := now.Sub(p.waiting[0].at), p.cfg.Timeout/2
	if len(p.idle) > 0 {
		at = min(at, p.cfg.Linger)
	}
	if p.wake == nil {
		p.wake = time.AfterFunc(at-age, p.tick)
		return
	}
	p.wake.Reset(at - age)
}

// tick refuses what has waited for too long, and lets go what has lingered.
func (p *Producer) tick() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, n := time.Now(), 0
	for n < len(p.waiting) && now.Sub(p.waiting[n].at) >= p.cfg.Timeout/2 {
		n++
	}
	p.refuse(n, fmt.Errorf("%w: no batch could take it within %v", stream.ErrNotWritten, p.cfg.Timeout/2))
	p.dispatch(now)
}

// take removes as much as fits a batch from the waiting; p.mu is held. There
// must be something waiting.
func (p *Producer) take() []*entry {
	n, records, bytes := 0, 0, 0
	for n < len(p.waiting) {
		e := p.waiting[n]
		if records+len(e.records) > p.cfg.MaxBatch || bytes+e.bytes > MaxBatchBytes {
			break
		}
		n, records, bytes = n+1, records+len(e.records), bytes+e.bytes
	}
	batch := slices.Clone(p.waiting[:n])
	p.remove(0, n)
	return batch
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
		lanes.Go(func() { p.runLane(context.WithoutCancel(ctx), l, embedded) })
	}
	p.idle = slices.Clone(p.lanes)
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
	p.refuse(len(p.waiting), errStopping)
	p.idle = nil
	if p.wake != nil {
		p.wake.Stop()
	}
	for _, l := range p.lanes {
		close(l.work) // under the lock, as whoever sends to it
	}
}

// runLane writes batches until close.
func (p *Producer) runLane(ctx context.Context, l *lane, embedded bool) {
	for batch := range l.work {
		p.commit(ctx, l, batch, embedded)
	}
}

// commit writes a batch and tells its entries the outcome.
func (p *Producer) commit(ctx context.Context, l *lane, batch []*entry, embedded bool) {
	l.records = l.records[:0]
	for _, e := range batch {
		l.records = append(l.records, e.records...)
	}
	records := l.records
	ctx, cancel := context.WithDeadline(ctx, batch[0].at.Add(p.cfg.Timeout)) // of the oldest
	defer cancel()
	start := time.Now()
	err := p.send(ctx, l, records, embedded)
	now := time.Now()
	if err != nil {
		l.hasPID = false
		p.cfg.Logger.Warn("reactions were not acknowledged", "partition", l.partition, "records", len(records), "error", err)
	} else {
		l.sequence += int32(len(records)) // wraps around from 2^31-1 to 0 below
		if l.sequence < 0 {
			l.hasPID = false
		}
		p.metrics.latency.Observe(now.Sub(start).Seconds())
		p.metrics.batch.Observe(float64(len(records)))
	}
	clear(records) // they are their Append's again
	p.mu.Lock()
	p.failed, p.failedAt = err, now
	if !p.closed {
		p.idle = append(p.idle, l)
		p.dispatch(now)
	}
	p.mu.Unlock()
	for _, e := range batch {
		e.done <- err
	}
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
		if stale(err) {
			delay = staleDelay
		} else {
			call.failed(err)
		}
		last = err
		if sleep.For(ctx, delay) != nil {
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
		return pid, fmt.Errorf("get a producer id: %w", needs(err, "Write", "a topic, or, before Apache Kafka 2.8, IdempotentWrite on the cluster"))
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
	k, answered := errors.AsType[kafka.Error](err)
	switch {
	case err == nil:
		return written
	case notSent(err):
		return later
	case loginFailed(err):
		return refused
	case !answered:
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
