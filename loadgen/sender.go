package loadgen

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// sender sends requests over a fixed number of connections.
//
// In the open loop, each connection takes the next request of the schedule, waits until
// it is due, and sends it. When a server stalls and keeps all connections busy,
// requests wait for a connection. They keep their due times, and latencies count from
// those. The schedule itself is the queue: a long queue takes no memory, and no request
// is dropped from it until drain has passed.
//
// In the closed loop a request is due when its connection is free, so that a stalling
// server is sent fewer requests.
type sender struct {
	requests       requests
	batch          int64 // reactions per request
	endpoint       *endpoint
	timeout        time.Duration
	connections    int
	schedule       Schedule      // when requests are due
	closed         bool          // closed loop
	drain          time.Duration // how long after the end of the schedule to send
	stats          *requestStats
	onAcknowledged func([]acknowledgement)
	onInDoubt      func([]int)

	start time.Time
	next  atomic.Int64 // the first request not yet taken by a connection
}

// run sends until all requests of the schedule are answered, ctx ends, or drain has
// passed.
func (s *sender) run(ctx context.Context, start time.Time) {
	s.start = start
	connections := make([]*connection, s.connections)
	for i := range connections {
		connections[i] = &connection{endpoint: s.endpoint, timeout: s.timeout}
	}
	ctx, cancel := context.WithDeadline(ctx, start.Add(s.schedule.Length()+s.drain))
	defer cancel()
	done := make(chan struct{})
	var expiring, sending sync.WaitGroup
	expiring.Go(func() { expireConnections(ctx, done, connections) })
	for i, c := range connections {
		sending.Go(func() {
			defer c.close()
			(&worker{sender: s, id: i, conn: c}).run(ctx)
		})
	}
	sending.Wait()
	close(done)
	expiring.Wait()
}

// unsent returns how many requests of the schedule no connection has taken.
func (s *sender) unsent() int64 {
	if s.closed {
		return 0
	}
	return max(0, s.schedule.Total()-s.next.Load())
}

// overdue returns how many requests that were due within elapsed after the start no
// connection has taken.
func (s *sender) overdue(elapsed time.Duration) int64 {
	if s.closed {
		return 0
	}
	return max(0, s.schedule.By(elapsed)-s.next.Load())
}

// due returns when to send request n. ok is false if there is no such request.
func (s *sender) due(n int64, now time.Time) (time.Time, bool) {
	if s.closed {
		return later(now, s.start), now.Before(s.start.Add(s.schedule.Length()))
	}
	at, ok := s.schedule.Due(n)
	return s.start.Add(at), ok
}

// worker is one connection of a sender.
type worker struct {
	*sender
	id      int
	conn    *connection
	request []byte
	outcome requestOutcome
	pending []acknowledgement // for onAcknowledged
}

// ackBatch is how many acknowledgements are collected before onAcknowledged is called.
const ackBatch = 256

// redialDelay is how long a connection of a closed loop waits after dialling failed.
const redialDelay = 100 * time.Millisecond

func (w *worker) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	defer func() { w.onAcknowledged(w.pending) }()
	for ctx.Err() == nil {
		free := time.Now()
		n := w.next.Add(1) - 1
		due, ok := w.due(n, free)
		if !ok {
			return
		}
		w.request = w.requests.appendRequest(w.request[:0], n, due)
		// The connection is made before the request is due, so that dialling does not
		// delay the request.
		err := w.conn.ensureOpen(ctx, later(due, free))
		if !waitWithTimer(ctx, timer, time.Until(due)) {
			w.next.Add(-1) // this makes it count as unsent
			return
		}
		w.send(n, due, free, err)
		if err != nil && w.closed && !waitWithTimer(ctx, timer, redialDelay) {
			return
		}
	}
}

// send sends request n and records what became of it. err says why there is no
// connection; nil means that there is one.
func (w *worker) send(n int64, due, free time.Time, err error) {
	w.stats.sent.Add(w.batch)
	w.stats.requests.Add(1)
	w.outcome.reset()
	sent := time.Now()
	if w.closed {
		due = sent
	}
	if err != nil {
		w.requests.unanswered(&w.outcome, n, true)
		w.outcome.errorKind = errorKind(err)
		w.record(due, free, sent, time.Time{})
		return
	}
	res, err := w.conn.roundTrip(w.request, sent)
	answered := time.Now()
	if err != nil {
		w.requests.unanswered(&w.outcome, n, false)
		w.outcome.errorKind, answered = errorKind(err), time.Time{}
	} else {
		w.requests.answered(&w.outcome, n, res)
	}
	w.record(due, free, sent, answered)
}

func (w *worker) record(due, free, sent, answered time.Time) {
	w.stats.record(w.id, due, free, sent, answered, &w.outcome)
	if len(w.outcome.inDoubtEmojis) > 0 {
		w.onInDoubt(w.outcome.inDoubtEmojis)
	}
	for _, ack := range w.outcome.acknowledged {
		ack.due = due.UnixMicro()
		w.pending = append(w.pending, ack)
	}
	if len(w.pending) >= ackBatch {
		w.onAcknowledged(w.pending)
		w.pending = w.pending[:0]
	}
}

// waitWithTimer waits for d and returns true, or returns false if ctx ends first.
// Unlike sleep.For it uses the caller's timer, since a worker waits before every
// request.
func waitWithTimer(ctx context.Context, t *time.Timer, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t.Reset(d)
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
