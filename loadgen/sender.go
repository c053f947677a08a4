package loadgen

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// sender sends requests over a fixed number of connections.
//
// In the open loop, connections take the due times of the schedule in order, one
// at a time, and wait for them. A server that stalls keeps all connections busy;
// then requests wait for one, but keep their due times, from which their latency
// counts. The schedule itself is the queue: it costs no memory however long it
// grows, and nothing in it is dropped until it is given up as a whole.
//
// In the closed loop a request is due when its connection is free, so that a
// server that stalls is asked less.
type sender struct {
	calls    calls
	batch    int64 // reactions in a request
	to       *place
	timeout  time.Duration
	workers  int
	schedule Schedule // of requests
	closed   bool     // loop
	drain    time.Duration
	meter    *meter
	acked    func([]acked)
	doubts   func([]int)

	start time.Time
	next  atomic.Int64 // request that no connection has taken
}

// run sends until the schedule is done and everything is answered, ctx ends, or
// what is left of it takes longer than drain.
func (s *sender) run(ctx context.Context, start time.Time) {
	s.start = start
	links := make([]*link, s.workers)
	for i := range links {
		links[i] = &link{to: s.to, timeout: s.timeout}
	}
	ctx, cancel := context.WithDeadline(ctx, start.Add(s.schedule.Length()+s.drain))
	defer cancel()
	done := make(chan struct{})
	var watching, sending sync.WaitGroup
	watching.Go(func() { watch(ctx, done, links) })
	for i, l := range links {
		sending.Go(func() {
			defer l.close()
			(&worker{sender: s, id: i, link: l}).run(ctx)
		})
	}
	sending.Wait()
	close(done)
	watching.Wait()
}

// left is how many requests no connection has taken.
func (s *sender) left() int64 {
	if s.closed {
		return 0
	}
	return max(0, s.schedule.Total()-s.next.Load())
}

// waiting is how many requests are due so long after the start, and not taken.
func (s *sender) waiting(elapsed time.Duration) int64 {
	if s.closed {
		return 0
	}
	return max(0, s.schedule.By(elapsed)-s.next.Load())
}

// due is when request n is to be sent.
func (s *sender) due(n int64, now time.Time) (time.Time, bool) {
	if s.closed {
		return latest(now, s.start), now.Before(s.start.Add(s.schedule.Length()))
	}
	at, ok := s.schedule.Due(n)
	return s.start.Add(at), ok
}

// worker is one connection of a sender.
type worker struct {
	*sender
	id      int
	link    *link
	request []byte
	verdict verdict
	ledger  []acked // not handed over yet
}

// handful is how many acknowledgements are handed over at once.
const handful = 256

// again is how long a connection of a closed loop rests after it could not be
// made.
const again = 100 * time.Millisecond

func (w *worker) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	defer func() { w.acked(w.ledger) }()
	for ctx.Err() == nil {
		free := time.Now()
		n := w.next.Add(1) - 1
		due, ok := w.due(n, free)
		if !ok {
			return
		}
		w.request = w.calls.compose(w.request[:0], n, due)
		// A connection that rests too long is made anew before its time comes.
		err := w.link.ready(ctx, latest(due, free))
		if !wait(ctx, timer, time.Until(due)) {
			w.next.Add(-1) // it stays unsent
			return
		}
		w.send(n, due, free, err)
		if err != nil && w.closed && !wait(ctx, timer, again) {
			return
		}
	}
}

// send sends request n and records what became of it. err is why there is no
// connection.
func (w *worker) send(n int64, due, free time.Time, err error) {
	w.meter.sent.Add(w.batch)
	w.meter.requests.Add(1)
	w.verdict.reset()
	sent := time.Now()
	if w.closed {
		due = sent
	}
	if err != nil {
		w.calls.failed(&w.verdict, n, true)
		w.verdict.kind = kind(err)
		w.settle(due, free, sent, time.Time{})
		return
	}
	a, err := w.link.exchange(w.request, sent)
	answered := time.Now()
	if err != nil {
		w.calls.failed(&w.verdict, n, false)
		w.verdict.kind, answered = kind(err), time.Time{}
	} else {
		w.calls.judge(&w.verdict, n, a)
	}
	w.settle(due, free, sent, answered)
}

func (w *worker) settle(due, free, sent, answered time.Time) {
	w.meter.record(w.id, due, free, sent, answered, &w.verdict)
	if len(w.verdict.doubts) > 0 {
		w.doubts(w.verdict.doubts)
	}
	for _, a := range w.verdict.acked {
		a.due = due.UnixMicro()
		w.ledger = append(w.ledger, a)
	}
	if len(w.ledger) >= handful {
		w.acked(w.ledger)
		w.ledger = w.ledger[:0]
	}
}
