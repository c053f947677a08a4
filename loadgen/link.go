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

// link is a connection to a server that takes one request after the other, and
// is made anew when it ends. It belongs to one goroutine; only expire is called
// by another.
//
// Its timeout is no deadline of the connection, which would cost a timer for each
// request: the watchdog looks at all links every so often and gives late ones up.
type link struct {
	to      *place
	timeout time.Duration
	reader  reader
	used    time.Time // when the last answer came

	mu   sync.Mutex // held while conn changes, and while it is given up
	conn net.Conn

	due atomic.Int64 // when the exchange is given up, Unix ns; 0: there is none; expired: it was
}

const expired = -1

// idle is how long a connection may rest before it is made anew rather than used
// again: servers close those that rest, and a request that meets the close is in
// doubt for nothing.
const idle = 4 * time.Second

// ready makes the connection if there is none that can be used at a moment.
func (l *link) ready(ctx context.Context, at time.Time) error {
	if l.conn != nil {
		if at.Sub(l.used) < idle {
			return nil
		}
		l.close()
	}
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	conn, err := l.to.dial(ctx)
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.conn = conn
	l.mu.Unlock()
	l.reader.from, l.reader.r, l.reader.w = conn, 0, 0
	l.used = at
	return nil
}

// exchange sends a request and reads its answer. The connection must be ready.
func (l *link) exchange(request []byte, now time.Time) (answer, error) {
	l.due.Store(now.Add(l.timeout).UnixNano())
	var a answer
	_, err := l.conn.Write(request)
	if err == nil {
		a, err = l.reader.next()
	}
	late := l.due.Swap(0) == expired
	if err != nil || late || !a.keep {
		l.close()
	}
	if err != nil && late {
		err = errors.Join(os.ErrDeadlineExceeded, err)
	}
	l.used = now // nearly; the clock is not asked twice
	return a, err
}

// expire gives the exchange up that should have ended by now.
func (l *link) expire(now time.Time) {
	due := l.due.Load()
	if due <= 0 || now.UnixNano() < due {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.due.CompareAndSwap(due, expired) && l.conn != nil {
		_ = l.conn.SetDeadline(time.Unix(1, 0)) // it fails if it is closed already
	}
}

func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		_ = l.conn.Close()
		l.conn = nil
	}
}

// hurry is how long exchanges may still take when a run is interrupted.
const hurry = time.Second

// watch gives up late exchanges of links until done is closed, and all of them
// shortly after ctx has ended.
func watch(ctx context.Context, done <-chan struct{}, links []*link) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	var end time.Time
	for {
		select {
		case <-done:
			return
		case now := <-tick.C:
			if ctx.Err() != nil && end.IsZero() {
				end = now.Add(hurry)
			}
			if !end.IsZero() && now.After(end) {
				now = now.Add(1000 * time.Hour)
			}
			for _, l := range links {
				l.expire(now)
			}
		}
	}
}
