package fanout

import (
	"errors"
	"slices"
	"sync"
	"time"
)

const (
	tick     = 100 * time.Millisecond
	sweep    = 10 // ticks in which every connection is looked at once
	farewell = 32 // connections that a shard lets go in a tick at least when it drains
)

// Why streams end.
var (
	errLeft    = errors.New("it left")
	errStalled = errors.New("it did not read")
	errTalks   = errors.New("it sends what nobody asked for")
	errDrained = errors.New("the server is stopping")
)

// shard serves a share of the connections. One goroutine writes to all of them,
// and waits for none: what a client does not take at once is tried again with the
// next tick, and one that takes nothing for long is cut off. The ticks also find
// who has left, keep silent streams alive, and let all go when the server drains;
// each looks at some of the connections, so that this is spread over time.
//
// The goroutine is there while there are connections, and ends with the last one.
type shard struct {
	server *Server
	news   chan struct{} // of one: something has to be told

	// Locked by the exported methods and by pass, for those that they call.
	mu      sync.Mutex
	conns   []*conn
	slow    bool          // somebody may wait
	seen    int           // the sweep goes down from here
	leave   *leaving      // nil: the server stays
	ended   chan struct{} // closed when the goroutine has ended; nil while there is none
	hangups hangups
	counts  tally
}

// leaving is how a shard drains.
type leaving struct {
	batch int           // connections to let go in a tick
	until time.Duration // when those that cannot be told anything are cut off
}

func newShard(s *Server) *shard { return &shard{server: s, news: make(chan struct{}, 1)} }

// Tell has everyone told what is new.
func (sh *shard) Tell() {
	select {
	case sh.news <- struct{}{}:
	default: // it has yet to look
	}
}

// Add takes a connection, and tells its client what there is to tell after head.
func (sh *shard) Add(c *conn, head []byte) {
	sh.mu.Lock()
	defer sh.unlock()
	c.place = len(sh.conns)
	sh.conns = append(sh.conns, c)
	if sh.ended == nil {
		sh.ended = make(chan struct{})
		go sh.run(sh.ended)
	}
	if err := sh.hangups.add(c); err != nil {
		sh.drop(c, err)
		return
	}
	hello := append(head, c.form(sh.server.retry)...)
	if sh.server.isFilled() {
		c.begin()
		if len(c.owed) > 0 {
			hello, c.owed = append(hello, c.form(c.owed[0])...), c.owed[1:] // one write less
		}
	}
	sh.settle(c, c.give(hello, sh.server.now(), &sh.counts))
}

// Written goes on with a connection when its relay has written a frame.
func (sh *shard) Written(c *conn, l *relay) {
	sh.mu.Lock()
	defer sh.unlock()
	l.written = true
	if c.place != notListed {
		sh.settle(c, c.advance(sh.server.now(), &sh.counts))
	}
}

// Leave takes off a connection whose client has left.
func (sh *shard) Leave(c *conn) {
	sh.mu.Lock()
	defer sh.unlock()
	if c.place != notListed {
		sh.drop(c, errLeft)
	}
}

// Drain begins to let all connections go. What it returns is closed when the last
// one has left.
func (sh *shard) Drain(spread time.Duration) <-chan struct{} {
	sh.mu.Lock()
	defer sh.unlock()
	if sh.leave == nil {
		share := int(int64(len(sh.conns))*int64(tick)/int64(spread)) + 1
		sh.leave = &leaving{batch: max(share, farewell), until: sh.server.now() + spread + time.Second}
	}
	if sh.ended == nil {
		done := make(chan struct{})
		close(done)
		return done
	}
	sh.Tell()
	return sh.ended
}

func (sh *shard) unlock() {
	sh.server.metrics.count(&sh.counts)
	sh.mu.Unlock()
}

func (sh *shard) run(ended chan struct{}) {
	defer close(ended)
	t := time.NewTicker(tick)
	defer t.Stop()
	for more := true; more; {
		select {
		case <-sh.news:
			more = sh.pass(sh.deliver)
		case <-t.C:
			more = sh.pass(sh.look)
		}
	}
}

// pass does one thing to the connections, and reports whether any are left.
func (sh *shard) pass(what func(now time.Duration)) (more bool) {
	sh.mu.Lock()
	defer sh.unlock()
	what(sh.server.now())
	if sh.leave != nil {
		sh.release(sh.server.now())
	}
	if len(sh.conns) == 0 {
		sh.hangups.close()
		sh.ended = nil
		return false
	}
	return true
}

// deliver tells everyone what is new, except those who have yet to take what they
// were told before.
func (sh *shard) deliver(now time.Duration) {
	filled, came := sh.server.isFilled(), time.Time{}
	for _, c := range slices.Backward(sh.conns) { // the last one takes the place of one that is dropped
		if !c.begun && filled {
			c.begin() // from here on, though it may not take any of it yet
		}
		if c.waits() {
			continue
		}
		if n := c.feed.news.Load(); n.sent > c.told && c.begun {
			came = n.came
		}
		sh.settle(c, c.advance(now, &sh.counts))
	}
	if !came.IsZero() {
		sh.server.metrics.delivery.Observe(time.Since(came).Seconds())
	}
}

// look is what a tick does.
func (sh *shard) look(now time.Duration) {
	if sh.slow {
		sh.urge(now)
	}
	some := sh.some()
	for c, why := range sh.hangups.among(some) {
		sh.drop(c, why)
	}
	for _, c := range slices.Backward(some) {
		if c != nil && !c.waits() && now+sweep*tick-c.wrote >= sh.server.cfg.KeepAlive { // nil: it was dropped
			sh.settle(c, c.give(c.form(sh.server.comment), now, &sh.counts))
		}
	}
}

// some are the connections whose turn it is.
func (sh *shard) some() []*conn {
	if sh.seen == 0 || sh.seen > len(sh.conns) {
		sh.seen = len(sh.conns)
	}
	to := sh.seen
	sh.seen = max(0, to-(len(sh.conns)+sweep-1)/sweep)
	return sh.conns[sh.seen:to]
}

// urge tries those again who have something to take, and cuts off who has taken
// nothing for too long.
func (sh *shard) urge(now time.Duration) {
	sh.slow = false
	for _, c := range slices.Backward(sh.conns) {
		if !c.waits() {
			continue
		}
		err := c.advance(now, &sh.counts)
		if err == nil && c.waits() && now-c.since >= sh.server.cfg.StallTimeout {
			err = errStalled
		}
		sh.settle(c, err)
	}
}

// release lets some connections go, each with a time of its own to come back.
func (sh *shard) release(now time.Duration) {
	left := sh.leave.batch
	for _, c := range slices.Backward(sh.conns) {
		switch {
		case left == 0:
			return
		case !c.waits():
			// What it does not take of this is not worth waiting for.
			_, _ = c.line.write(c.farewell(sh.server.later()))
		case now < sh.leave.until:
			continue // in the middle of a frame
		}
		sh.drop(c, errDrained)
		left--
	}
}

// settle draws the consequences of an attempt to write.
func (sh *shard) settle(c *conn, err error) {
	if err != nil {
		sh.drop(c, err)
	} else if c.waits() {
		sh.slow = true
	}
}

// drop ends a stream and takes its connection off.
func (sh *shard) drop(c *conn, why error) {
	last := sh.conns[len(sh.conns)-1]
	sh.conns[c.place], last.place = last, c.place
	sh.conns[len(sh.conns)-1] = nil
	sh.conns = sh.conns[:len(sh.conns)-1]
	c.place = notListed
	sh.hangups.remove(c)
	if errors.Is(why, errStalled) {
		sh.server.metrics.stalled.Inc()
	}
	sh.server.left(c, why)
	c.line.close(c.waits() || !errors.Is(why, errDrained))
	if len(sh.conns) == 0 {
		sh.Tell() // and end
	}
}
