package httpserve

import (
	"net"
	"sync/atomic"
	"time"
)

// full is the answer to a connection for which there is no place.
const full = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: 120\r\nRetry-After: 1\r\nConnection: close\r\n\r\n" +
	`{"error":"this server has as many connections as it takes: try again after a second, or elsewhere","code":"overloaded"}` + "\n"

const (
	refusing   = 64          // connections that are being told so
	refuseTime = time.Second // that one of them may take
	refuseRead = 64 << 10    // bytes of its request that are read
	readSize   = 4 << 10     // of them at once
)

// Connections is a listener with a bound on the connections that are open at
// once. One beyond it is accepted all the same and answered with 503 and
// Retry-After: left in the system's queue, its client would wait until it gives
// up, and no load balancer would learn that this server is full.
//
// The answer waits for the request, and the connection is closed after its client
// had the time to read: closed with bytes unread, it would be reset, and the answer
// lost. That takes a goroutine and 4 KiB for at most a second, and at most 64 are
// told so at a time. What comes beyond those is closed at once.
type Connections struct {
	net.Listener
	limit    int64
	open     atomic.Int64
	refused  atomic.Int64
	refusing chan struct{}
}

// LimitConnections bounds a listener.
func LimitConnections(ln net.Listener, limit int) *Connections {
	return &Connections{Listener: ln, limit: int64(limit), refusing: make(chan struct{}, refusing)}
}

// Open is how many connections there are.
func (l *Connections) Open() int64 { return l.open.Load() }

// Refused is how many connections found no place.
func (l *Connections) Refused() int64 { return l.refused.Load() }

// Accept returns the next connection for which there is a place.
func (l *Connections) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) <= l.limit {
			return &counted{Conn: c, open: &l.open}, nil
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

// refuse tells a client that there is no place, and closes.
func refuse(c net.Conn) {
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(refuseTime))
	b := make([]byte, readSize)
	if _, err := c.Read(b); err != nil {
		return // it asked for nothing
	}
	if _, err := c.Write([]byte(full)); err != nil {
		return
	}
	if half, ok := c.(interface{ CloseWrite() error }); ok && half.CloseWrite() != nil {
		return
	}
	for n := 0; n < refuseRead; {
		more, err := c.Read(b)
		if err != nil {
			return
		}
		n += more
	}
}

// counted is a connection that gives its place back, once.
type counted struct {
	net.Conn
	open   *atomic.Int64
	closed atomic.Bool
}

func (c *counted) Close() error {
	if !c.closed.Swap(true) {
		c.open.Add(-1)
	}
	return c.Conn.Close()
}
