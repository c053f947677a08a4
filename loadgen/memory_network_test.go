package loadgen_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// memoryNetwork connects a run with servers in memory, so that both can be in the time of
// a test (testing/synctest), in which nothing takes time but what waits for it.
type memoryNetwork struct {
	mu        sync.Mutex
	listening map[string]*memoryListener // by address
}

func (n *memoryNetwork) listen(address string) net.Listener {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := &memoryListener{address: address, conns: make(chan net.Conn), closed: make(chan struct{})}
	if n.listening == nil {
		n.listening = map[string]*memoryListener{}
	}
	n.listening[address] = l
	return l
}

func (n *memoryNetwork) dial(ctx context.Context, _, address string) (net.Conn, error) {
	n.mu.Lock()
	l := n.listening[address]
	n.mu.Unlock()
	if l == nil {
		return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	}
	shared := &sync.Mutex{}
	there, back := newMemoryPipe(shared), newMemoryPipe(shared)
	select {
	case l.conns <- &memoryConn{in: there, out: back}:
		return &memoryConn{in: back, out: there}, nil
	case <-l.closed:
		return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

type memoryListener struct {
	address string
	conns   chan net.Conn
	closed  chan struct{}
	once    sync.Once
}

func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *memoryListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *memoryListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// memoryPipe is one direction of a connection.
type memoryPipe struct {
	mu       *sync.Mutex
	news     *sync.Cond
	bytes    []byte
	ended    bool // by its writer
	left     bool // by its reader
	deadline time.Time
}

func newMemoryPipe(mu *sync.Mutex) *memoryPipe {
	return &memoryPipe{mu: mu, news: sync.NewCond(mu)}
}

// memoryConn is one end of a connection. It is a socket as far as the sender looks.
type memoryConn struct{ in, out *memoryPipe }

func (c *memoryConn) Read(b []byte) (int, error) {
	p := c.in
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.left:
			return 0, net.ErrClosed
		case !p.deadline.IsZero() && !time.Now().Before(p.deadline):
			return 0, os.ErrDeadlineExceeded
		case len(p.bytes) > 0:
			n := copy(b, p.bytes)
			p.bytes = p.bytes[n:]
			return n, nil
		case p.ended:
			return 0, io.EOF
		}
		p.news.Wait()
	}
}

func (c *memoryConn) Write(b []byte) (int, error) {
	p := c.out
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended || p.left {
		return 0, &net.OpError{Op: "write", Err: syscall.EPIPE}
	}
	p.bytes = append(p.bytes, b...)
	p.news.Broadcast()
	return len(b), nil
}

func (c *memoryConn) Close() error {
	c.in.mu.Lock()
	defer c.in.mu.Unlock()
	c.in.left, c.out.ended = true, true
	c.in.news.Broadcast()
	c.out.news.Broadcast()
	return nil
}

func (c *memoryConn) SetReadDeadline(at time.Time) error {
	p := c.in
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deadline = at
	p.news.Broadcast()
	if !at.IsZero() {
		time.AfterFunc(time.Until(at), p.news.Broadcast)
	}
	return nil
}

func (c *memoryConn) SetWriteDeadline(time.Time) error      { return nil } // writing takes no time
func (c *memoryConn) SetDeadline(at time.Time) error        { return c.SetReadDeadline(at) }
func (c *memoryConn) LocalAddr() net.Addr                   { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
func (c *memoryConn) RemoteAddr() net.Addr                  { return c.LocalAddr() }
func (c *memoryConn) SyscallConn() (syscall.RawConn, error) { return memoryRaw{c.in}, nil }

// memoryRaw says whether something waits to be read, as a socket would.
type memoryRaw struct{ in *memoryPipe }

var errWaiting = errors.New("something waits")

func (r memoryRaw) Read(func(uintptr) bool) error {
	r.in.mu.Lock()
	defer r.in.mu.Unlock()
	if len(r.in.bytes) > 0 || r.in.ended {
		return errWaiting
	}
	return nil
}

func (memoryRaw) Write(func(uintptr) bool) error { return nil }
func (memoryRaw) Control(func(uintptr)) error    { return nil }
