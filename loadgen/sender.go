package loadgen

import (
	"context"
	"errors"
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
	parts          loadParts     // of the schedule
	closed         bool          // closed loop
	drain          time.Duration // how long after the end of the schedule to send
	stats          *requestStats
	onAcknowledged func([]acknowledgement)
	onInDoubt      func([]reactionKind)

	start time.Time
	next  atomic.Int64 // the first request not yet taken by a connection

	gaveUp time.Time // when requests were given up that were due; zero: none was

	mu     sync.Mutex
	unsent []int64 // requests that a connection had taken when sending ended
}

// run sends until all requests of the schedule are answered, ctx ends, or drain has
// passed.
func (s *sender) run(ctx context.Context, start time.Time) {
	s.start = start
	connections := make([]connection, s.connections)
	for i := range connections {
		connections[i] = s.endpoint.newConnection()
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
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		s.giveUp()
	}
}

// overdue returns how many requests that were due within elapsed after the start were
// not sent.
func (s *sender) overdue(elapsed time.Duration) int64 {
	if s.closed {
		return 0
	}
	return max(0, s.schedule.By(elapsed)-s.stats.requests.Load())
}

// due returns when to send request n. ok is false if there is no such request.
func (s *sender) due(n int64, now time.Time) (time.Time, bool) {
	if s.closed {
		return later(now, s.start), now.Before(s.start.Add(s.schedule.Length()))
	}
	at, ok := s.schedule.Due(n)
	return s.start.Add(at), ok
}

// requestTimes says when what happened to a request.
type requestTimes struct {
	due      time.Time
	free     time.Time // when a connection had nothing else to do
	ready    time.Time // from when on the generator alone delayed it: due and free, and dialled if that took until after due
	sent     time.Time
	ended    time.Time // when the answer came, or when it was clear that none would
	answered bool
}

// worker is one connection of a sender.
type worker struct {
	*sender
	id      int
	conn    connection
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
		at := requestTimes{due: due, free: free, ready: later(due, free)}
		err := w.dialAhead(ctx, timer, &at)
		if !waitWithTimer(ctx, timer, time.Until(due)) {
			w.untaken(n)
			return
		}
		if !w.send(ctx, n, at, err) && w.closed && !waitWithTimer(ctx, timer, redialDelay) {
			return
		}
	}
}

// dialLead is how long before a request is due its connection is made. A connection
// that is made much earlier might be closed before the request is sent.
const dialLead = 100 * time.Millisecond

// dialAhead dials shortly before the request is due, so that dialling does not delay
// the request. An error that comes before then is no error yet, because send dials
// again.
func (w *worker) dialAhead(ctx context.Context, timer *time.Timer, at *requestTimes) error {
	if !at.due.After(at.free) || w.conn.isUsable(at.due) || !waitWithTimer(ctx, timer, time.Until(at.due)-dialLead) {
		return nil
	}
	err := w.conn.dial(ctx, time.Now(), at.due.Add(w.timeout))
	if ended := time.Now(); ended.After(at.due) {
		at.ready = ended
		return err
	}
	return nil
}

// send sends request n and records what became of it. err says why there can be no
// connection; nil means that there can. It returns false if there was none. If that is
// because ctx has ended, the request counts as not sent.
func (w *worker) send(ctx context.Context, n int64, at requestTimes, err error) (reached bool) {
	at.sent = time.Now()
	deadline := at.sent.Add(w.timeout)
	if err == nil {
		err = w.conn.ensureOpen(ctx, at.sent, deadline)
	}
	if err != nil && ctx.Err() != nil {
		w.untaken(n)
		return false
	}
	w.stats.sent.Add(w.batch)
	w.stats.requests.Add(1)
	w.outcome.reset()
	if err != nil {
		at.ended = time.Now()
		w.requests.unanswered(&w.outcome, n, true)
		w.outcome.errorKind = errorKind(err)
		w.record(at, w.timeout)
		return false
	}
	res, err := w.conn.roundTrip(w.request, at.sent, deadline)
	at.ended, at.answered = time.Now(), err == nil
	least := w.timeout
	if err != nil {
		w.requests.unanswered(&w.outcome, n, isUnprocessed(err))
		w.outcome.errorKind, least = w.failure(ctx, err, at.ended, deadline)
	} else {
		w.requests.answered(&w.outcome, n, res)
	}
	w.record(at, least)
	return true
}

// record records what became of a request. Without an answer it counts with least in the
// latencies, if it took less.
func (w *worker) record(at requestTimes, least time.Duration) {
	w.stats.record(w.id, w.parts.of(at.due.Sub(w.start)), at, least, &w.outcome)
	if len(w.outcome.inDoubtKinds) > 0 {
		w.onInDoubt(w.outcome.inDoubtKinds)
	}
	for _, ack := range w.outcome.acknowledged {
		ack.due = at.due.UnixMicro()
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
