package broker

import (
	"encoding/binary"
	"net"
	"sync"
)

// joiners is a listener whose connections are not seen to break while a request
// to join a group waits on them.
//
// Such a request waits until all members have joined. When its connection is gone
// by then, kfake makes the sender a member all the same, but about every second
// time one without a session: nobody misses it, and what it was given is worked on
// by nobody until the group changes for another reason. A connection that seems to
// be there until the answer was written gives its member a session, which ends as
// any other. (Of clients that ask to join before their request before it is
// answered this is not known; ours wait, and so do all that are known.)
type joiners struct{ net.Listener }

func (l joiners) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &joiner{Conn: c, closed: make(chan struct{})}, nil
}

// Kafka's requests begin with their size, which does not count itself, and what
// they want.
const (
	sizeBytes = 4
	keyBytes  = 2
	joinGroup = 11
)

// joiner is a connection of joiners. It is read by one goroutine and written to
// by another.
type joiner struct {
	net.Conn
	header []byte // of the request that is being read, as far as it was; the reader's
	rest   uint32 // bytes of the request that are still to be read after it; the reader's

	mu       sync.Mutex
	answered chan struct{} // closed when the last request to join is answered; nil if there was none
	closing  sync.Once
	closed   chan struct{}
}

// Read reports the end of the connection only when no request to join waits.
func (c *joiner) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.follow(b[:n])
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

// follow looks for requests to join in what was read.
func (c *joiner) follow(b []byte) {
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

// Write answers the request that was read last: kfake takes the next one from a
// connection when the one before is answered.
func (c *joiner) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.answered != nil {
		close(c.answered)
		c.answered = nil
	}
	return n, err
}

func (c *joiner) Close() error {
	c.closing.Do(func() { close(c.closed) })
	return c.Conn.Close()
}
