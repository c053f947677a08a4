package httpserve

import (
	"net"
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

// Connections is a net.Listener that limits how many connections are open at the same
// time. A connection over the limit is accepted too, and answered with 503 and
// Retry-After. In the system's queue its client would wait until its own timeout, and
// no load balancer would learn that this server is full.
//
// The answer is sent once the request has begun to arrive, and the connection is closed
// once the client had time to read the answer: a connection that is closed with unread
// bytes is reset, and its answer lost. Such a refusal takes a goroutine and 4 KiB for
// up to a second. So at most 64 run at the same time; further connections over the
// limit are closed without an answer.
type Connections struct {
	net.Listener
	limit    int64
	open     atomic.Int64
	refused  atomic.Int64
	refusing chan struct{}
}

// LimitConnections returns a net.Listener that accepts at most limit connections of ln
// at the same time.
func LimitConnections(ln net.Listener, limit int) *Connections {
	return &Connections{Listener: ln, limit: int64(limit), refusing: make(chan struct{}, maxRefusing)}
}

// Open returns how many connections are open now, without those that are being refused.
func (l *Connections) Open() int64 { return l.open.Load() }

// Refused returns how many connections were over the limit so far.
func (l *Connections) Refused() int64 { return l.refused.Load() }

// Accept returns the next connection within the limit.
func (l *Connections) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) <= l.limit {
			return &countedConn{Conn: c, open: &l.open}, nil
		}
		l.open.Add(-1)
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

// countedConn is a connection that counts as open until it is closed.
type countedConn struct {
	net.Conn
	open   *atomic.Int64
	closed atomic.Bool
}

func (c *countedConn) Close() error {
	if !c.closed.Swap(true) {
		c.open.Add(-1)
	}
	return c.Conn.Close()
}
