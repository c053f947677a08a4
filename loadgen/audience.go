package loadgen

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/loadgen/report"
)

// audience is the listeners of a run. They behave as clients do: they register,
// come back with Last-Event-ID when their connection breaks, no sooner than the
// server asked for and with some jitter, and register again when their server does
// not take them back.
//
// A few connectors do the work that needs room: registering and the handshake.
// Their queue holds every listener at most once, so that putting one in never
// blocks.
type audience struct {
	streams streams
	frames  *frames
	reading reading
	timeout time.Duration
	fault   func(kind string) // is told of each connection that failed

	queue   chan *listener
	running sync.WaitGroup // connectors and listeners
	scratch sync.Pool

	connected, most                      atomic.Int64
	events, bytes                        atomic.Int64
	reconnects, resumes, refused, joined atomic.Int64
	left                                 atomic.Int64
	gaps, behind                         atomic.Int64 // of those that left
	departed                             func(l *listener)

	mu         sync.Mutex // of what follows
	listeners  map[*listener]bool
	timers     map[*listener]*time.Timer
	rng        *rand.Rand
	numbers    int
	connect    *report.Histogram
	firstEvent *report.Histogram
}

// Limits of an audience.
const (
	connectors   = 32
	mostBackoff  = 30 * time.Second
	defaultRetry = time.Second
)

// room is how many listeners the queue holds, more than there can be.
const room = 1 << 17

func newAudience(s streams, f *frames, r reading, seed uint64) *audience {
	return &audience{
		streams: s, frames: f, reading: r, timeout: 10 * time.Second,
		fault: func(string) {}, departed: func(*listener) {},
		queue:     make(chan *listener, room),
		scratch:   sync.Pool{New: func() any { b := make([]byte, 0, scratchSize); return &b }},
		listeners: map[*listener]bool{}, timers: map[*listener]*time.Timer{},
		rng:     rand.New(rand.NewPCG(seed, seed)),
		connect: report.NewHistogram(), firstEvent: report.NewHistogram(),
	}
}

// run connects listeners until ctx ends, then ends all connections, says goodbye
// for the registered and waits for everything.
func (a *audience) run(ctx context.Context) {
	for range connectors {
		a.running.Go(func() { a.work(ctx) })
	}
	<-ctx.Done()
	a.mu.Lock()
	for _, t := range a.timers {
		t.Stop()
	}
	everybody := make([]*listener, 0, len(a.listeners))
	for l := range a.listeners {
		l.leaving.Store(true)
		if l.conn != nil {
			_ = l.conn.Close()
		}
		everybody = append(everybody, l)
	}
	a.mu.Unlock()
	a.running.Wait()
	a.goodbye(context.WithoutCancel(ctx), everybody)
}

// join adds n listeners.
func (a *audience) join(n int, mute bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for range n {
		l := &listener{number: a.numbers, retry: defaultRetry, mute: mute}
		a.numbers++
		a.listeners[l] = true
		a.queue <- l
	}
}

// work is one connector.
func (a *audience) work(ctx context.Context) {
	s := a.streams.session()
	defer s.close()
	for {
		select {
		case <-ctx.Done():
			return
		case l := <-a.queue:
			err := a.attach(ctx, s, l)
			switch {
			case err != nil && ctx.Err() != nil:
				return
			case err != nil:
				a.refuse(ctx, l, err)
			case l.mute:
			default:
				a.running.Go(func() { a.attend(ctx, l) })
			}
		}
	}
}

// attach connects a listener: to the server that it had, and if that does not take
// it back, or there is none, to one that it registers for.
func (a *audience) attach(ctx context.Context, s session, l *listener) error {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	if l.lastID != "" {
		a.resumes.Add(1)
	}
	var before stream
	if l.stream != nil {
		before = *l.stream
	}
	connect := func(to stream) (taken bool, err error) {
		err = a.connectTo(ctx, l, &to)
		return err == nil, err
	}
	return sse.Reconnect(before, connect, func() (stream, error) { return s.find(ctx, l.failed) })
}

// connectTo connects a listener to a stream, which is its own unless it fails.
func (a *audience) connectTo(ctx context.Context, l *listener, to *stream) error {
	l.stream, l.failed = nil, to.server
	asked := time.Now()
	conn, err := to.to.dial(ctx)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	live, err := l.open(conn, to, asked.Add(a.timeout))
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	a.record(a.connect, live.Sub(asked))
	l.stream, l.asked, l.refusals = to, asked, 0
	l.view.connected(live)
	a.mu.Lock()
	defer a.mu.Unlock()
	l.conn = conn
	if l.leaving.Load() { // or the run ends
		_ = conn.Close()
	}
	if !l.mute {
		a.most.Store(max(a.most.Load(), a.connected.Add(1)))
	}
	return nil
}

func (a *audience) record(h *report.Histogram, d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	h.Record(d)
}

// attend listens until the connection ends, and lets the listener come back.
func (a *audience) attend(ctx context.Context, l *listener) {
	err := l.listen(a)
	a.connected.Add(-1)
	a.mu.Lock()
	_ = l.conn.Close()
	l.conn = nil
	a.mu.Unlock()
	l.chunks, l.rest = chunked{}, nil
	if ctx.Err() != nil {
		return
	}
	if l.leaving.Load() {
		a.depart(ctx, l)
		return
	}
	a.fault("stream " + kind(err))
	a.reconnects.Add(1)
	a.back(l, err)
}

// missed adds to what those that left were not shown.
func (a *audience) missed(gaps, behind int64) {
	a.gaps.Add(gaps)
	a.behind.Add(behind)
}

// everybody is all listeners that have not left. What they were shown may be read
// while they listen: each is locked by its view.
func (a *audience) everybody() []*listener {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([]*listener, 0, len(a.listeners))
	for l := range a.listeners {
		out = append(out, l)
	}
	return out
}

// uptodate says whether every listener was shown the best of each window that
// ended while it was there.
func (a *audience) uptodate(s *swarms) bool {
	best := s.best()
	for _, l := range a.everybody() {
		if gaps, behind := s.lacks(&l.view, best, 1<<62); !l.mute && gaps+behind > 0 {
			return false
		}
	}
	return true
}
