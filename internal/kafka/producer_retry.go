package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/stream"
)

// brokers are those that a producer writes to: a Client, or a model of them.
type brokers interface {
	// produce sends an encoded batch once. The error is the broker's answer, or
	// why there is none.
	produce(ctx context.Context, topic string, partition int, raw []byte) error
	// producerID takes a new producer id, and tries until ctx ends.
	producerID(ctx context.Context) (producerID, error)
}

// lane is a partition and its batches, one in flight at a time. All but work
// belongs to its goroutine.
type partitionWriter struct {
	partition int
	work      chan []*appendRequest // buffered for one batch
	records   []stream.Record       // of the batch in flight
	pid       producerID
	hasPID    bool
	sequence  int32
}

// runLane writes batches until close.
func (p *Producer) runPartition(ctx context.Context, l *partitionWriter, embedded bool) {
	for batch := range l.work {
		p.writeBatch(ctx, l, batch, embedded)
	}
}

// commit writes a batch and tells its entries the outcome.
func (p *Producer) writeBatch(ctx context.Context, l *partitionWriter, batch []*appendRequest, embedded bool) {
	l.records = l.records[:0]
	for _, e := range batch {
		l.records = append(l.records, e.records...)
	}
	records := l.records
	ctx, cancel := context.WithDeadline(ctx, batch[0].at.Add(p.cfg.Timeout)) // of the oldest
	defer cancel()
	start := time.Now()
	err := p.sendUntilResolved(ctx, l, records, embedded)
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
	p.lastErr, p.lastErrAt = err, now
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
func (p *Producer) sendUntilResolved(ctx context.Context, l *partitionWriter, records []stream.Record, embedded bool) error {
	var raw []byte
	doubt := false // whether an attempt may have been written without our knowing
	var last error
	call := retrying{outage: p.outage}
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
			raw = encodeBatch(records, l.pid, l.sequence)
		}
		err := p.sendOnce(ctx, l, raw, embedded)
		switch what := classify(err); {
		case what == answerWritten, what == answerDuplicate && doubt:
			call.end(true)
			return nil
		case what == answerRefused && doubt, what == answerUnknownSequence && doubt, what == answerUnclear && embedded:
			return fmt.Errorf("%w: %w", stream.ErrInDoubt, err)
		case what == answerRefused:
			return fmt.Errorf("%w: %w", stream.ErrNotWritten, err)
		case what == answerUnknownSequence, what == answerDuplicate:
			l.hasPID = false // nothing of it is in the log: begin again as somebody else
		case what == answerUnclear:
			doubt = true
			p.metrics.resent.Inc()
		case what == answerRetriable:
		}
		if isStale(err) {
			delay = staleConnectionDelay
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
func (p *Producer) sendOnce(ctx context.Context, l *partitionWriter, raw []byte, embedded bool) error {
	if !embedded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.cfg.Timeout/3)
		defer cancel()
	}
	return p.brokers.produce(ctx, p.cfg.Topic, l.partition, raw)
}
