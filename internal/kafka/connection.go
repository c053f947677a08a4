package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/emostream/emostream/internal/errno"
)

// dialTimeout bounds connecting and, with it, the handshake of TLS.
const dialTimeout = 3 * time.Second

// dial connects to a broker, for both of the ways that kafka-go has of it: its
// Transport, and its Dialer, which consumer groups use.
func (s Security) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: dialTimeout}
	if s.TLS == nil {
		c, err := dialer.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &connection{Conn: c, security: s, opened: time.Now()}, nil
	}
	c, err := (&tls.Dialer{NetDialer: dialer, Config: s.TLS}).DialContext(ctx, network, addr)
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return nil, err
	}
	if err != nil {
		return nil, &handshakeError{addr, err}
	}
	return &connection{Conn: c, security: s, opened: time.Now()}, nil
}

// conn is a connection to a broker. A listener that wants TLS, a certificate or a
// login closes a connection that comes without, and says nothing; conn makes a guess
// of it. It also bounds what kafka-go forgets to: a login has no deadline there.
type connection struct {
	net.Conn
	security Security
	opened   time.Time
	requests atomic.Int32 // writes so far, each a request at least
	answered atomic.Int32 // of them when the latest answer arrived
}

func (c *connection) Write(b []byte) (int, error) {
	c.requests.Add(1)
	return c.Conn.Write(b)
}

func (c *connection) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 1 && c.answered.Load() == 0 && c.security.TLS == nil && b[0] == alert && b[1] == tlsMajor {
		return 0, errWantsTLS
	}
	if n > 0 {
		c.answered.Store(c.requests.Load())
	}
	if isClosed(err) {
		// Not io.EOF, which kafka-go takes for a wrong password when it comes in the
		// middle of a login, and which a broker that is stopped sends as well.
		err = &closedError{likelyCause: c.likelyCause(), stale: time.Since(c.opened) > time.Second, err: err}
	}
	return n, err
}

// unbounded is how long a broker may take where kafka-go would wait for ever.
const defaultDeadline = 30 * time.Second

// SetDeadline sets a deadline where kafka-go wants none.
func (c *connection) SetDeadline(t time.Time) error { return c.Conn.SetDeadline(orDefaultDeadline(t)) }

// SetReadDeadline sets a deadline where kafka-go wants none.
func (c *connection) SetReadDeadline(t time.Time) error {
	return c.Conn.SetReadDeadline(orDefaultDeadline(t))
}

// SetWriteDeadline sets a deadline where kafka-go wants none.
func (c *connection) SetWriteDeadline(t time.Time) error {
	return c.Conn.SetWriteDeadline(orDefaultDeadline(t))
}

func orDefaultDeadline(t time.Time) time.Time {
	if t.IsZero() {
		return time.Now().Add(defaultDeadline)
	}
	return t
}

// closedError says that a broker closed a connection.
type closedError struct {
	likelyCause string
	stale       bool // it had been there for some time
	err         error
}

// stale says whether a request met a connection that the broker had done with, as
// when a login has run out. The next one will do better or know more; each that was
// kept for later is met once.
func isStale(err error) bool {
	c, ok := errors.AsType[*closedError](err)
	return ok && c.stale
}

func (e *closedError) Error() string { return "the broker closed the connection" + e.likelyCause }

func (e *closedError) Unwrap() error {
	if errors.Is(e.err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return e.err
}

// closed says whether an error means that the other end has closed the connection.
func isClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errno.Reset)
}
