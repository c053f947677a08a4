package ingest

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/emostream/emostream/internal/httpserve"
)

// Bounds on what is taken in at once. A request over one of them is refused at
// once, before its body is read, with 503, overloaded and Retry-After: nothing of it
// was written. What was let in before is not slower for those who are refused, and
// since the log is handed no more than is in flight, nothing piles up when it is
// slow or gone.
type Bounds struct {
	// Requests is how many requests other than streams may be in flight; default
	// 2,048. On HTTP/1.1 a connection has one at a time.
	MaxRequests int
	// Bytes is how many bytes the bodies of those may have together; default 64 MiB. A
	// body of no declared length counts as the longest that is allowed.
	MaxBytes int64
	// Streams is how many streams of lines may be open; default 256. Each takes up to
	// a mebibyte.
	MaxStreams int
	// Silence is how long a stream of lines may send nothing; default 2 min.
	StreamIdleTimeout time.Duration
	// Full says that the log takes nothing more at the moment; nil: never.
	LogFull func() bool
}

func (b Bounds) withDefaults() Bounds {
	b.MaxRequests = cmp.Or(b.MaxRequests, 2048)
	b.MaxBytes = cmp.Or(b.MaxBytes, 64<<20)
	b.MaxStreams = cmp.Or(b.MaxStreams, 256)
	b.StreamIdleTimeout = cmp.Or(b.StreamIdleTimeout, 2*time.Minute)
	if b.LogFull == nil {
		b.LogFull = func() bool { return false }
	}
	return b
}

// gate counts what is in flight. On the way in it costs two additions.
type gate struct {
	Bounds
	requests, bytes, streams atomic.Int64
}

// measure shows what is in flight.
func (g *gate) measure(f promauto.Factory) {
	for name, of := range map[string]struct {
		n    *atomic.Int64
		help string
	}{
		"requests_in_flight":      {&g.requests, "Requests, streams apart, that are being taken in now."},
		"request_bytes_in_flight": {&g.bytes, "Bytes that their bodies have, at most."},
		"streams_open":            {&g.streams, "Streams of lines that are open now."},
	} {
		f.NewGaugeFunc(prometheus.GaugeOpts{Name: "emostream_" + name, Help: of.help}, func() float64 { return float64(of.n.Load()) })
	}
}

// enter lets a request in whose body has at most so many bytes, or says why not.
// What is let in must leave.
func (g *gate) enter(bytes int64) *httpserve.Refusal {
	switch {
	case g.requests.Add(1) > int64(g.MaxRequests):
		g.requests.Add(-1)
		return overloaded("as many requests are in flight as this server takes")
	case g.bytes.Add(bytes) > g.MaxBytes:
		g.leave(bytes)
		return overloaded("the requests in flight are as large as this server takes")
	case g.LogFull():
		g.leave(bytes)
		return overloaded("as many reactions are waiting for kafka as this server keeps")
	}
	return nil
}

func (g *gate) leave(bytes int64) {
	g.bytes.Add(-bytes)
	g.requests.Add(-1)
}

// open lets a stream in, or says why not. What is let in must close.
func (g *gate) open() *httpserve.Refusal {
	switch {
	case g.streams.Add(1) > int64(g.MaxStreams):
		g.close()
		return overloaded("as many streams of lines are open as this server takes")
	case g.LogFull():
		g.close()
		return overloaded("as many reactions are waiting for kafka as this server keeps")
	}
	return nil
}

func (g *gate) close() { g.streams.Add(-1) }

func overloaded(why string) *httpserve.Refusal {
	return &httpserve.Refusal{
		Status: http.StatusServiceUnavailable, Code: "overloaded", RetryAfter: time.Second,
		Message: why + ", and nothing of this one was written: send it again after a second",
	}
}

// bounded serves a request with a body of at most limit bytes.
func (h *Handler) bounded(w http.ResponseWriter, r *http.Request, limit int64) {
	bytes := r.ContentLength
	switch {
	case bytes < 0:
		bytes = limit
	case bytes > limit:
		bytes = 0 // none of it is read
	}
	if p := h.gate.enter(bytes); p != nil {
		h.turnAway(w, r, p)
		return
	}
	defer h.gate.leave(bytes)
	if p := h.quotas.spent(r); p != nil {
		h.turnAway(w, r, p)
		return
	}
	h.single(w, r, limit)
}

// streamed serves a stream of lines.
func (h *Handler) streamed(w http.ResponseWriter, r *http.Request) {
	if p := h.gate.open(); p != nil {
		h.turnAway(w, r, p)
		return
	}
	defer h.gate.close()
	httpserve.Streaming(http.HandlerFunc(func(w http.ResponseWriter, streaming *http.Request) {
		h.lines(streaming.Context(), w, r)
	})).ServeHTTP(w, r)
}

// turnAway refuses a request without reading its body. Where that has arrived, which
// is the rule, the connection goes on.
func (h *Handler) turnAway(w http.ResponseWriter, r *http.Request, p *httpserve.Refusal) {
	hangUp(w)
	h.refuse(w, r, p)
}

// toAnswer is how long a client may take to read the answer to a bulk.
const toAnswer = 10 * time.Second

// answering begins that time anew: until now it may have been the log that took long,
// or a stream that went on and on.
func answering(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(toAnswer)) // not there in tests without a network
}

// patient reads the body of a stream, which may be long and slow but not silent
// for long.
type patient struct {
	body     io.Reader
	answer   *http.ResponseController
	w        http.ResponseWriter
	silence  time.Duration
	draining context.Context //nolint:containedctx // of one request, as its body
}

func (p *patient) Read(b []byte) (int, error) {
	_ = p.answer.SetReadDeadline(time.Now().Add(p.silence)) // not there in tests without a network
	if p.draining.Err() != nil {
		hangUp(p.w) // as was done when that began, and has just been undone
	}
	return p.body.Read(b)
}
