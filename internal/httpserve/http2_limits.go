package httpserve

import (
	"net/http"
	"sync/atomic"
	"time"
)

// http2Config returns the bounds of one connection over HTTP/2. net/http bounds the rest:
// streams that are reset as soon as they are opened, headers in many frames, and frames
// that want an answer.
func http2Config() *http.HTTP2Config {
	return &http.HTTP2Config{
		MaxConcurrentStreams:          100,              // the least that the standard recommends
		MaxReceiveBufferPerStream:     64 << 10,         // bytes that have come, and that nobody has read yet
		MaxReceiveBufferPerConnection: 256 << 10,        // the same
		WriteByteTimeout:              10 * time.Second, // without it, who never reads holds requests for ever
	}
}

// requestLimit bounds the requests over HTTP/2 that are being answered. One connection
// carries many of them, so that limits on connections do not bound them, as they do for
// HTTP/1. There may be as many as connections, for all addresses together and for each.
//
// A request over the limit is answered with 503 as a connection is, if not too many are
// answered so already. Else its stream is reset.
type requestLimit struct {
	conns    *Connections
	open     atomic.Int64
	shares   *Shares // of single addresses; nil: not bounded
	refusing chan struct{}
}

func newRequestLimit(l *Connections) *requestLimit {
	limit := &requestLimit{conns: l, refusing: make(chan struct{}, maxRefusing)}
	if l.shares != nil {
		limit.shares = NewShares(int64(l.limits.MaxPerAddress))
	}
	return limit
}

// Wrap returns a handler that passes to next the requests within the limit, and all of
// HTTP/1.
func (l *requestLimit) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor < 2 {
			next.ServeHTTP(w, r)
			return
		}
		defer l.open.Add(-1)
		from := l.conns.limits.Proxies.BoundedIP(r)
		switch {
		case l.open.Add(1) > int64(l.conns.limits.Max):
			l.refuse(w, r)
		case l.shares == nil:
			next.ServeHTTP(w, r)
		case !l.shares.Take(from, 1):
			l.refuse(w, r)
		default:
			defer l.shares.Give(from, 1)
			next.ServeHTTP(w, r)
		}
	})
}

func (l *requestLimit) refuse(w http.ResponseWriter, r *http.Request) {
	l.conns.refused.Add(1)
	select {
	case l.refusing <- struct{}{}:
		defer func() { <-l.refusing }()
	default:
		panic(http.ErrAbortHandler)
	}
	refusal := Refusalf(http.StatusServiceUnavailable, "overloaded", "this server answers as many requests as it takes: try again after a second, or elsewhere")
	refusal.RetryAfter = time.Second
	if l.conns.limits.Origins.Invite(r.Header.Get("Origin")) && l.conns.limits.Origins.answer(w.Header(), r) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	refusal.ServeHTTP(w, r)
}
