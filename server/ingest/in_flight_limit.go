package ingest

import (
	"cmp"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/emostream/emostream/internal/httpserve"
)

// Bounds limit what is in flight. A request that would exceed one of them is refused at
// once, before its body is read, with status 503, code overloaded and Retry-After.
// Nothing of it is written. So the requests that were let in stay fast when too many
// come. And when the log is slow or cannot be reached, nothing piles up: at most what
// is in flight waits for it.
type Bounds struct {
	// MaxRequests is how many requests other than streams may be in flight; default
	// 2,048. On HTTP/1.1 a connection has one at a time.
	MaxRequests int
	// MaxBytes is how many bytes the bodies of the requests that MaxRequests bounds may
	// have together; default 64 MiB. A body of unknown length counts as one of the
	// greatest length allowed.
	MaxBytes int64
	// MaxStreams is how many streams of lines may be open; default 256. Each takes up
	// to 1 MiB of memory.
	MaxStreams int
	// StreamIdleTimeout is how long a stream of lines may send nothing; default 2 min.
	StreamIdleTimeout time.Duration
	// LogFull returns whether the log takes nothing more at the moment; nil: it never
	// does.
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

// inFlight counts the requests, their bytes and the streams that are being served.
type inFlight struct {
	Bounds
	requests, bytes, streams atomic.Int64
}

// register adds the counts to the metrics.
func (f *inFlight) register(metrics promauto.Factory) {
	for name, of := range map[string]struct {
		n    *atomic.Int64
		help string
	}{
		"requests_in_flight":      {&f.requests, "Requests, streams apart, that are being taken in now."},
		"request_bytes_in_flight": {&f.bytes, "Bytes that their bodies have, at most."},
		"streams_open":            {&f.streams, "Streams of lines that are open now."},
	} {
		metrics.NewGaugeFunc(prometheus.GaugeOpts{Name: "emostream_" + name, Help: of.help}, func() float64 { return float64(of.n.Load()) })
	}
}

// enter counts a request in. bytes is how many bytes of its body will be read at most.
// If a bound is exceeded, enter counts nothing and returns the refusal. Otherwise the
// caller must call leave when the request is answered.
func (f *inFlight) enter(bytes int64) *httpserve.Refusal {
	switch {
	case f.requests.Add(1) > int64(f.MaxRequests):
		f.requests.Add(-1)
		return overloaded("as many requests are in flight as this server takes")
	case f.bytes.Add(bytes) > f.MaxBytes:
		f.leave(bytes)
		return overloaded("the requests in flight are as large as this server takes")
	case f.LogFull():
		f.leave(bytes)
		return overloaded("as many reactions are waiting for kafka as this server keeps")
	}
	return nil
}

func (f *inFlight) leave(bytes int64) {
	f.bytes.Add(-bytes)
	f.requests.Add(-1)
}

// openStream counts a stream in. If a bound is exceeded, it counts nothing and returns
// the refusal. Otherwise the caller must call closeStream when the stream ends.
func (f *inFlight) openStream() *httpserve.Refusal {
	switch {
	case f.streams.Add(1) > int64(f.MaxStreams):
		f.closeStream()
		return overloaded("as many streams of lines are open as this server takes")
	case f.LogFull():
		f.closeStream()
		return overloaded("as many reactions are waiting for kafka as this server keeps")
	}
	return nil
}

func (f *inFlight) closeStream() { f.streams.Add(-1) }

func overloaded(why string) *httpserve.Refusal {
	return &httpserve.Refusal{
		Status: http.StatusServiceUnavailable, Code: "overloaded", RetryAfter: time.Second,
		Message: why + ", and nothing of this one was written: send it again after a second",
	}
}
