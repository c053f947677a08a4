package httpserve

import (
	"container/list"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// tooManyConnections is the answer on a connection over the limit.
const tooManyConnections = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 120\r\nRetry-After: 1\r\nConnection: close\r\n\r\n" +
	`{"error":"this server has as many connections as it takes: try again after a second, or elsewhere","code":"overloaded"}` + "\n"

const (
	maxRefusing       = 64          // connections that are refused with an answer at the same time
	refuseTimeout     = time.Second // for a whole refusal
	maxRefusedRead    = 64 << 10    // bytes of a refused request that are read
	refusedReadBuffer = 4 << 10     // bytes
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
	Proxies       Proxies
}

// Connections is a net.Listener that limits how many connections a server has open at
// the same time, in all and for each address. When it is full, the connection that has
// been idle for longest, and for at least a second, makes way for a new one. Idle is one
// on which no request is being answered, also if a header is on its way.
//
// A connection over the limit is accepted too, and answered with 503 and Retry-After. In
// the system's queue its client would wait until its own timeout, and no load balancer
// would learn that this server is full.
//
// The answer is sent once the request has begun to arrive, and the connection is closed
// once the client had time to read the answer: a connection that is closed with unread
// bytes is reset, and its answer lost. Such a refusal takes a goroutine and 4 KiB for
// up to a second. So at most 64 run at the same time; further connections over the
// limit are closed without an answer.
//
// It must be served by [Serve], or by an [http.Server] that calls ConnState. A
// connection that a handler has hijacked counts no more: the handler bounds those.
type Connections struct {
	net.Listener
	limits   ConnectionLimits
	shares   *Shares // of single addresses; nil: not bounded
	refused  atomic.Int64
	closed   atomic.Int64
	refusing chan struct{}

	mu   sync.Mutex
	open map[net.Conn]*connection
	idle *list.List // of *connection, those that have been idle for longest first
}

// connection is an open connection.
type connection struct {
	net.Conn
	from  netip.Addr    // zero: not bounded by itself
	place *list.Element // in the list of idle ones; nil: a request is being answered
	since time.Time     // when it became idle
}

// LimitConnections returns a net.Listener that accepts connections of ln within limits.
func LimitConnections(ln net.Listener, limits ConnectionLimits) *Connections {
	l := &Connections{Listener: ln, limits: limits, refusing: make(chan struct{}, maxRefusing), open: map[net.Conn]*connection{}, idle: list.New()}
	if limits.MaxPerAddress > 0 && limits.MaxPerAddress < limits.Max {
		l.shares = NewShares(int64(limits.MaxPerAddress))
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

// Accept returns the next connection within the limits.
func (l *Connections) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		idle, ok := l.admit(c)
		if idle != nil {
			l.closed.Add(1)
			_ = idle.Close()
		}
		if ok {
			return c, nil
		}
		l.refused.Add(1)
		select {
		case l.refusing <- struct{}{}:
			go func() {
				refuse(c)
				<-l.refusing
			}()
		default:
			_ = c.Close()
		}
	}
}

// admit counts c as open, if there is room for it. If it returns an idle connection,
// that one has made way, and the caller must close it.
func (l *Connections) admit(c net.Conn) (idle net.Conn, ok bool) {
	from := l.bounded(c)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.shares != nil && !l.shares.Take(from, 1) {
		return nil, false
	}
	if len(l.open) >= l.limits.Max {
		if idle = l.longestIdle(); idle == nil {
			if l.shares != nil {
				l.shares.Give(from, 1)
			}
			return nil, false
		}
		l.remove(idle)
	}
	l.open[c] = &connection{Conn: c, from: from}
	l.becomeIdle(l.open[c])
	return idle, true
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

// refuse answers on a connection over the limit, and closes it.
func refuse(c net.Conn) {
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(refuseTimeout))
	b := make([]byte, refusedReadBuffer)
	if _, err := c.Read(b); err != nil {
		return // the client has sent no request
	}
	if _, err := c.Write([]byte(tooManyConnections)); err != nil {
		return
	}
	if half, ok := c.(interface{ CloseWrite() error }); ok && half.CloseWrite() != nil {
		return
	}
	for read := 0; read < maxRefusedRead; {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		read += n
	}
}
