package server

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/emostream/emostream/internal/httpserve"
)

// defaultDrain is how long requests in flight may take to finish when a server stops.
const defaultDrain = 6 * time.Second

// newServer returns an HTTP server that does what both servers do with every request
// before h: it echoes the request's id, applies CORS, checks the Host header,
// X-Forwarded-For and the length of the query, and makes the path plain. CORS goes first,
// so that pages that are invited may read what the others refuse.
//
// In a context of WithWatch the handler is wrapped as that says.
func newServer(ctx context.Context, kind string, h http.Handler, ln net.Listener, hosts httpserve.HostCheck, f *httpserve.ForwardedCheck, o httpserve.Origins, log *slog.Logger) *http.Server {
	hosts.Logger = log
	h = httpserve.EchoRequestID(httpserve.CORS(hosts.Wrap(f.Handler(httpserve.BoundQuery(httpserve.PlainPaths(h))), ln.Addr()), o))
	if watch, ok := ctx.Value(watchKey{}).(func(string, http.Handler) http.Handler); ok {
		h = watch(kind, h)
	}
	return &http.Server{
		Handler:  h,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// watchKey is the key of the function of WithWatch in a context.
type watchKey struct{}

// WithWatch returns a context for tests, in which every server that is served with it has
// its handler wrapped, so that they see each answer. The kind of a server is main or
// subscriber.
func WithWatch(ctx context.Context, wrap func(kind string, h http.Handler) http.Handler) context.Context {
	return context.WithValue(ctx, watchKey{}, wrap)
}

// limit returns the connections of ln within limits, for srv. With a certificate they
// speak TLS.
func limit(ln net.Listener, srv *http.Server, certificate *httpserve.Certificate, limits httpserve.ConnectionLimits) *httpserve.Connections {
	if certificate != nil {
		srv.TLSConfig = certificate.TLSConfig()
		ln = httpserve.HTTPS(ln, srv.TLSConfig)
	}
	return httpserve.LimitConnections(ln, limits)
}

// registerDelays adds to the metrics how often addresses that ask too much had to wait.
func registerDelays(metrics prometheus.Registerer, prefix string, conns *httpserve.Connections) {
	f := promauto.With(metrics)
	f.NewCounterFunc(prometheus.CounterOpts{Name: prefix + "connections_delayed_total", Help: "Connections that waited until they were served, since their address opened many."},
		func() float64 { return float64(conns.Delayed()) })
	f.NewCounterFunc(prometheus.CounterOpts{Name: prefix + "refusals_delayed_total", Help: "Refusals that were held back, since their address was refused often."},
		func() float64 { return float64(conns.DelayedRefusals()) })
}

// orDiscard returns a logger that drops everything if there is none.
func orDiscard(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return log
}
