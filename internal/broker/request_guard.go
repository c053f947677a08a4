package broker

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/time/rate"
)

// maxRequest is how many bytes a request may have. By default clients send no more than
// about a megabyte.
const maxRequest = 32 << 20

// guardListener is a net.Listener whose connections give kfake only whole requests of
// Kafka's protocol. kfake needs this protection. It believes the size at the beginning
// of a request, up to 4 GiB, and allocates that much at once. And it panics on a
// request of an unknown kind. Anybody who reaches the port can send either, and so can
// a web page.
type guardListener struct {
	net.Listener
	log     *slog.Logger
	logging *rate.Limiter // limits the warnings of all connections together
	// strangers limits how many connections that do not speak Kafka's protocol are closed
	// at once, of all together. The others are closed after strangerDelay.
	strangers *rate.Limiter
}

const (
	strangersPerSecond = 20
	strangerDelay      = 500 * time.Millisecond
)

func newGuardListener(ln net.Listener, log *slog.Logger) guardListener {
	return guardListener{ln, log, rate.NewLimiter(rate.Every(time.Second), 1), rate.NewLimiter(strangersPerSecond, strangersPerSecond)}
}

func (l guardListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return newGuardConn(c, l), nil
}

// guardConn is a connection of a guardListener. Only one goroutine reads from it.
type guardConn struct {
	net.Conn
	listener guardListener
	request  bytes.Buffer // a whole request, without what has been read of it
	pace     *rate.Limiter

	closing sync.Once
	closed  chan struct{} // closed by Close
}

func newGuardConn(c net.Conn, l guardListener) *guardConn {
	return &guardConn{Conn: c, listener: l, pace: rate.NewLimiter(heartbeatPace, heartbeatPace), closed: make(chan struct{})}
}

// Close closes the connection, and ends a wait of Read.
func (c *guardConn) Close() error {
	c.closing.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// Read returns bytes of a request after the whole request has arrived and has been
// checked, and when it is its turn (see paceHeartbeats). On anything that is not a request
// of Kafka it returns an error, and nothing more can be read.
func (c *guardConn) Read(b []byte) (int, error) {
	if c.request.Len() == 0 {
		if err := c.next(); err != nil {
			if bad, ok := errors.AsType[*requestError](err); ok {
				if c.listener.logging.Allow() {
					c.listener.log.Warn("closing a connection that does not speak Kafka's protocol", "from", c.RemoteAddr().String(), "error", bad)
				}
				if !c.listener.strangers.Allow() {
					_ = c.wait(strangerDelay) // it may come again as soon as it is closed
				}
			}
			return 0, err
		}
	}
	return c.request.Read(b)
}

// next reads a request. It allocates memory for the bytes that have arrived, not for
// the size that is announced.
func (c *guardConn) next() error {
	c.request.Reset()
	if _, err := io.CopyN(&c.request, c.Conn, sizeBytes); err != nil {
		return err
	}
	size := binary.BigEndian.Uint32(c.request.Bytes())
	if size > maxRequest {
		return &requestError{fmt.Sprintf("a request of %d bytes was announced: up to %d are allowed", size, maxRequest)}
	}
	if _, err := io.CopyN(&c.request, c.Conn, int64(size)); err != nil {
		return err
	}
	req, err := checkRequest(c.request.Bytes()[sizeBytes:])
	if err != nil {
		return err
	}
	if wait := paceHeartbeats(c.pace, req, time.Now()); wait > 0 {
		return c.wait(wait)
	}
	return nil
}

// wait waits for a time. It returns an error if the connection is closed before.
func (c *guardConn) wait(d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-c.closed:
		return net.ErrClosed
	}
}

// requestError says what is wrong with a request.
type requestError struct{ problem string }

func (e *requestError) Error() string { return e.problem }

// checkRequest decodes a request as kfake does. It returns an error if kfake would panic.
// Nobody may change the request that it returns, or use it after the next one is read.
func checkRequest(request []byte) (req kmsg.Request, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &requestError{fmt.Sprintf("a request cannot be read: %v", p)}
		}
	}()
	r := kbin.Reader{Src: request}
	kind, version := r.Int16(), r.Int16()
	_, _ = r.Int32(), r.NullableString() // the correlation id, and the client id
	if err := r.Complete(); err != nil {
		return nil, &requestError{fmt.Sprintf("a request of %d bytes has no header: %v", len(request), err)}
	}
	req = kmsg.RequestForKey(kind)
	if req == nil || version < 0 {
		return nil, &requestError{fmt.Sprintf("a request of kind %d in version %d is not known", kind, version)}
	}
	req.SetVersion(version)
	if req.IsFlexible() {
		kmsg.SkipTags(&r)
	}
	if err := req.ReadFrom(r.Src); err != nil {
		return nil, &requestError{fmt.Sprintf("a request of kind %d in version %d cannot be read: %v", kind, version, err)}
	}
	return req, nil
}
