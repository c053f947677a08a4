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

// dialTimeout is how long connecting may take, with the handshake of TLS.
const dialTimeout = 3 * time.Second

// connector connects to brokers and logs in.
type connector struct {
	security Security
	names    SettingNames
}

// dial connects to a broker. kafka-go connects through its Transport and, for consumer
// groups, through its Dialer. Both call dial.
func (c connector) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: dialTimeout}
	if c.security.TLS == nil {
		conn, err := dialer.DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &connection{Conn: conn, connector: c, opened: time.Now()}, nil
	}
	conn, err := (&tls.Dialer{NetDialer: dialer, Config: c.security.TLS}).DialContext(ctx, network, addr)
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return nil, err
	}
	if err != nil {
		return nil, &handshakeError{addr, err, c.names}
	}
	return &connection{Conn: conn, connector: c, opened: time.Now()}, nil
}

// connection is a connection to a broker. It does two things that kafka-go does not.
// First, a broker that wants TLS, a certificate or a login just closes a connection
// that comes without it; the error of a connection says which of them is likely to be
// missing. Second, every read and write has a deadline; kafka-go sets none for a login.
type connection struct {
	net.Conn
	connector connector
	opened    time.Time
	requests  atomic.Int32 // how many writes there were; each sends a request or a part of one
	answered  atomic.Int32 // the value of requests when the last answer arrived
}

func (c *connection) Write(b []byte) (int, error) {
	c.requests.Add(1)
	return c.Conn.Write(b)
}

func (c *connection) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.connector.security.TLS == nil && c.answered.Load() == 0 && beginsTLSAlert(b[:n]) {
		return 0, &wantsTLSError{c.connector.names}
	}
	if n > 0 {
		c.answered.Store(c.requests.Load())
	}
	if isClosed(err) {
		// The error must not be io.EOF: kafka-go takes io.EOF in the middle of a login for
		// a wrong password, but a broker that is stopped closes its connections too.
		err = &closedError{likelyCause: c.likelyCause(), stale: time.Since(c.opened) > time.Second, err: err}
	}
	return n, err
}

// defaultDeadline is how long a read or write may take if kafka-go sets no deadline.
const defaultDeadline = 30 * time.Second

// SetDeadline sets the default deadline if kafka-go asks for none.
func (c *connection) SetDeadline(t time.Time) error { return c.Conn.SetDeadline(orDefaultDeadline(t)) }

// SetReadDeadline sets the default deadline if kafka-go asks for none.
func (c *connection) SetReadDeadline(t time.Time) error {
	return c.Conn.SetReadDeadline(orDefaultDeadline(t))
}

// SetWriteDeadline sets the default deadline if kafka-go asks for none.
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
	likelyCause string // the rest of the sentence; may be empty
	stale       bool   // the connection had been open for more than a second
	err         error
}

func (e *closedError) Error() string { return "the broker closed the connection" + e.likelyCause }

func (e *closedError) Unwrap() error {
	if errors.Is(e.err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return e.err
}

// isStale returns whether a request was sent on a connection that the broker had closed
// since its last use. Brokers do so when a login has expired. On a new connection the
// request succeeds, or its error says more. kafka-go keeps several connections, and
// this can happen once on each.
func isStale(err error) bool {
	c, ok := errors.AsType[*closedError](err)
	return ok && c.stale
}

// isClosed returns whether an error means that the other end has closed the connection.
func isClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errno.Reset)
}
