package loadgen

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/sse"
)

// http2Connection is a connection that speaks HTTP/2: one TCP connection, which carries
// one request after the other as an http1Connection does. It is made of net/http's
// client, and takes more processor time.
type http2Connection struct {
	endpoint *endpoint
	lastUsed time.Time // see http1Connection
	body     bytes.Buffer
	cookies  cookies
	waiting  waiting // what the server has sent and nobody has read

	mu          sync.Mutex // guards the fields below against expire and interrupt
	conn        *http.ClientConn
	cancel      context.CancelFunc // ends the round trip under way
	interrupted bool               // interrupt was called for conn

	deadline atomic.Int64 // see http1Connection
}

// receiveBuffer is how many bytes a server may send of an answer before they are read.
const receiveBuffer = 64 << 10

// http2Transport returns what makes HTTP/2 connections to the endpoint.
func (e *endpoint) http2Transport() *http.Transport {
	t := &http.Transport{
		Protocols:          new(http.Protocols),
		DialContext:        e.dialForHTTP2,
		DialTLSContext:     e.dialForHTTP2,
		DisableCompression: true,
		HTTP2:              &http.HTTP2Config{MaxReceiveBufferPerConnection: receiveBuffer, MaxReceiveBufferPerStream: receiveBuffer},
	}
	if e.url.Scheme == "http" {
		t.Protocols.SetUnencryptedHTTP2(true)
	} else {
		t.Protocols.SetHTTP2(true)
	}
	return t
}

// dialledKey is the key of a context's value of type *net.Conn, which is set to the
// connection that http2Transport dials.
type dialledKey struct{}

func (e *endpoint) dialForHTTP2(ctx context.Context, _, _ string) (net.Conn, error) {
	conn, err := e.dial(ctx)
	if to, ok := ctx.Value(dialledKey{}).(*net.Conn); ok {
		*to = conn
	}
	return conn, err
}

// dialHTTP2 makes a connection that speaks HTTP/2, and returns the one below it, too.
func (e *endpoint) dialHTTP2(ctx context.Context) (conn *http.ClientConn, below net.Conn, err error) {
	conn, err = e.http2.NewClientConn(context.WithValue(ctx, dialledKey{}, &below), e.url.Scheme, e.addr)
	return conn, below, err
}

func (c *http2Connection) ofClient() *cookies { return &c.cookies }

func (c *http2Connection) isUsable(at time.Time) bool {
	return c.conn != nil && at.Sub(c.lastUsed) < maxIdle
}

func (c *http2Connection) ensureOpen(ctx context.Context, now, deadline time.Time) error {
	if c.isUsable(now) && !c.hasEnded(ctx) {
		return nil
	}
	return c.dial(ctx, now, deadline)
}

// How long a request waits, at most and at a time, until what the server has sent before
// is read.
const (
	unreadWait = 5 * time.Millisecond
	unreadStep = 50 * time.Microsecond
)

// hasEnded returns whether the connection is closed or takes no more requests, because
// the server has sent a GOAWAY. Either may wait to be read. It also returns true if ctx
// ends while it waits.
func (c *http2Connection) hasEnded(ctx context.Context) bool {
	for wait := unreadWait; wait > 0; wait -= unreadStep {
		unread, err := c.waiting.unread()
		switch {
		case err != nil || c.conn.Err() != nil || c.conn.Available() == 0 && c.conn.InFlight() == 0:
			return true
		case !unread:
			return false
		}
		if sleep.For(ctx, unreadStep) != nil {
			return true
		}
	}
	return true
}

func (c *http2Connection) dial(ctx context.Context, now, deadline time.Time) error {
	c.close()
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	conn, below, err := c.endpoint.dialHTTP2(ctx)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.conn, c.lastUsed = conn, now
	c.mu.Unlock()
	return c.waiting.watch(below)
}

// maxAttempts is how many connections a request is sent over at most. It is sent again
// only if the server says that it did nothing with it, as a server does that ends a
// connection.
const maxAttempts = 3

func (c *http2Connection) roundTrip(request []byte, now, deadline time.Time) (response, error) {
	request = c.cookies.addTo(c.endpoint.url.Scheme, request)
	r, err := c.endpoint.http2Request(request)
	if err != nil {
		return response{}, &unprocessedError{err}
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c.mu.Lock()
	c.cancel = cancel
	if c.interrupted {
		cancel()
	}
	c.mu.Unlock()
	c.deadline.Store(deadline.UnixNano())
	res, err := c.exchange(ctx, r)
	for attempt := 2; attempt <= maxAttempts && errors.Is(err, errGoingAway) && isUnprocessed(err); attempt++ {
		if err = c.dial(ctx, now, deadline); err != nil {
			err = &unprocessedError{err}
			break
		}
		res, err = c.exchange(ctx, r)
	}
	late := c.deadline.Swap(0) == expired
	if res.cookies != nil {
		c.cookies.keep(c.endpoint.url.Scheme, request, res.cookies)
	}
	if late || err != nil && !errors.Is(err, errStreamRefused) && !errors.Is(err, errStreamReset) {
		c.close() // after a timeout nobody knows whether the server is still there
	}
	if err != nil && late {
		err = errors.Join(os.ErrDeadlineExceeded, err)
	}
	c.lastUsed = now
	return res, err
}

// exchange sends a request and reads the answer.
func (c *http2Connection) exchange(ctx context.Context, r *http.Request) (response, error) {
	r = r.WithContext(ctx)
	if r.GetBody != nil {
		r.Body, _ = r.GetBody() // it has no error
	}
	answer, err := c.conn.RoundTrip(r)
	if err != nil {
		return response{}, c.endpoint.http2Error(err)
	}
	defer answer.Body.Close()
	c.body.Reset()
	if _, err := c.body.ReadFrom(io.LimitReader(answer.Body, maxBody+1)); err != nil {
		return response{}, c.endpoint.http2Error(err)
	}
	if c.body.Len() > maxBody {
		return response{}, fmt.Errorf("%w: a body of more than %d bytes", errMalformed, maxBody)
	}
	return response{
		status: answer.StatusCode, body: c.body.Bytes(), keepAlive: true,
		retryAfter: sse.RetryAfter(answer.Header.Get("Retry-After")), location: answer.Header.Get("Location"), cookies: answer.Header["Set-Cookie"],
	}, nil
}

// http2Request makes of the bytes of an HTTP/1.1 request, which may be used again, one
// that HTTP/2 can carry.
func (e *endpoint) http2Request(b []byte) (*http.Request, error) {
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b)))
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	r.URL.Scheme, r.URL.Host, r.RequestURI, r.Body = e.url.Scheme, e.url.Host, "", nil
	for _, name := range []string{"Connection", "Keep-Alive", "Proxy-Connection", "Upgrade"} {
		r.Header.Del(name) // HTTP/2 has none of them
	}
	if r.Header["User-Agent"] == nil {
		r.Header.Set("User-Agent", "") // else net/http makes one up
	}
	if len(body) > 0 {
		r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	return r, nil
}

func (c *http2Connection) expire(now time.Time) {
	due := c.deadline.Load()
	if due <= 0 || now.UnixNano() < due {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deadline.CompareAndSwap(due, expired) {
		c.end()
	}
}

func (c *http2Connection) interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end()
}

// end ends the round trip under way. The caller holds mu.
func (c *http2Connection) end() {
	c.interrupted = c.conn != nil // also if its round trip is only about to begin
	if c.cancel != nil {
		c.cancel()
	}
}

func (c *http2Connection) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
	c.interrupted = false
}
