package ingest

import (
	"cmp"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/server/access"
)

// Bounds limit what is in flight, for all clients together and for each address, or each
// user who has a token: one may have a quarter of each. A request that would exceed a
// bound is refused at once with status 503, code overloaded and Retry-After. Nothing of it
// is written. So the requests that were let in stay fast when too many come. And when the
// log is slow or cannot be reached, nothing piles up: at most what is in flight waits for
// it.
//
// What counts is what has come. A body counts as it arrives, whatever length was
// declared for it, and only the part above 16 KiB: small bodies, such as those of single
// reactions, are bounded by MaxRequests alone. So large bodies cannot use up what is
// there for single reactions.
type Bounds struct {
	// MaxRequests is how many requests other than streams may be in flight; default
	// 2,048. Half of them may have bodies above 16 KiB. On HTTP/1.1 a connection has one
	// request at a time.
	MaxRequests int
	// MaxBytes is how many bytes of bodies above 16 KiB may be in memory together;
	// default 64 MiB.
	MaxBytes int64
	// MaxStreams is how many streams of lines may be open; default 256. Each takes up
	// to 1 MiB of memory.
	MaxStreams int
	// StreamIdleTimeout is how long a stream of lines may go without a line that is not
	// blank; default 2 min.
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

// inFlight counts the requests, the bytes of large bodies and the streams that are
// being served.
type inFlight struct {
	Bounds
	requests, large, bytes, streams bounded
}

func newInFlight(b Bounds) *inFlight {
	return &inFlight{
		Bounds:   b,
		requests: newBounded("requests in flight", int64(b.MaxRequests), 1),
		large:    newBounded("requests with large bodies", int64(max(1, b.MaxRequests/2)), 1),
		bytes:    newBounded("bytes of large bodies", b.MaxBytes, maxArrayBytes),
		streams:  newBounded("streams of lines", int64(b.MaxStreams), 1),
	}
}

// bounded counts something of which there may be a limited number at one time.
type bounded struct {
	of     string
	limit  int64
	used   atomic.Int64
	shares *httpserve.Shares
}

// newBounded returns a count of at most limit. Each client may have a quarter of it, but
// at least least.
func newBounded(of string, limit, least int64) bounded {
	return bounded{of: of, limit: limit, shares: httpserve.NewShares(max(least, httpserve.Quarter(limit)))}
}

// take counts n more for a client. If there is no room for them, it counts nothing and
// returns the refusal.
func (b *bounded) take(client netip.Addr, n int64) *httpserve.Refusal {
	if !b.shares.Take(client, n) {
		return overloaded("this " + access.Holder(client) + " has its share of the " + b.of + " that this server takes")
	}
	if b.used.Add(n) > b.limit {
		b.give(client, n)
		return overloaded("there are as many " + b.of + " as this server takes")
	}
	return nil
}

func (b *bounded) give(client netip.Addr, n int64) {
	b.used.Add(-n)
	b.shares.Give(client, n)
}

// register adds the counts to the metrics.
func (f *inFlight) register(metrics promauto.Factory) {
	for name, of := range map[string]struct {
		n    *atomic.Int64
		help string
	}{
		"requests_in_flight":      {&f.requests.used, "Requests, streams apart, that are being taken in now."},
		"request_bytes_in_flight": {&f.bytes.used, "Bytes of bodies above 16 KiB that are in memory now, without the first 16 KiB of each."},
		"streams_open":            {&f.streams.used, "Streams of lines that are open now."},
	} {
		metrics.NewGaugeFunc(prometheus.GaugeOpts{Name: "emostream_" + name, Help: of.help}, func() float64 { return float64(of.n.Load()) })
	}
}

// place is the place of one request in flight.
type place struct {
	inFlight *inFlight
	client   netip.Addr
	large    bool  // it counts as a request with a large body
	bytes    int64 // of its body, which are counted
}

// enter counts a request in. declared is the length of its body; -1: not known. If a
// bound is exceeded, enter counts nothing and returns the refusal. Otherwise the caller
// must call leave when the request is answered.
func (f *inFlight) enter(client netip.Addr, declared int64) (place, *httpserve.Refusal) {
	p := place{inFlight: f, client: client}
	if refusal := f.requests.take(client, 1); refusal != nil {
		return p, refusal
	}
	if f.LogFull() {
		p.leave()
		return p, logFull()
	}
	if declared > maxReactionBytes {
		// Bytes that are only announced are not counted. But a body that would not fit
		// now is not read in vain.
		refusal := p.grow(0)
		if refusal == nil && f.bytes.used.Load()+declared-maxReactionBytes > f.bytes.limit {
			refusal = overloaded("the bodies in memory leave no room for one as large as this")
		}
		if refusal != nil {
			p.leave()
			return p, refusal
		}
	}
	return p, nil
}

// grow counts n more bytes of a large body. If there is no room for them, it counts
// nothing and returns the refusal.
func (p *place) grow(n int64) *httpserve.Refusal {
	if !p.large {
		if refusal := p.inFlight.large.take(p.client, 1); refusal != nil {
			return refusal
		}
		p.large = true
	}
	if refusal := p.inFlight.bytes.take(p.client, n); refusal != nil {
		return refusal
	}
	p.bytes += n
	return nil
}

// leave counts the request out.
func (p *place) leave() {
	if p.large {
		p.inFlight.large.give(p.client, 1)
	}
	p.inFlight.bytes.give(p.client, p.bytes)
	p.inFlight.requests.give(p.client, 1)
}

// openStream counts a stream in. If a bound is exceeded, it counts nothing and returns
// the refusal. Otherwise the caller must call closeStream when the stream ends.
func (f *inFlight) openStream(client netip.Addr) *httpserve.Refusal {
	if refusal := f.streams.take(client, 1); refusal != nil {
		return refusal
	}
	if f.LogFull() {
		f.closeStream(client)
		return logFull()
	}
	return nil
}

func (f *inFlight) closeStream(client netip.Addr) { f.streams.give(client, 1) }

func logFull() *httpserve.Refusal {
	return overloaded("as many reactions are waiting for kafka as this server keeps")
}

func overloaded(why string) *httpserve.Refusal {
	return &httpserve.Refusal{
		Status: http.StatusServiceUnavailable, Code: "overloaded", RetryAfter: time.Second,
		Message: why + ", and nothing of this one was written: send it again after a second",
	}
}
