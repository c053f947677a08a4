package kafka

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/stream"
)

// brokers is what a producer writes to: a Client, or a model of brokers in tests.
type brokers interface {
	// produce sends an encoded batch once. The error is the broker's answer, or says
	// why there is none.
	produce(ctx context.Context, topic string, partition int, raw []byte) error
	// producerID gets a new producer id. It tries again until ctx ends.
	producerID(ctx context.Context) (producerID, error)
	// leaderAnswers asks once whether a partition has a leader that answers. It returns
	// an error if not.
	leaderAnswers(ctx context.Context, topic string, partition int) error
}

// writeBatch writes a batch, and sends its requests the outcome.
func (p *Producer) writeBatch(ctx context.Context, w *partitionWriter, batch []*appendRequest, embedded bool) {
	w.records = w.records[:0]
	for _, r := range batch {
		w.records = append(w.records, r.records...)
	}
	records := w.records
	ctx, cancel := context.WithDeadline(ctx, batch[0].at.Add(p.cfg.Timeout)) // the deadline of the oldest request
	defer cancel()
	start := time.Now()
	err := p.sendUntilResolved(ctx, w, records, embedded)
	now := time.Now()
	if err != nil {
		w.sequence.abandon()
		w.failures++
		p.cfg.Logger.Warn("reactions were not acknowledged", "partition", w.partition, "records", len(records), "error", err)
	} else {
		w.sequence.advance(len(records))
		w.failures = 0
		p.metrics.latency.Observe(now.Sub(start).Seconds())
		p.metrics.batch.Observe(float64(len(records)))
	}
	clear(records) // the records belong to their Append again
	p.mu.Lock()
	if err == nil {
		p.lastErr, p.lastWritten = nil, now
	} else if p.lastWritten.Before(start) { // else other partitions took batches meanwhile
		p.lastErr, p.lastErrAt = err, now
	}
	if err != nil && p.othersWork(w) {
		w.resting = true
		p.resting++
	} else if !p.closed {
		p.idle = append(p.idle, w)
	}
	if !p.closed {
		p.dispatch(now)
	}
	p.mu.Unlock()
	for _, r := range batch {
		r.done <- err
	}
}

// sendUntilResolved writes records to w's partition once. Its error says whether they
// are certainly not in the log (stream.ErrNotWritten) or may be there
// (stream.ErrInDoubt).
func (p *Producer) sendUntilResolved(ctx context.Context, w *partitionWriter, records []stream.Record, embedded bool) error {
	var raw []byte
	doubt := false // whether an earlier attempt may have written the batch
	var last error
	call := retrying{outage: p.outage}
	defer call.end(false)
	for delay := 20 * time.Millisecond; ; delay = min(2*delay, 500*time.Millisecond) {
		if !w.sequence.valid {
			id, err := p.brokers.producerID(ctx)
			if err != nil {
				return fmt.Errorf("%w: %w", stream.ErrNotWritten, errors.Join(err, last))
			}
			w.sequence = sequence{producer: id, valid: true}
			raw = nil
		}
		if raw == nil {
			raw = encodeBatch(records, w.sequence.producer, w.sequence.next)
		}
		err := p.sendOnce(ctx, w, raw, embedded)
		switch what := classify(err); {
		case what == answerWritten, what == answerDuplicate && doubt:
			call.end(true)
			return nil
		case what == answerRefused && doubt, what == answerUnknownSequence && doubt, what == answerUnclear && embedded:
			return fmt.Errorf("%w: %w", stream.ErrInDoubt, err)
		case what == answerRefused:
			return fmt.Errorf("%w: %w", stream.ErrNotWritten, err)
		case what == answerUnknownSequence, what == answerDuplicate:
			w.sequence.abandon() // none of it is in the log: send it under a new producer id
		case what == answerUnclear, what == answerLeaderMoved && !embedded:
			doubt = true
			p.metrics.resent.Inc()
		case what == answerRetriable, what == answerLeaderMoved:
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

// sendOnce sends a batch once. It waits for the answer for a third of Timeout, so that
// there is time to send the batch again. On the embedded broker the batch is never sent
// again, so it waits for as long as the batch may take.
func (p *Producer) sendOnce(ctx context.Context, w *partitionWriter, raw []byte, embedded bool) error {
	if !embedded {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.cfg.Timeout/3)
		defer cancel()
	}
	return p.brokers.produce(ctx, p.cfg.Topic, w.partition, raw)
}
