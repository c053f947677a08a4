package broker

import (
	"encoding/binary"
	"net"
	"sync"
)

// joinListener is a net.Listener. If one of its connections breaks while a request to
// join a consumer group waits for its answer, it hides that from kfake until the
// answer.
//
// kfake answers such a request when all members have joined. If the connection is gone
// by then, kfake makes the sender a member all the same, but about every second time
// without a session timeout. Then the group never notices that this member is dead, and
// nobody works on its partitions until the group changes for another reason. If the
// connection seems to be open until the answer is written, the member has a session,
// and the session ends as usual.
//
// This works for clients that wait for each answer before they send the next request.
// All known clients do so while they join.
type joinListener struct{ net.Listener }

func (l joinListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &joinConn{Conn: c, closed: make(chan struct{})}, nil
}

// A request of Kafka begins with its size, which does not count the size field itself,
// and a number that says what kind of request it is.
const (
	sizeBytes = 4
	keyBytes  = 2
	joinGroup = 11 // the kind of a request to join a group
)

// joinConn is a connection of a joinListener. One goroutine reads from it and another
// writes to it.
type joinConn struct {
	net.Conn

	// The request that is being read. Only the reading goroutine uses these.
	header []byte // its first sizeBytes+keyBytes bytes, as far as they have arrived
	rest   uint32 // how many bytes follow those

	mu       sync.Mutex
	answered chan struct{} // closed when the last request to join is answered; nil: none waits
	closing  sync.Once
	closed   chan struct{} // closed by Close
}

// Read reports an error of the connection only when no request to join waits.
func (c *joinConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.findJoin(b[:n])
	if err != nil {
		c.mu.Lock()
		answered := c.answered
		c.mu.Unlock()
		if answered != nil {
			select {
			case <-answered:
			case <-c.closed:
			}
		}
	}
	return n, err
}

// findJoin looks for requests to join in bytes that were read.
func (c *joinConn) findJoin(b []byte) {
	for len(b) > 0 {
		if c.rest > 0 {
			n := min(c.rest, uint32(len(b)))
			c.rest -= n
			b = b[n:]
			continue
		}
		n := min(sizeBytes+keyBytes-len(c.header), len(b))
		c.header = append(c.header, b[:n]...)
		b = b[n:]
		if len(c.header) < sizeBytes+keyBytes {
			return
		}
		c.rest = max(binary.BigEndian.Uint32(c.header), keyBytes) - keyBytes
		if binary.BigEndian.Uint16(c.header[sizeBytes:]) == joinGroup {
			c.mu.Lock()
			c.answered = make(chan struct{})
			c.mu.Unlock()
		}
		c.header = c.header[:0]
	}
}

// Write takes whatever is written as the answer to the last request that was read. This
// holds because kfake reads the next request of a connection only after it has
// answered.
func (c *joinConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answered != nil {
		close(c.answered)
		c.answered = nil
	}
	return n, err
}

func (c *joinConn) Close() error {
	c.closing.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
