package httpserve

import (
	"container/list"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emostream/emostream/internal/quota"
)

// idleBeforeClosed is how long a connection must have been idle before it makes way for
// another one. Requests that wait for a busy processor are not closed so.
const idleBeforeClosed = time.Second

// ConnectionLimits say how many connections a server takes.
type ConnectionLimits struct {
	Max int // for all addresses together
	// MaxPerAddress is for one address, as [Shares] tells them apart; 0: as many as Max.
	// Trusted proxies are not bounded by it, since their connections are those of many.
	MaxPerAddress int
	// MinPerSecond is how many connections one address may open in a second at least; see
	// secondsOfShare.
	MinPerSecond int
	Proxies      Proxies
	Origins      Origins // whose pages may read that there is no room
}

// An address that has its own limit may open that many connections at once, and a fifth
// of that many in each second. Those that it opens faster wait for their turn, and count
// as open meanwhile. So an address that opens connections only to end them keeps the
// server no busier than that, and each of its connections waits for 5 s at most.
const secondsOfShare = 5

// paceKeys is how many addresses are told apart by how fast they open connections.
// Package quota says what happens if there are more.
const paceKeys = 1 << 14

// Connections is a net.Listener that limits how many connections a server has open at
// the same time, in all and for each address. When it is full, the connection that has
// been idle for longest, and for at least a second, makes way for a new one. Idle is one
// on which no request is being answered, also if a header is on its way.
//
// A connection over the limit is accepted too, and answered with 503 and Retry-After. In
// the system's queue its client would wait until its own timeout, and no load balancer
// would learn that this server is full. A page's preflight is allowed, so that the page
// may read the 503 to the request that follows.
//
// The answer is sent once the request's header has arrived, or as much of it as fits into
// 4 KiB or comes within a quarter of a second, and the connection is closed once the
// client had time to read the answer: a connection that is closed with unread bytes
// is reset, and its answer lost. Such a refusal takes a goroutine and 4 KiB for up to a
// second. So at most 64 run at the same time, and 64 more for addresses that are over
// their share; further connections over a limit are closed without an answer. A
// connection over the share of its address is answered or closed half a second later.
//
// A connection of an address that opens them too fast waits until it is served: see
// secondsOfShare. Meanwhile it takes a timer and no goroutine, and makes way as an idle one
// does.
//
// It must be served by [Serve], or by an [http.Server] that calls ConnState. A
// connection that a handler has hijacked counts no more: the handler bounds those.
type Connections struct {
	net.Listener
	limits   ConnectionLimits
	shares   *Shares        // of single addresses; nil: not bounded
	pace     *quota.Limiter // how fast single addresses open connections; nil: at any pace
	refused  atomic.Int64
	closed   atomic.Int64
	delayed  atomic.Int64
	refusing chan struct{}
	// refusingShare holds one for each that is answered because its address has its share.
	refusingShare chan struct{}

	delayedRefusals atomic.Int64

	begin sync.Once
	ready chan net.Conn // those that Accept returns
	fails chan error    // of the net.Listener inside
	end   sync.Once
	ended chan struct{} // closed by Close

	mu      sync.Mutex
	leaving map[net.Conn]*time.Timer // refused ones, until they are closed
	open    map[net.Conn]*connection
	idle    *list.List // of *connection, those that have been idle for longest first
}

// connection is an open connection.
type connection struct {
	net.Conn
	from  netip.Addr    // zero: not bounded by itself
	place *list.Element // in the list of idle ones; nil: a request is being answered
	since time.Time     // when it became idle
	turn  *time.Timer   // until it is served; nil: it does not wait
}

// LimitConnections returns a net.Listener that accepts connections of ln within limits.
func LimitConnections(ln net.Listener, limits ConnectionLimits) *Connections {
	l := &Connections{
		Listener: ln, limits: limits, refusing: make(chan struct{}, maxRefusing), refusingShare: make(chan struct{}, maxRefusing), open: map[net.Conn]*connection{}, leaving: map[net.Conn]*time.Timer{}, idle: list.New(),
		ready: make(chan net.Conn), fails: make(chan error), ended: make(chan struct{}),
	}
	if n := limits.MaxPerAddress; n > 0 && n < limits.Max {
		l.shares = NewShares(int64(n))
		l.pace = quota.New(quota.Rate{PerSecond: max(float64(n)/secondsOfShare, float64(limits.MinPerSecond)), Burst: n}, paceKeys)
	}
	return l
}

// Open returns how many connections are open now, without those that are being refused.
func (l *Connections) Open() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}

// Refused returns how many connections were over a limit so far.
func (l *Connections) Refused() int64 { return l.refused.Load() }

// ClosedIdle returns how many idle connections were closed so far to make way for
// others.
func (l *Connections) ClosedIdle() int64 { return l.closed.Load() }

// Delayed returns how many connections had to wait for their turn so far.
func (l *Connections) Delayed() int64 { return l.delayed.Load() }

// DelayedRefusals returns how many refusals of requests on these connections were held
// back so far.
func (l *Connections) DelayedRefusals() int64 { return l.delayedRefusals.Load() }

// Accept returns the next connection within the limits, when it is its turn.
func (l *Connections) Accept() (net.Conn, error) {
	l.begin.Do(func() { go l.acceptAll() })
	select {
	case c := <-l.ready:
		return c, nil
	case err := <-l.fails:
		return nil, err
	case <-l.ended:
		return nil, net.ErrClosed
	}
}

// Close closes the net.Listener, and the connections that wait to be served or closed.
func (l *Connections) Close() error {
	l.end.Do(func() { close(l.ended) })
	err := l.Listener.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	for c, timer := range l.leaving {
		timer.Stop()
		delete(l.leaving, c)
		closeAtOnce(c)
	}
	for c, of := range l.open {
		if of.turn != nil {
			l.remove(c)
			closeAtOnce(c)
		}
	}
	return err
}

// closeOpen closes all open connections at once.
func (l *Connections) closeOpen() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		closeAtOnce(c)
	}
}

// serve hands a connection to Accept.
func (l *Connections) serve(c net.Conn) {
	select {
	case l.ready <- c:
	case <-l.ended:
		l.mu.Lock()
		defer l.mu.Unlock()
		l.remove(c)
		closeAtOnce(c)
	}
}

// serveDelayed is serve for a connection that has waited for its turn. One that has made
// way for another one meanwhile is not served.
func (l *Connections) serveDelayed(c net.Conn) {
	l.mu.Lock()
	of := l.open[c]
	if of != nil {
		of.turn = nil
		l.becomeIdle(of) // only now it can be used
	}
	l.mu.Unlock()
	if of != nil {
		l.serve(c)
	}
}

// acceptAll accepts connections until Close, and hands those within the limits to Accept.
func (l *Connections) acceptAll() {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			select {
			case l.fails <- err: // waits until Accept is called again
				continue
			case <-l.ended:
				return
			}
		}
		idle, verdict := l.admit(c)
		if idle != nil {
			l.closed.Add(1)
			closeAtOnce(idle)
		}
		switch verdict {
		case atOnce:
			l.serve(c)
		case inTurn:
		case full, overShare:
			l.refused.Add(1)
			l.refuse(c, verdict)
		}
	}
}

// verdict says what becomes of a connection.
type verdict int

const (
	atOnce    verdict = iota // it is served
	inTurn                   // it is served when it is its turn
	full                     // there is no place for it
	overShare                // its address has its share of the places
)

// admit counts c as open, if there is room for it. If it returns an idle connection, that
// one has made way, and the caller must close it.
func (l *Connections) admit(c net.Conn) (idle net.Conn, what verdict) {
	from := l.bounded(c)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shares != nil && !l.shares.Take(from, 1) {
		return nil, overShare
	}
	if len(l.open) >= l.limits.Max {
		if idle = l.longestIdle(); idle == nil {
			if l.shares != nil {
				l.shares.Give(from, 1)
			}
			return nil, full
		}
		l.remove(idle)
	}
	of := &connection{Conn: c, from: from}
	l.open[c] = of
	l.becomeIdle(of)
	wait := l.takeTurn(from)
	if wait == 0 {
		return idle, atOnce
	}
	l.delayed.Add(1)
	of.turn = time.AfterFunc(wait, func() { l.serveDelayed(c) })
	return idle, inTurn
}

// takeTurn counts a connection that an address opens, and returns how long it must wait
// for its turn.
func (l *Connections) takeTurn(from netip.Addr) time.Duration {
	if l.pace == nil || !Bounded(from) {
		return 0
	}
	key, now := l.pace.AddressKey(ClientNetwork(from)), time.Now()
	wait := l.pace.Delay(key, now)
	l.pace.Charge(key, 1, now)
	return wait
}

// bounded returns the address of a connection, or the zero address if it may open as
// many as it likes.
func (l *Connections) bounded(c net.Conn) netip.Addr {
	from, ok := parsePeer(c.RemoteAddr().String())
	if !ok || l.limits.Proxies.contains(from) {
		return netip.Addr{}
	}
	return from
}

// longestIdle returns the connection that has been idle for longest, or nil if none has
// been for a second. The caller holds l.mu.
func (l *Connections) longestIdle() net.Conn {
	first := l.idle.Front()
	if first == nil {
		return nil
	}
	c, _ := first.Value.(*connection)
	if time.Since(c.since) < idleBeforeClosed {
		return nil
	}
	return c.Conn
}

func (l *Connections) becomeIdle(c *connection) {
	l.becomeActive(c)
	c.place, c.since = l.idle.PushBack(c), time.Now()
}

func (l *Connections) becomeActive(c *connection) {
	if c.place != nil {
		l.idle.Remove(c.place)
		c.place = nil
	}
}

// remove counts a connection no more. The caller holds l.mu.
func (l *Connections) remove(conn net.Conn) {
	c := l.open[conn]
	if c == nil {
		return // it has made way for another one
	}
	l.becomeActive(c)
	if c.turn != nil {
		c.turn.Stop()
	}
	delete(l.open, conn)
	if l.shares != nil {
		l.shares.Give(c.from, 1)
	}
}

// ConnState is for [http.Server]: it follows the states of connections.
func (l *Connections) ConnState(conn net.Conn, state http.ConnState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.open[conn]
	switch {
	case c == nil:
	case state == http.StateActive:
		l.becomeActive(c)
	case state == http.StateIdle:
		l.becomeIdle(c)
	case state == http.StateClosed || state == http.StateHijacked:
		l.remove(conn)
	}
}
