// Package server is the two HTTP servers of Emostream: the main one, where
// people register and send reactions, and the subscriber server, where they
// watch. What they do is in the packages below: ingest, registry and fanout.
package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/server/fanout"
	"github.com/emostream/emostream/server/ingest"
	"github.com/emostream/emostream/server/registry"
)

// drain is how long requests in flight may take to finish when a server stops,
// unless it is told otherwise.
const drain = 6 * time.Second

// Main is the main server.
type Main struct {
	Ingest   *ingest.Handler
	Registry *registry.Handler
	// Ready says why reactions cannot be taken in now, and returns nil when they
	// can. Default: they can.
	Ready func(context.Context) error
	// Drain is how long requests in flight may take to finish when the server
	// stops: a little more than the time in which the log answers. Default 6 s.
	Drain time.Duration
	// DrainDelay is how long the server goes on, not ready any more and closing
	// connections as it answers, before it takes nothing new. Default 0.
	DrainDelay time.Duration
	// MaxConnections is how many may be open at once; default 10,000. See
	// httpserve.Connections for what happens to the others.
	MaxConnections int
	// ReadTimeout is how long a request, header and body, may take to arrive; default
	// 15 s. A stream of lines has its own bound.
	ReadTimeout time.Duration
	// IdleTimeout is how long a connection is kept for another request; default 2 min.
	IdleTimeout time.Duration
	Origins     httpserve.Origins // whose pages may use the server; default: nobody's
	Logger      *slog.Logger      // default: none
	Metrics     prometheus.Registerer
}

// toAnswer is how long a client may take to read the answer.
const toAnswer = 10 * time.Second

// Serve serves on ln until ctx ends and requests in flight are answered.
func (m *Main) Serve(ctx context.Context, ln net.Listener) error {
	conns := httpserve.LimitConnections(ln, cmp.Or(m.MaxConnections, 10_000))
	m.measure(conns)
	drain, read := cmp.Or(m.Drain, drain), cmp.Or(m.ReadTimeout, 15*time.Second)
	srv := newServer(m.handler(ctx), ln, m.Origins, m.Logger)
	srv.ReadHeaderTimeout = read
	srv.ReadTimeout = read
	srv.WriteTimeout = read + drain + toAnswer // counts from the end of the header
	srv.IdleTimeout = m.IdleTimeout
	serving, stop := after(ctx, m.DrainDelay)
	defer stop()
	return httpserve.Serve(serving, conns, srv, drain)
}

// after returns a context that ends a time after ctx has, or with stop.
func after(ctx context.Context, delay time.Duration) (later context.Context, stop context.CancelFunc) {
	if delay <= 0 {
		return context.WithCancel(ctx)
	}
	later, stop = context.WithCancel(context.WithoutCancel(ctx))
	context.AfterFunc(ctx, func() {
		if sleep.For(later, delay) == nil {
			stop()
		}
	})
	return later, stop
}

func (m *Main) measure(conns *httpserve.Connections) {
	f := promauto.With(m.Metrics)
	f.NewGaugeFunc(prometheus.GaugeOpts{Name: "emostream_connections", Help: "Connections to the main server that are open now."},
		func() float64 { return float64(conns.Open()) })
	f.NewCounterFunc(prometheus.CounterOpts{Name: "emostream_connections_refused_total", Help: "Connections to the main server for which there was no place."},
		func() float64 { return float64(conns.Refused()) })
}

// handler serves every call, and closes connections as it answers once ctx has
// ended: a client that is told so does not send a request that nobody reads.
func (m *Main) handler(ctx context.Context) http.Handler {
	ready := m.Ready
	if ready == nil {
		ready = func(context.Context) error { return nil }
	}
	mux := http.NewServeMux()
	m.Ingest.Routes(mux)
	m.Registry.Routes(mux)
	mux.Handle("/healthz", httpserve.Methods(func(w http.ResponseWriter, _ *http.Request) {
		httpserve.WriteJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	}, http.MethodGet))
	mux.Handle("/readyz", httpserve.Methods(func(w http.ResponseWriter, r *http.Request) {
		err := ready(r.Context()) //nolint:contextcheck // the request's own: ctx is the server's
		if ctx.Err() != nil {
			err = errors.New("the server is stopping: use another one")
		}
		if err != nil {
			httpserve.Refusalf(http.StatusServiceUnavailable, "not_ready", "%v", err).ServeHTTP(w, r)
			return
		}
		httpserve.WriteJSON(w, http.StatusOK, map[string]string{"status": "ready"})
	}, http.MethodGet))
	mux.Handle("/", httpserve.NotFound("/register", "/unregister", "/send_emoji", "/v1/reactions", "/v1/servers", "/healthz", "/readyz"))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ctx.Err() != nil {
			w.Header().Set("Connection", "close")
		}
		mux.ServeHTTP(w, r)
	})
}

// Subscriber is a subscriber server.
type Subscriber struct {
	Fanout  *fanout.Server
	Origins httpserve.Origins // whose pages may listen; default: nobody's
	Logger  *slog.Logger      // default: none
}

// Serve serves on ln until ctx ends and all streams were let go, which takes a
// little more than Fanout's DrainSpread. Fanout's own Run must be running for them
// to be told anything else.
func (s *Subscriber) Serve(ctx context.Context, ln net.Listener) error {
	mux := http.NewServeMux()
	s.Fanout.Routes(mux)
	srv := newServer(mux, ln, s.Origins, s.Logger)
	srv.ConnContext = fanout.ConnContext
	srv.RegisterOnShutdown(s.Fanout.Drain) // when nothing new is accepted any more
	err := httpserve.Serve(ctx, ln, srv, drain)
	s.Fanout.Drain() // it does not wait for connections that were taken from it
	return err
}

func newServer(h http.Handler, ln net.Listener, o httpserve.Origins, log *slog.Logger) *http.Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &http.Server{
		Handler:  httpserve.EchoRequestID(httpserve.LoopbackHost(httpserve.CORS(h, o), ln.Addr())),
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// MaxSkew is how far the clock of a main server may be from the brokers'.
const MaxSkew = 2 * time.Second

// CheckSkew says what is wrong with a clock that is ahead of the brokers' by
// this much.
func CheckSkew(ahead time.Duration) error {
	if ahead.Abs() <= MaxSkew {
		return nil
	}
	where := "ahead of"
	if ahead < 0 {
		where = "behind"
	}
	return fmt.Errorf("this machine's clock is %v %s kafka's, and %v is allowed, because it decides which window a reaction is counted in: set the clock", ahead.Abs().Round(time.Millisecond), where, MaxSkew)
}
