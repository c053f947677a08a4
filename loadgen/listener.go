package loadgen

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/emostream/emostream/internal/text"
)

// listener is one client of an event stream. A run has thousands of them. Between two
// events a listener costs its connection, a goroutine that reads, and a small buffer; a
// larger buffer is borrowed while it is needed. A listener belongs to the goroutine
// that connects it or reads for it.
//
// It parses events itself and does not use internal/sse, to make thousands of listeners
// cheap: all are sent the same bytes, so each event is decoded once for all of them
// (eventCache), and the parser works on the bytes where they were read.
// sse_conformance_test.go checks both parsers with the same streams, and says what this
// one does not support.
type listener struct {
	number     int64 // listeners are numbered from 0
	conn       net.Conn
	chunks     chunkDecoder
	isChunked  bool   // the body comes in chunks
	early      []byte // the part of the body that was read together with the header
	begun      bool   // something of the body was processed
	unfinished []byte // the beginning of an event, without chunk framing
	lastID     string
	cookies    cookies

	address     *streamAddress // where it listens; nil: it must register first
	avoid       string         // the subscriber server that it tried last
	retry       time.Duration  // how long it waits before it reconnects
	refusals    int            // in a row
	unjudged    string         // the kind of failure of its last stream, if that had a ticket: it is none if the ticket has run out
	requestedAt time.Time      // when it asked for the stream; zero after the first event
	deadline    time.Time      // read deadline

	manner     manner      // how it behaves
	leaving    atomic.Bool // it must not come back
	view       listenerView
	wakeBuffer [256]byte // the buffer that each read begins with
}

// eventSink takes in the events that listeners are shown. All listeners call it
// concurrently.
type eventSink interface {
	received(v *listenerView, e *event, at time.Time)
}

// Sizes in bytes.
const (
	maxFrame       = 1 << 20  // greatest size of one event
	readBufferSize = 16 << 10 // size of a borrowed buffer
)

// requestStream asks for a stream over a new connection, and returns when the server
// answered. request is what streamRequest returns. Any part of the body that came with the
// header is kept for listen.
func (l *listener) requestStream(conn net.Conn, request []byte, at *streamAddress, deadline time.Time) (live time.Time, err error) {
	l.deadline = deadline
	_ = conn.SetDeadline(deadline) // if it fails, the request fails too
	if l.lastID != "" {
		request = fmt.Appendf(request, "Last-Event-ID: %s\r\n", l.lastID)
	}
	request = l.cookies.addTo(at.endpoint.url.Scheme, append(request, '\r', '\n'))
	if _, err := conn.Write(request); err != nil {
		return time.Time{}, err
	}
	r := responseReader{from: conn, buf: make([]byte, 1024)}
	h, err := r.head()
	if err != nil {
		return time.Time{}, err
	}
	live = time.Now()
	l.cookies.keep(at.endpoint.url.Scheme, request, h.cookies)
	if h.status != http.StatusOK || !h.eventStream {
		return live, at.endpoint.refusal(at.path, h.status, h.location, h.retryAfter, r.buf[r.r:r.w])
	}
	_ = conn.SetWriteDeadline(time.Time{}) // nothing more is written
	l.isChunked, l.early = h.chunked, r.buf[r.r:r.w]
	if len(l.early) == 0 {
		l.early = nil // this frees the buffer
	}
	return live, nil
}

// listen reads events until the connection ends, and returns why it ended.
func (l *listener) listen(a *audience) error {
	early := l.early
	l.early, l.deadline = nil, time.Time{} // that of the request
	if err := l.readMore(a, early, false, time.Now()); err != nil {
		return err
	}
	due := false // something was sent before the silence that is waited for
	for {
		now := time.Now()
		if l.deadline.Sub(now) < a.silence*2/3 { // not before every read, because setting it costs a timer
			l.deadline = now.Add(a.silence)
			_ = l.conn.SetReadDeadline(l.deadline) // if it fails, the read fails too
		}
		n, err := l.conn.Read(l.wakeBuffer[:])
		if n > 0 {
			due = false
			err = l.readMore(a, l.wakeBuffer[:n], n == len(l.wakeBuffer), time.Now())
		}
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && !due:
			due = a.lastSent().After(now) // perhaps just now: the stream has as long again to show it
		case err != nil:
			return closedError(err)
		}
	}
}

// readMore processes first, which was read at the moment at. If more is set, it first
// reads the bytes that are probably waiting.
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
		// If a read filled the buffer, more bytes are probably waiting. If there happen
		// to be none, Read blocks until the next bytes come, and the event before them
		// is delivered late.
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

// takeEvents delivers the complete events in buf, and keeps the beginning of the next
// one. The first held bytes of buf were kept before, and their chunk framing is removed
// already.
func (l *listener) takeEvents(a *audience, buf []byte, held int, at time.Time) error {
	if l.isChunked {
		out, _, err := l.chunks.decode(buf[held:])
		if err != nil {
			return err
		}
		buf = buf[:held+len(out)]
	}
	if !l.begun { // one byte order mark may stand before the stream
		if len(buf) < len(text.ByteOrderMark) && strings.HasPrefix(text.ByteOrderMark, string(buf)) {
			l.unfinished = bytes.Clone(buf)
			return l.ended()
		}
		buf, l.begun = bytes.TrimPrefix(buf, []byte(text.ByteOrderMark)), true
	}
	for {
		var retry time.Duration
		if buf, retry = cutBetween(buf); retry > 0 {
			l.retry = retry
		}
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
	return l.ended()
}

// ended returns an error if the body has ended.
func (l *listener) ended() error {
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
