package loadgen

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// connection carries one request after the other to a server, and is dialled anew after
// it ended. It belongs to one goroutine, except that others may call expire and
// interrupt.
type connection interface { //nolint:interfacebloat // all of it is needed of a connection that is dialled anew
	// isUsable returns whether there is a connection, and it will not have rested too
	// long at the moment at.
	isUsable(at time.Time) bool
	// ensureOpen dials unless there is a connection over which a request can be sent
	// now. It gives up at the deadline.
	ensureOpen(ctx context.Context, now, deadline time.Time) error
	// dial makes a new connection and closes the one before it. It gives up at the
	// deadline.
	dial(ctx context.Context, now, deadline time.Time) error
	// roundTrip sends a request, given as HTTP/1.1, and reads the response. The
	// connection must be open. now is the current time.
	roundTrip(request []byte, now, deadline time.Time) (response, error)
	// expire ends a round trip whose deadline has passed.
	expire(now time.Time)
	// interrupt ends the round trip under way.
	interrupt()
	close()
	// ofClient returns the cookies that are sent, which may be replaced.
	ofClient() *cookies
}

// newConnection returns a connection to the endpoint that is not dialled yet.
func (e *endpoint) newConnection() connection {
	if e.http2 != nil {
		return &http2Connection{endpoint: e}
	}
	return &http1Connection{endpoint: e}
}

// http1Connection is a connection that speaks HTTP/1.1.
//
// Round trips have a timeout, but no deadline of the net.Conn, which would set a timer
// for each request. Instead expireConnections checks all connections 20 times a second.
type http1Connection struct {
	endpoint *endpoint
	reader   responseReader
	lastUsed time.Time     // when it was dialled, or when the last request began
	maxRest  time.Duration // how long it may rest before it is used again
	waiting  waiting       // what the server has sent since the last answer
	cookies  cookies

	mu   sync.Mutex // guards conn against expire
	conn net.Conn

	deadline atomic.Int64 // of the current round trip, Unix ns. 0: there is none; expired: it has passed
}

const expired = -1

// maxIdle is how long a connection may rest, unless the server allows less. A request
// that is sent while the server closes the connection would be in doubt needlessly.
const maxIdle = 4 * time.Second

func (c *http1Connection) ofClient() *cookies { return &c.cookies }

func (c *http1Connection) isUsable(at time.Time) bool {
	return c.conn != nil && at.Sub(c.lastUsed) < c.maxRest
}

func (c *http1Connection) ensureOpen(ctx context.Context, now, deadline time.Time) error {
	if c.isUsable(now) && !c.isSpoilt() {
		return nil
	}
	return c.dial(ctx, now, deadline)
}

func (c *http1Connection) dial(ctx context.Context, now, deadline time.Time) error {
	c.close()
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	conn, err := c.endpoint.dial(ctx)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.conn = conn
	c.mu.Unlock()
	c.reader.from, c.reader.r, c.reader.w = conn, 0, 0
	c.lastUsed, c.maxRest = now, maxIdle
	return c.waiting.watch(conn)
}

// isSpoilt returns whether the server has closed the connection or has sent something
// that nobody asked for, such as the 408 with which some servers end a connection that
// rests. What was sent would be taken for the answer to the next request.
func (c *http1Connection) isSpoilt() bool {
	return c.reader.r != c.reader.w || c.waiting.spoils()
}

func (c *http1Connection) roundTrip(request []byte, now, deadline time.Time) (response, error) {
	c.deadline.Store(deadline.UnixNano())
	var res response
	request = c.cookies.addTo(c.endpoint.url.Scheme, request)
	_, err := c.conn.Write(request)
	if err == nil {
		res, err = c.reader.next()
	}
	late := c.deadline.Swap(0) == expired
	if err != nil || late || !res.keepAlive {
		c.close()
	}
	if err != nil {
		err = c.endpoint.disagreement(err)
	}
	if err != nil && late {
		err = errors.Join(os.ErrDeadlineExceeded, err)
	}
	c.lastUsed = now // not the time of the answer: this saves reading the clock
	if res.cookies != nil {
		c.cookies.keep(c.endpoint.url.Scheme, request, res.cookies)
	}
	if res.mayRest > 0 {
		c.maxRest = min(maxIdle, res.mayRest*3/4)
	}
	return res, err
}

func (c *http1Connection) expire(now time.Time) {
	due := c.deadline.Load()
	if due <= 0 || now.UnixNano() < due {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deadline.CompareAndSwap(due, expired) && c.conn != nil {
		_ = c.conn.SetDeadline(time.Unix(1, 0)) // it fails if the connection is closed already
	}
}

func (c *http1Connection) interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		_ = c.conn.SetDeadline(time.Unix(1, 0)) // it fails if the connection is closed already
	}
}

func (c *http1Connection) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// interruptedTimeout is how long round trips may still take after a run is interrupted.
const interruptedTimeout = time.Second

// expireConnections ends round trips whose deadline has passed, until done is closed.
// When ctx has ended and interruptedTimeout has passed, it ends all round trips.
func expireConnections(ctx context.Context, done <-chan struct{}, connections []connection) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var end time.Time
	for {
		select {
		case <-done:
			return
		case now := <-tick.C:
			if ctx.Err() != nil && end.IsZero() {
				end = now.Add(interruptedTimeout)
			}
			if !end.IsZero() && now.After(end) {
				now = now.Add(1000 * time.Hour) // beyond every deadline
			}
			for _, c := range connections {
				c.expire(now)
			}
		}
	}
}
