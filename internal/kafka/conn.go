package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
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
		return &conn{Conn: c, security: s, opened: time.Now()}, nil
	}
	c, err := (&tls.Dialer{NetDialer: dialer, Config: s.TLS}).DialContext(ctx, network, addr)
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return nil, err
	}
	if err != nil {
		return nil, &handshakeError{addr, err}
	}
	return &conn{Conn: c, security: s, opened: time.Now()}, nil
}

// handshakeError says that there is no TLS with a broker.
type handshakeError struct {
	addr string
	err  error
}

func (e *handshakeError) Error() string {
	hint := ""
	if closed(e.err) || errors.Is(e.err, context.DeadlineExceeded) || is[tls.RecordHeaderError](e.err) {
		hint = " (is it a listener without TLS? then leave out --tls, or use the port of the one that has it)"
	}
	return fmt.Sprintf("TLS with %s: %v%s", e.addr, e.err, hint)
}

func (e *handshakeError) Unwrap() error { return e.err }

// conn is a connection to a broker. A listener that wants TLS, a certificate or a
// login closes a connection that comes without, and says nothing; conn makes a guess
// of it. It also bounds what kafka-go forgets to: a login has no deadline there.
type conn struct {
	net.Conn
	security Security
	opened   time.Time
	asked    atomic.Int32 // writes so far, each a request at least
	answered atomic.Int32 // of them when the latest answer arrived
}

func (c *conn) Write(b []byte) (int, error) {
	c.asked.Add(1)
	return c.Conn.Write(b)
}

func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 1 && c.answered.Load() == 0 && c.security.TLS == nil && b[0] == alert && b[1] == tlsMajor {
		return 0, errWantsTLS
	}
	if n > 0 {
		c.answered.Store(c.asked.Load())
	}
	if closed(err) {
		// Not io.EOF, which kafka-go takes for a wrong password when it comes in the
		// middle of a login, and which a broker that is stopped sends as well.
		err = &closedError{guess: c.guess(), stale: time.Since(c.opened) > time.Second, err: err}
	}
	return n, err
}

// A record of TLS that tells of an alert begins so; an answer that does would be
// hundreds of megabytes long.
const alert, tlsMajor = 0x15, 0x03

var errWantsTLS = errors.New("the broker wants TLS on this port: give --tls, or use the port of a listener without")

// guess says what may have been missing when a connection was closed.
func (c *conn) guess() string {
	switch {
	case c.answered.Load() == 0 && c.security.TLS == nil:
		return " without an answer: a listener that wants TLS does that (--tls)"
	case c.answered.Load() == 0 && c.security.TLS != nil && c.security.TLS.GetClientCertificate == nil:
		return " without an answer: a listener that wants a client's certificate does that (--tls-cert)"
	case c.answered.Load() == 1 && c.asked.Load() == 2 && c.security.Mechanism == "":
		return ": a listener on which clients log in does that (--sasl-mechanism)"
	}
	return ""
}

// unbounded is how long a broker may take where kafka-go would wait for ever.
const unbounded = 30 * time.Second

// SetDeadline sets a deadline where kafka-go wants none.
func (c *conn) SetDeadline(t time.Time) error { return c.Conn.SetDeadline(bounded(t)) }

// SetReadDeadline sets a deadline where kafka-go wants none.
func (c *conn) SetReadDeadline(t time.Time) error { return c.Conn.SetReadDeadline(bounded(t)) }

// SetWriteDeadline sets a deadline where kafka-go wants none.
func (c *conn) SetWriteDeadline(t time.Time) error { return c.Conn.SetWriteDeadline(bounded(t)) }

func bounded(t time.Time) time.Time {
	if t.IsZero() {
		return time.Now().Add(unbounded)
	}
	return t
}

// closedError says that a broker closed a connection.
type closedError struct {
	guess string
	stale bool // it had been there for some time
	err   error
}

// stale says whether a request met a connection that the broker had done with, as
// when a login has run out. The next one will do better or know more; each that was
// kept for later is met once.
func stale(err error) bool {
	c, ok := errors.AsType[*closedError](err)
	return ok && c.stale
}

func (e *closedError) Error() string { return "the broker closed the connection" + e.guess }

func (e *closedError) Unwrap() error {
	if errors.Is(e.err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return e.err
}

// closed says whether an error means that the other end has closed the connection.
func closed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errno.Reset)
}
