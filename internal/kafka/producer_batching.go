package kafka

import (
	"fmt"
	"slices"
	"time"

	"github.com/emostream/emostream/internal/stream"
)

// entry is the records of one Append. Whoever takes it out of the queue sends its
// outcome and leaves it to its Append.
type appendRequest struct {
	records []stream.Record
	bytes   int
	at      time.Time  // of its arrival
	done    chan error // receives the outcome, once; buffered
}

func (p *Producer) enqueue(e *appendRequest) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		return errStopping
	case p.queuedBytes+e.bytes > p.cfg.MaxPending:
		return fmt.Errorf("%w: %d bytes of reactions are waiting for kafka already", stream.ErrNotWritten, p.queuedBytes)
	}
	p.queue = append(p.queue, e)
	p.queuedRecords += len(e.records)
	p.queuedBytes += e.bytes
	if p.batchDue(e.at) {
		p.dispatch(e.at)
	} else if len(p.queue) == 1 {
		p.setTimer(e.at)
	}
	return nil
}

// withdraw takes e back if it is not in flight yet.
func (p *Producer) withdraw(e *appendRequest) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(p.queue, e)
	if i < 0 {
		return false
	}
	p.dequeue(i, i+1)
	return true
}

// remove takes entries i to j out of the queue; p.mu is held.
func (p *Producer) dequeue(i, j int) {
	for _, e := range p.queue[i:j] {
		p.queuedRecords -= len(e.records)
		p.queuedBytes -= e.bytes
	}
	p.queue = slices.Delete(p.queue, i, j)
}

// refuse tells the n oldest that wait why no batch takes them; p.mu is held.
func (p *Producer) refuse(n int, why error) {
	refused := slices.Clone(p.queue[:n])
	p.dequeue(0, n)
	for _, e := range refused {
		e.done <- why
	}
}

// worthwhile is how many bytes of waiting records go at once, beside what is in
// flight.
const largeBatchBytes = 64 << 10

// due says whether a batch is to go now; p.mu is held.
func (p *Producer) batchDue(now time.Time) bool {
	if len(p.queue) == 0 || len(p.idle) == 0 {
		return false
	}
	return len(p.idle) == len(p.partitions) ||
		p.queuedBytes >= largeBatchBytes || p.queuedRecords >= p.cfg.MaxBatch ||
		now.Sub(p.queue[0].at) >= p.cfg.Linger
}

// dispatch hands batches to lanes while they are due; p.mu is held.
func (p *Producer) dispatch(now time.Time) {
	for p.batchDue(now) {
		l := p.idle[0]
		p.idle = slices.Delete(p.idle, 0, 1)
		l.work <- p.takeBatch()
	}
	p.setTimer(now)
}

// arm sets the timer to when the oldest that waits has lingered or, when there is
// no lane to take it, has waited for too long; p.mu is held.
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

// tick refuses what has waited for too long, and lets go what has lingered.
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

// take removes as much as fits a batch from the waiting; p.mu is held. There
// must be something waiting.
func (p *Producer) takeBatch() []*appendRequest {
	n, records, bytes := 0, 0, 0
	for n < len(p.queue) {
		e := p.queue[n]
		if records+len(e.records) > p.cfg.MaxBatch || bytes+e.bytes > MaxBatchBytes {
			break
		}
		n, records, bytes = n+1, records+len(e.records), bytes+e.bytes
	}
	batch := slices.Clone(p.queue[:n])
	p.dequeue(0, n)
	return batch
}

// Full says whether so much is waiting for a batch that Append might refuse, so
// that a server need not read what it could not write.
func (p *Producer) Full() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.queuedBytes+MaxBatchBytes > p.cfg.MaxPending
}
