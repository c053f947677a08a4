package kafka

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/emostream/emostream/internal/stream"
)

// appendRequest holds the records of one call of Append. Whoever takes it out of the
// queue must send its outcome, and must not use it after that: it then belongs to
// Append again.
type appendRequest struct {
	records []stream.Record
	bytes   int
	at      time.Time  // of its arrival
	done    chan error // receives the outcome, once; buffered
}

// largeRequestBytes is how many bytes a small request may have. Larger ones may fill
// only half of the queue, so that there is always room for single reactions.
const largeRequestBytes = 64 << 10

// enqueue puts r into the queue, and sends batches if one is due.
func (p *Producer) enqueue(r *appendRequest) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return errStopping
	case p.queuedBytes+r.bytes > p.cfg.MaxPending:
		return fmt.Errorf("%w: %d bytes of reactions are waiting for kafka already", stream.ErrNotWritten, p.queuedBytes)
	case r.bytes > largeRequestBytes && p.queuedBytes+r.bytes > p.cfg.MaxPending/2:
		return fmt.Errorf("%w: %d bytes of reactions are waiting for kafka already, and as much again is kept for small requests", stream.ErrNotWritten, p.queuedBytes)
	}
	p.queue = append(p.queue, r)
	p.queuedRecords += len(r.records)
	p.queuedBytes += r.bytes
	if p.batchDue(r.at) {
		p.dispatch(r.at)
	} else if len(p.queue) == 1 {
		p.setTimer(r.at)
	}
	return nil
}

// withdraw takes r out of the queue. It returns false if r is in flight already.
func (p *Producer) withdraw(r *appendRequest) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.queue, r)
	if i < 0 {
		return false
	}
	p.dequeue(i, i+1)
	return true
}

// dequeue takes the requests from i on and before j out of the queue; p.mu is held.
func (p *Producer) dequeue(i, j int) {
	for _, r := range p.queue[i:j] {
		p.queuedRecords -= len(r.records)
		p.queuedBytes -= r.bytes
	}
	p.queue = slices.Delete(p.queue, i, j)
}

// refuse answers the n oldest requests in the queue with an error; p.mu is held.
func (p *Producer) refuse(n int, why error) {
	refused := slices.Clone(p.queue[:n])
	p.dequeue(0, n)
	for _, r := range refused {
		r.done <- why
	}
}

// largeBatchBytes is how many bytes of records must wait to be sent even while other
// batches are in flight.
const largeBatchBytes = 64 << 10

// batchDue returns whether a batch must be sent now. It needs a waiting request and an
// idle partition. Then a batch is due if nothing is in flight, or if what waits is
// large, fills a batch, or has lingered. p.mu is held.
func (p *Producer) batchDue(now time.Time) bool {
	if len(p.queue) == 0 || len(p.idle) == 0 {
		return false
	}
	return len(p.idle)+p.resting == len(p.partitions) ||
		p.queuedBytes >= largeBatchBytes || p.queuedRecords >= p.cfg.MaxBatch ||
		now.Sub(p.queue[0].at) >= p.cfg.Linger
}

// dispatch hands batches to idle partitions while one is due; p.mu is held.
func (p *Producer) dispatch(now time.Time) {
	for p.batchDue(now) {
		w := p.idle[0]
		p.idle = slices.Delete(p.idle, 0, 1)
		w.batches <- p.takeBatch()
	}
	p.setTimer(now)
}

// setTimer sets the timer to the moment when the oldest request will have waited too
// long. If a partition is idle, it sets it to the moment when that request will have
// lingered, if that is earlier. p.mu is held.
func (p *Producer) setTimer(now time.Time) {
	if len(p.queue) == 0 {
		return
	}
	age, at := now.Sub(p.queue[0].at), p.cfg.Timeout/2
	if len(p.idle) > 0 {
		at = min(at, p.cfg.Linger)
	}
	if p.timer == nil {
		p.timer = time.AfterFunc(at-age, p.onTimer)
		return
	}
	p.timer.Reset(at - age)
}

// onTimer refuses requests that have waited too long, and sends those that have
// lingered.
func (p *Producer) onTimer() {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, n := time.Now(), 0
	for n < len(p.queue) && now.Sub(p.queue[n].at) >= p.cfg.Timeout/2 {
		n++
	}
	p.refuse(n, fmt.Errorf("%w: no batch could take it within %v", stream.ErrNotWritten, p.cfg.Timeout/2))
	p.dispatch(now)
}

// takeBatch takes as many of the oldest requests as fit a batch out of the queue, which
// must not be empty; p.mu is held.
func (p *Producer) takeBatch() []*appendRequest {
	n, records, bytes := 0, 0, 0
	for n < len(p.queue) {
		r := p.queue[n]
		if records+len(r.records) > p.cfg.MaxBatch || bytes+r.bytes > MaxBatchBytes {
			break
		}
		n, records, bytes = n+1, records+len(r.records), bytes+r.bytes
	}
	batch := slices.Clone(p.queue[:n])
	p.dequeue(0, n)
	return batch
}

// Full returns whether the queue may be too full for another Append. A server asks this
// before it reads a request that it perhaps could not write.
func (p *Producer) Full() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.queuedBytes+MaxBatchBytes > p.cfg.MaxPending
}

// partitionWriter writes batches to one partition, one at a time. All its fields but
// batches and resting belong to its goroutine.
type partitionWriter struct {
	partition int
	batches   chan []*appendRequest // holds one
	records   []stream.Record       // of the batch in flight
	sequence  sequence
	failures  int  // how many batches in a row were not acknowledged
	resting   bool // it gets no batches for now; guarded by Producer.mu
}

// runPartition writes the batches that w is given, until the channel is closed.
func (p *Producer) runPartition(ctx context.Context, w *partitionWriter, embedded bool) {
	for batch := range w.batches {
		p.writeBatch(ctx, w, batch, embedded)
		p.rest(ctx, w)
	}
}
