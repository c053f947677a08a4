package loadgen

import (
	"bytes"
	"fmt"
	"net"
	"sync/atomic"
	"time"
)

// listener is one client of an event stream. There are thousands: between two
// events one costs its connection, the stack of a goroutine that reads and a
// buffer just large enough to wake up with; the rest is borrowed while it is
// needed. It belongs to the goroutine that connects it or reads for it.
type listener struct {
	number int
	conn   net.Conn
	chunks chunked
	framed bool   // the body is chunked
	early  []byte // of the body, what came with the header
	rest   []byte // the beginning of a frame
	lastID string

	stream   *stream       // where it listens; nil: it must register first
	failed   string        // the server that it was at last, or tried
	retry    time.Duration // how long it waits before it comes back
	refusals int           // in a row
	asked    time.Time     // when it asked for the stream; zero once there was an event
	deadline time.Time     // of the connection

	mute    bool        // it never reads
	leaving atomic.Bool // it shall not come back
	view    view
	small   [256]byte
}

// reading takes in what listeners are shown. It is used by all of them at once.
type reading interface {
	seen(v *view, f *frame, at time.Time)
}

// silence is how long a stream may send nothing, heartbeats included.
const silence = 30 * time.Second

// mostFrame bounds a frame, and scratchSize is what is read at once, in bytes.
const (
	mostFrame   = 1 << 20
	scratchSize = 16 << 10
)

// listen reads events until the connection ends, and says why it did.
func (l *listener) listen(a *audience) error {
	early := l.early
	l.early = nil
	if err := l.take(a, early, false, time.Now()); err != nil {
		return err
	}
	for {
		now := time.Now()
		if l.deadline.Sub(now) < silence*2/3 {
			l.deadline = now.Add(silence)
			_ = l.conn.SetReadDeadline(l.deadline) // if it fails, so does the read
		}
		n, err := l.conn.Read(l.small[:])
		if n > 0 {
			err = l.take(a, l.small[:n], n == len(l.small), time.Now())
		}
		if err != nil {
			return closed(err)
		}
	}
}

// take takes in what came, and what more is there.
func (l *listener) take(a *audience, first []byte, more bool, at time.Time) error {
	borrowed := a.scratch.Get().(*[]byte)
	defer a.scratch.Put(borrowed)
	held := len(l.rest)
	buf := append(append((*borrowed)[:0], l.rest...), first...)
	var err error
	for more && err == nil {
		if cap(buf)-len(buf) < scratchSize/2 {
			buf = append(buf, make([]byte, scratchSize)...)[:len(buf)]
		}
		// Once in many times there is no more, though the buffer before was full.
		// Then this waits for what comes next with a buffer that is larger than need
		// be, and what was there is a moment late.
		var n int
		n, err = l.conn.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		more = len(buf) == cap(buf)
	}
	*borrowed = buf[:0]
	a.bytes.Add(int64(len(buf) - held))
	if taken := l.body(a, buf, held, at); taken != nil {
		return taken
	}
	return err
}

// body takes the frames out of a piece of the body, of which the first held bytes
// were taken out of their chunks before.
func (l *listener) body(a *audience, buf []byte, held int, at time.Time) error {
	if l.framed {
		out, _, err := l.chunks.decode(buf[held:])
		if err != nil {
			return err
		}
		buf = buf[:held+len(out)]
	}
	for {
		first, rest, ok := cut(buf)
		if !ok {
			break
		}
		buf = rest
		l.frame(a, first, at)
	}
	if len(buf) > mostFrame {
		return fmt.Errorf("%w: an event of more than %d bytes", errMalformed, mostFrame)
	}
	l.rest = nil
	if len(buf) > 0 {
		l.rest = bytes.Clone(buf)
	}
	if l.chunks.done {
		return errClosed
	}
	return nil
}

func (l *listener) frame(a *audience, b []byte, at time.Time) {
	f := a.frames.of(b, at)
	if f.hasID {
		l.lastID = f.id
	}
	if f.retry > 0 {
		l.retry = f.retry
	}
	if !f.data {
		return
	}
	a.events.Add(1)
	if !l.asked.IsZero() {
		a.record(a.firstEvent, at.Sub(l.asked))
		l.asked = time.Time{}
	}
	a.reading.seen(&l.view, f, at)
}
