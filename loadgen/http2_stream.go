package loadgen

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
)

// dialStream makes a connection for one event stream.
func (e *endpoint) dialStream(ctx context.Context) (net.Conn, error) {
	if e.http2 == nil {
		return e.dial(ctx)
	}
	conn, _, err := e.dialHTTP2(ctx)
	if err != nil {
		return nil, err
	}
	near, far := net.Pipe()
	s := &http2Stream{Conn: near, far: far, endpoint: e, conn: conn}
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	return s, nil
}

// http2Stream is a connection that carries one request by HTTP/2, and is written to and
// read from as one that speaks HTTP/1.1. So a listener is the same for both.
type http2Stream struct {
	net.Conn // the end of a pipe that the listener reads
	far      net.Conn
	endpoint *endpoint
	conn     *http.ClientConn
	ctx      context.Context //nolint:containedctx // that of the request, which outlives the call that makes it
	cancel   context.CancelFunc

	mu  sync.Mutex // guards err
	err error      // why the stream ended
}

// Write sends the request, which must be whole.
func (s *http2Stream) Write(request []byte) (int, error) {
	r, err := s.endpoint.http2Request(request)
	if err != nil {
		return 0, err
	}
	go s.carry(r.WithContext(s.ctx))
	return len(request), nil
}

// carry makes the request and hands its answer to the listener, until either ends.
func (s *http2Stream) carry(r *http.Request) {
	err := s.answer(r)
	s.mu.Lock()
	s.err = err
	s.mu.Unlock()
	_ = s.far.Close() // it has no error
}

// maxRefusal is how much of an answer that is no stream is read, in bytes.
const maxRefusal = 900

func (s *http2Stream) answer(r *http.Request) error {
	res, err := s.conn.RoundTrip(r)
	if err != nil {
		return s.endpoint.http2Error(err)
	}
	defer res.Body.Close()
	var head bytes.Buffer
	fmt.Fprintf(&head, "HTTP/1.1 %03d \r\n", res.StatusCode)
	if err := res.Header.Write(&head); err != nil {
		return err
	}
	head.WriteString("\r\n")
	kind, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	if res.StatusCode != http.StatusOK || !strings.EqualFold(strings.TrimSpace(kind), "text/event-stream") { // a refusal is read in one piece
		_, _ = head.ReadFrom(io.LimitReader(res.Body, maxRefusal)) // what cannot be read is not shown
	}
	if _, err := s.far.Write(head.Bytes()); err != nil {
		return err
	}
	// Without the structs io.CopyBuffer would use a buffer of its own.
	_, err = io.CopyBuffer(struct{ io.Writer }{s.far}, struct{ io.Reader }{res.Body}, make([]byte, copyBuffer))
	if err != nil {
		return s.endpoint.http2Error(err)
	}
	return nil
}

// copyBuffer is how many bytes of a stream are handed over at a time.
const copyBuffer = 4 << 10

// Read reads of the answer, in the form of HTTP/1.1.
func (s *http2Stream) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	if errors.Is(err, io.EOF) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.err != nil {
			err = s.err
		}
	}
	return n, err
}

// Close ends the stream and its connection.
func (s *http2Stream) Close() error {
	s.cancel()
	return errors.Join(s.Conn.Close(), s.conn.Close())
}
