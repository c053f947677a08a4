package loadgen

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/emostream/emostream/internal/sse"
)

// listener is one client of an event stream. There are thousands. Between two events
// one costs its connection, a goroutine that reads, and a buffer just large enough to
// begin reading with; a larger one is borrowed while it is needed. A listener belongs
// to the goroutine that connects it or reads for it.
//
// It parses events by itself, and not with internal/sse, because of what thousands of
// listeners cost: all are sent the same bytes, so that each event is decoded once for
// all of them (eventCache), and bytes are looked at where they were read. What it
// does not understand of the format is said in sse_conformance_test.go, which holds
// both parsers against the same streams.
type listener struct {
	conn       net.Conn
	chunks     chunkDecoder
	isChunked  bool   // the body comes in chunks
	early      []byte // what came of the body together with the header
	unfinished []byte // the beginning of an event, already out of its chunks
	lastID     string

	address     *streamAddress // where it listens; nil: it is to register first
	avoid       string         // the subscriber server that it was assigned to last
	retry       time.Duration  // how long it waits before it comes back
	refusals    int            // in a row
	requestedAt time.Time      // when it asked for the stream; zero after the first event
	deadline    time.Time      // of reading

	stalled    bool        // it never reads
	leaving    atomic.Bool // it is not to come back
	view       listenerView
	wakeBuffer [256]byte // what reading begins with
}

// eventSink takes in the events that listeners are shown. All of them use it at once.
type eventSink interface {
	received(v *listenerView, e *event, at time.Time)
}

// readTimeout is how long a stream may send nothing, keep-alives included.
const readTimeout = 30 * time.Second

// Sizes in bytes.
const (
	maxFrame       = 1 << 20  // of one event
	readBufferSize = 16 << 10 // of a buffer that is borrowed
)

// requestStream asks for a stream over a new connection, and returns when the server
// had accepted. What came of the body with the header is kept for listen.
func (l *listener) requestStream(conn net.Conn, at *streamAddress, deadline time.Time) (live time.Time, err error) {
	l.deadline = deadline
	_ = conn.SetDeadline(deadline) // if it fails, so does what follows
	request := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\nCache-Control: no-store\r\n", at.path, at.endpoint.url.Host)
	if l.lastID != "" {
		request = fmt.Appendf(request, "Last-Event-ID: %s\r\n", l.lastID)
	}
	if _, err := conn.Write(append(request, '\r', '\n')); err != nil {
		return time.Time{}, err
	}
	r := responseReader{from: conn, buf: make([]byte, 1024)}
	h, err := r.head()
	if err != nil {
		return time.Time{}, err
	}
	live = time.Now()
	if h.status != http.StatusOK || !h.eventStream {
		return live, &sse.RefusedError{Status: h.status, RetryAfter: h.retryAfter}
	}
	_ = conn.SetWriteDeadline(time.Time{}) // nothing more is written
	l.isChunked, l.early = h.chunked, r.buf[r.r:r.w]
	if len(l.early) == 0 {
		l.early = nil // so that the buffer is freed
	}
	return live, nil
}

// listen reads events until the connection ends, and says why it did.
func (l *listener) listen(a *audience) error {
	early := l.early
	l.early = nil
	if err := l.readMore(a, early, false, time.Now()); err != nil {
		return err
	}
	for {
		now := time.Now()
		if l.deadline.Sub(now) < readTimeout*2/3 { // not before every read, which would cost a timer each
			l.deadline = now.Add(readTimeout)
			_ = l.conn.SetReadDeadline(l.deadline) // if it fails, so does the read
		}
		n, err := l.conn.Read(l.wakeBuffer[:])
		if n > 0 {
			err = l.readMore(a, l.wakeBuffer[:n], n == len(l.wakeBuffer), time.Now())
		}
		if err != nil {
			return closedError(err)
		}
	}
}

// readMore takes in first, which was read at a moment, and if more is likely to be
// there already, that too.
func (l *listener) readMore(a *audience, first []byte, more bool, at time.Time) error {
	borrowed := a.buffers.Get().(*[]byte)
	defer a.buffers.Put(borrowed)
	held := len(l.unfinished)
	buf := append(append((*borrowed)[:0], l.unfinished...), first...)
	var err error
	for more && err == nil {
		if cap(buf)-len(buf) < readBufferSize/2 {
			buf = append(buf, make([]byte, readBufferSize)...)[:len(buf)]
		}
		// A buffer that was filled says that more is there. When what was there
		// happened to be just as long, this waits for the next bytes, and the event
		// before them is taken in late.
		var n int
		n, err = l.conn.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		more = len(buf) == cap(buf)
	}
	*borrowed = buf[:0]
	a.bytes.Add(int64(len(buf) - held))
	if taken := l.takeEvents(a, buf, held, at); taken != nil {
		return taken
	}
	return err
}

// takeEvents takes the events out of a piece of the body, and keeps the beginning of
// the next one. The first held bytes are what was kept before.
func (l *listener) takeEvents(a *audience, buf []byte, held int, at time.Time) error {
	if l.isChunked {
		out, _, err := l.chunks.decode(buf[held:])
		if err != nil {
			return err
		}
		buf = buf[:held+len(out)]
	}
	for {
		frame, rest, ok := cutFrame(buf)
		if !ok {
			break
		}
		buf = rest
		l.deliver(a, frame, at)
	}
	if len(buf) > maxFrame {
		return fmt.Errorf("%w: an event of more than %d bytes", errMalformed, maxFrame)
	}
	l.unfinished = nil
	if len(buf) > 0 {
		l.unfinished = bytes.Clone(buf)
	}
	if l.chunks.done {
		return errClosed
	}
	return nil
}

func (l *listener) deliver(a *audience, frame []byte, at time.Time) {
	e := a.eventCache.get(frame, at)
	if e.hasID {
		l.lastID = e.id
	}
	if e.retry > 0 {
		l.retry = e.retry
	}
	if !e.hasData {
		return
	}
	a.events.Add(1)
	if !l.requestedAt.IsZero() {
		a.recordLatency(a.firstEvent, at.Sub(l.requestedAt))
		l.requestedAt = time.Time{}
	}
	a.sink.received(&l.view, e, at)
}
