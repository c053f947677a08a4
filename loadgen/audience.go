package loadgen

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emostream/emostream/loadgen/report"
)

// audience holds the listeners of a run. They behave as clients do: they register. When
// their connection breaks, they come back with Last-Event-ID, after at least the wait
// that the server asked for, prolonged at random. When their server does not take them
// back, they register again.
//
// Beside those, which are attentive, there may be listeners of other manners (manner.go).
//
// A few connectors register and connect the listeners, since connecting needs more
// memory than listening. A listener is at most once in their queue, and the queue has
// room for all listeners, so that putting one in does not block.
type audience struct {
	source     streamSource
	eventCache *eventCache
	sink       eventSink
	timeout    time.Duration
	silence    time.Duration     // how long a stream may send nothing, not even a comment
	lastSent   func() time.Time  // when the last request was sent
	onFailure  func(kind string) // called with the kind of error of each connection that failed
	onDeparted func(l *listener) // called with each listener that has left
	pace       int               // bytes a second that a slow listener reads

	queue   chan *listener
	running sync.WaitGroup // connectors and listeners
	buffers sync.Pool      // of *[]byte

	connected, maxConnected              atomic.Int64
	events, bytes                        atomic.Int64
	reconnects, resumes, refused, joined atomic.Int64
	left                                 atomic.Int64
	gaps, behind                         atomic.Int64 // of listeners that left

	mu         sync.Mutex // guards the fields below and the conn of each listener
	listeners  map[*listener]bool
	numbered   int64                     // listeners so far
	timers     map[*listener]*time.Timer // of listeners that wait before they connect again
	turns      [manners]int              // how many listeners of each manner have joined
	attended   []attendance              // of each part of the source
	borne      [manners]report.Borne
	settled    bool // settle was called
	rng        *rand.Rand
	connect    *report.Histogram
	firstEvent *report.Histogram

	lastFailure error // why a listener could not connect, of the last that could not; nil: none yet

	dawdling sync.WaitGroup // listeners that are not attentive and have a connection
	settling chan struct{}  // closed by settle
}

// attendance says how many attentive listeners one part of the source has.
type attendance struct{ connected, most int }

// Limits of an audience.
const (
	connectorCount = 32
	maxBackoff     = 30 * time.Second
	defaultRetry   = time.Second
	queueSize      = 1 << 17 // more than the listeners that Config allows
)

func newAudience(s streamSource, cache *eventCache, sink eventSink, seed uint64) *audience {
	return &audience{
		source: s, eventCache: cache, sink: sink, timeout: 10 * time.Second, silence: 30 * time.Second, lastSent: time.Now,
		onFailure: func(string) {}, onDeparted: func(*listener) {},
		queue:     make(chan *listener, queueSize),
		buffers:   sync.Pool{New: func() any { b := make([]byte, 0, readBufferSize); return &b }},
		listeners: map[*listener]bool{}, timers: map[*listener]*time.Timer{},
		attended: make([]attendance, s.parts()), settling: make(chan struct{}),
		rng:     rand.New(rand.NewPCG(seed, seed)),
		connect: report.NewHistogram(), firstEvent: report.NewHistogram(),
	}
}

// run connects listeners until ctx ends. Then it closes all connections, waits for its
// goroutines, and unregisters the listeners.
func (a *audience) run(ctx context.Context) {
	for range connectorCount {
		a.running.Go(func() { a.connectQueued(ctx) })
	}
	<-ctx.Done()
	a.mu.Lock()
	for _, t := range a.timers {
		t.Stop()
	}
	rest := make([]*listener, 0, len(a.listeners))
	for l := range a.listeners {
		l.leaving.Store(true)
		if l.conn != nil {
			_ = l.conn.Close()
		}
		rest = append(rest, l)
	}
	a.mu.Unlock()
	a.running.Wait()
	a.unregisterAll(context.WithoutCancel(ctx), rest)
}

// join adds n listeners, which are spread over the parts of the source in turn.
func (a *audience) join(n int, m manner) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for range n {
		a.joinPart(a.turns[m]%a.source.parts(), m)
		a.turns[m]++
	}
}

// joinPart adds a listener to a part of the source. The caller holds a.mu.
func (a *audience) joinPart(part int, m manner) {
	l := &listener{number: a.numbered, retry: defaultRetry, manner: m}
	a.numbered++
	l.view.part = part
	a.listeners[l] = true
	a.queue <- l
}

// attend counts a listener that has connected (by is 1) or whose connection has ended (by
// is -1). The caller holds a.mu.
func (a *audience) attend(l *listener, by int) {
	p := &a.attended[l.view.part]
	p.connected += by
	p.most = max(p.most, p.connected)
	a.maxConnected.Store(max(a.maxConnected.Load(), a.connected.Add(int64(by))))
}

// attendedParts returns the parts of the source that any listener was ever connected to.
func (a *audience) attendedParts() []int {
	a.mu.Lock()
	defer a.mu.Unlock()
	var all []int
	for i, p := range a.attended {
		if p.most > 0 {
			all = append(all, i)
		}
	}
	return all
}

// whyNotConnected returns why listeners are not connected.
func (a *audience) whyNotConnected() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lastFailure == nil {
		return errors.New("the stream does not answer")
	}
	return a.lastFailure
}

func (a *audience) recordLatency(h *report.Histogram, d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	h.Record(d)
}

// addMissing adds what a listener that left was not shown: gaps, and windows in which
// it was behind.
func (a *audience) addMissing(gaps, behind int64) {
	a.gaps.Add(gaps)
	a.behind.Add(behind)
}

// all returns the listeners that have not left. Their views have locks of their own, so
// they may be read while the listeners listen.
func (a *audience) all() []*listener {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([]*listener, 0, len(a.listeners))
	for l := range a.listeners {
		out = append(out, l)
	}
	return out
}

// hasAll returns whether every attentive listener was shown all that any listener was
// shown while it was connected.
func (a *audience) hasAll(m *shownMarkers) bool {
	shown := m.shown()
	for _, l := range a.all() {
		if l.manner != attentive || m.shownTo(&l.view) >= shown { // the latter is quickly told, and usual
			continue
		}
		if m.missing(&l.view, math.MaxInt64/1000) > 0 {
			return false
		}
	}
	return true
}

// upToDate returns whether every attentive listener was shown the greatest total of
// each window that ended while it was connected.
func (a *audience) upToDate(s *shownSwarms) bool {
	greatest := s.greatest()
	for _, l := range a.all() {
		if gaps, behind := s.missing(&l.view, greatest, 1<<62); l.manner == attentive && gaps+behind > 0 {
			return false
		}
	}
	return true
}
