package contract

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/emostream/emostream/server"
)

// maxKept is how many bytes of a body are kept to be checked.
const maxKept = 4 << 20

// Watch returns a handler that passes requests to next, which is a server's, and reports
// what the document does not know.
func (h *HTTP) Watch(kind Server, next http.Handler, report func(error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent := &kept{ReadCloser: r.Body}
		seen := &watched{ResponseWriter: w}
		asked := *r
		if r.Body != nil && r.Body != http.NoBody {
			asked.Body = sent
		}
		next.ServeHTTP(seen, &asked)
		if seen.status == 0 && !seen.hijacked {
			seen.WriteHeader(http.StatusOK)
		}
		a := Answer{
			Server: kind, Method: r.Method, Path: r.URL.EscapedPath(), Sent: sent.bytes(), SentType: r.Header.Get("Content-Type"),
			Status: seen.status, Header: seen.sent, Body: seen.body.Bytes(), Whole: !seen.cut,
		}
		if err := h.Check(a); err != nil {
			report(err)
		}
	})
}

// kept is a body of which a copy is kept.
type kept struct {
	io.ReadCloser
	b   bytes.Buffer
	cut bool
}

func (k *kept) Read(b []byte) (int, error) {
	n, err := k.ReadCloser.Read(b)
	if k.b.Len()+n > maxKept {
		k.cut = true
	} else {
		k.b.Write(b[:n])
	}
	return n, err
}

func (k *kept) bytes() []byte {
	if k.cut {
		return nil
	}
	return k.b.Bytes()
}

// watched is the writer of an answer of which a copy is kept.
type watched struct {
	http.ResponseWriter
	status   int
	sent     http.Header // as they were when they were sent
	body     bytes.Buffer
	stream   bool
	cut      bool
	hijacked bool
}

func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *watched) WriteHeader(status int) {
	if w.status == 0 {
		w.status, w.sent = status, w.Header().Clone()
		w.stream = strings.HasPrefix(w.sent.Get("Content-Type"), "text/event-stream")
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *watched) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	switch {
	case w.stream:
	case w.body.Len()+len(b) > maxKept:
		w.cut = true
	default:
		w.body.Write(b)
	}
	return w.ResponseWriter.Write(b)
}

// Hijack is called for an event stream whose connection the server takes over. The headers
// are those that it sends.
func (w *watched) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err == nil {
		w.hijacked, w.status, w.sent = true, http.StatusOK, w.Header().Clone()
	}
	return conn, rw, err
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// Context returns a context in which the servers of package server report what openapi.yaml
// does not know of their answers.
func (h *HTTP) Context(ctx context.Context, report func(error)) context.Context {
	return server.WithWatch(ctx, func(kind string, next http.Handler) http.Handler { return h.Watch(Server(kind), next, report) })
}
