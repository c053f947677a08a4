// Package server is the two HTTP servers of Emostream: the main server, where people
// register and send reactions, and the subscriber server, where they listen. What
// they do is in the packages below: ingest, registry and fanout.
package server

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/server/control"
	"github.com/emostream/emostream/server/ingest"
	"github.com/emostream/emostream/server/registry"
	"github.com/emostream/emostream/server/web"
)

// Main is the main server.
type Main struct {
	Ingest   *ingest.Handler
	Registry *registry.Handler
	Control  *control.Handler // default: nobody can change what is in force over HTTP
	Web      *web.Handler     // default: nothing is served to browsers
	// Ready returns why reactions cannot be taken in now, or nil if they can. Then away
	// is what is wrong with a part of the log that takes none, while others do. Default:
	// they always can.
	Ready func(context.Context) (away []error, err error)
	// Ahead returns what /readyz says of partitions whose reactions are counted, and not
	// shown, because their watermark is ahead of the clock. Default: of none.
	Ahead func() []string
	// Keys returns why the keys of tokens cannot be read, or nil. /readyz tells peers on
	// loopback, so that doctor finds it. Default: they can.
	Keys func() error
	// Open is what anybody may do without a limit. /readyz lists it for peers on loopback,
	// so that doctor finds it. Default: nothing.
	Open []httpserve.Opening
	// Drain is how long requests in flight may take to finish when the server stops. It
	// should be a little longer than the log takes to answer. Default 6 s.
	Drain time.Duration
	// DrainDelay is how long the server goes on serving after it was asked to stop, so
	// that load balancers notice that it stops. Meanwhile /readyz refuses, and each
	// connection is closed after its next answer. Default 0.
	DrainDelay time.Duration
	// MaxConnections is how many may be open at one time; default 10,000. One address may
	// have a quarter of them. httpserve.Connections says what happens to the others.
	MaxConnections int
	// ReadTimeout is how long a request, header and body, may take to arrive; default
	// 15 s. A stream of lines has its own bound.
	ReadTimeout time.Duration
	// IdleTimeout is how long a connection is kept for another request; default 2 min.
	IdleTimeout time.Duration
	Certificate *httpserve.Certificate // what the server shows over HTTPS; nil: it speaks HTTP
	Proxies     httpserve.Proxies      // proxies that are trusted to name the address of a client
	Hosts       httpserve.HostCheck    // the hosts that requests may be for; its Logger is not used
	Origins     httpserve.Origins      // the origins whose pages may use the server; default: none
	Logger      *slog.Logger           // default: none
	Metrics     prometheus.Registerer
}

// headerTimeout is how long the header of a request may take to arrive, also if
// ReadTimeout is longer.
const headerTimeout = 5 * time.Second

// answerTimeout is how long a client may take to read an answer.
const answerTimeout = 10 * time.Second

// Serve serves on ln until ctx ends and requests in flight are answered.
func (m *Main) Serve(ctx context.Context, ln net.Listener) error {
	maxConns := cmp.Or(m.MaxConnections, 10_000)
	log := orDiscard(m.Logger)
	forwarded := httpserve.NewForwardedCheck(m.Proxies, log)
	srv := newServer(ctx, "main", m.handler(ctx, forwarded), ln, m.Hosts, forwarded, m.Origins, log)
	conns := limit(ln, srv, m.Certificate, httpserve.ConnectionLimits{Max: maxConns, MaxPerAddress: httpserve.Quarter(maxConns), Proxies: m.Proxies, Origins: m.Origins})
	m.register(conns)
	drain, read := cmp.Or(m.Drain, defaultDrain), cmp.Or(m.ReadTimeout, 15*time.Second)
	srv.ReadHeaderTimeout = min(read, headerTimeout)
	srv.ReadTimeout = read
	srv.WriteTimeout = read + drain + answerTimeout // counted from the end of the request's header
	srv.IdleTimeout = m.IdleTimeout
	serving, stop := after(ctx, m.DrainDelay)
	defer stop()
	return httpserve.Serve(serving, conns, srv, drain)
}

// after returns a context that ends when delay has passed since the end of ctx, or when
// stop is called.
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

// register adds the numbers of connections to the metrics.
func (m *Main) register(conns *httpserve.Connections) {
	f := promauto.With(m.Metrics)
	f.NewGaugeFunc(prometheus.GaugeOpts{Name: "emostream_connections", Help: "Connections to the main server that are open now."},
		func() float64 { return float64(conns.Open()) })
	f.NewCounterFunc(prometheus.CounterOpts{Name: "emostream_connections_refused_total", Help: "Connections to the main server for which there was no place."},
		func() float64 { return float64(conns.Refused()) })
	registerDelays(m.Metrics, "emostream_", conns)
}

// handler serves every call. After ctx has ended, it closes each connection with the
// next answer, and says so in the answer. Otherwise a client might send another request
// on that connection, and nobody would read it.
func (m *Main) handler(ctx context.Context, forwarded *httpserve.ForwardedCheck) http.Handler {
	ready := m.Ready
	if ready == nil {
		ready = func(context.Context) ([]error, error) { return nil, nil }
	}
	mux := http.NewServeMux()
	m.Ingest.Routes(mux)
	m.Registry.Routes(mux)
	if m.Control != nil {
		m.Control.Routes(mux)
	}
	served := []string{"/register", "/unregister", "/send_emoji", "/v1/reactions", "/v1/config", "/v1/servers", "/v1/controls", "/healthz", "/readyz"}
	if m.Web != nil {
		m.Web.Routes(mux)
		served = append(web.Paths(), served...)
	}
	mux.Handle("/healthz", forwarded.Health())
	mux.Handle("/readyz", httpserve.Methods(func(w http.ResponseWriter, r *http.Request) {
		away, err := ready(r.Context()) //nolint:contextcheck // the request's own: ctx is the server's
		if ctx.Err() != nil {
			err = errors.New("the server is stopping: use another one")
		}
		if err != nil {
			httpserve.Refusalf(http.StatusServiceUnavailable, "not_ready", "%v", err).ServeHTTP(w, r)
			return
		}
		answer := struct {
			Status string              `json:"status"`
			Away   []string            `json:"away,omitempty"`
			Ahead  []string            `json:"ahead,omitempty"`
			Open   []httpserve.Opening `json:"open,omitempty"`
			Keys   string              `json:"keys,omitempty"`
		}{Status: "ready"}
		if httpserve.FromLoopback(r) {
			answer.Open = m.Open
			if m.Keys != nil {
				if err := m.Keys(); err != nil {
					answer.Keys = err.Error()
				}
			}
		}
		if m.Ahead != nil {
			answer.Ahead = m.Ahead()
		}
		for _, err := range away {
			answer.Away = append(answer.Away, err.Error())
		}
		httpserve.WriteJSON(w, http.StatusOK, answer)
	}, http.MethodGet))
	mux.Handle("/", httpserve.NotFound(served...))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ctx.Err() != nil {
			w.Header().Set("Connection", "close")
		}
		mux.ServeHTTP(w, r)
	})
}
