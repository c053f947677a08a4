package kafka

import (
	"context"
	"time"
)

// A partition whose batch was not acknowledged rests, if others work: it may be without
// a leader, or short of replicas, and each batch that it is given makes people wait in
// vain. It gets batches again once it has a leader that answers. If a batch fails again
// all the same, it rests for longer each time.
const (
	restInterval = 500 * time.Millisecond // between two questions for its leader; also the first rest after a second failure
	maxRest      = 30 * time.Second
	leaderWait   = 2 * time.Second // for the answer of its leader
)

// othersWork returns whether a partition other than w gets batches; p.mu is held.
func (p *Producer) othersWork(w *partitionWriter) bool {
	for _, other := range p.partitions {
		if other != w && !other.resting {
			return true
		}
	}
	return false
}

// rest waits until w may get batches again, if it rests, and makes it idle.
func (p *Producer) rest(ctx context.Context, w *partitionWriter) {
	p.mu.Lock()
	resting := w.resting
	p.mu.Unlock()
	if !resting {
		return
	}
	wait := time.Duration(0)
	if w.failures > 1 {
		wait = min(maxRest, restInterval<<min(w.failures-2, 10))
	}
	for again := time.NewTimer(wait); ; again.Reset(restInterval) {
		select {
		case <-w.batches: // closed: while it rests, nothing is sent there
			again.Stop()
			return
		case <-again.C:
		}
		asking, cancel := context.WithTimeout(ctx, leaderWait)
		err := p.brokers.leaderAnswers(asking, p.cfg.Topic, w.partition)
		cancel()
		if err == nil {
			break
		}
		p.cfg.Logger.Debug("a partition gets no reactions, because it has no leader that answers", "partition", w.partition, "error", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	w.resting = false
	p.resting--
	if !p.closed {
		p.idle = append(p.idle, w)
		p.dispatch(time.Now())
	}
}
