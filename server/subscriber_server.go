package server

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/server/fanout"
)

// Subscriber is a subscriber server.
type Subscriber struct {
	Fanout  *fanout.Server
	Hosts   httpserve.HostCheck // the hosts that requests may be for; its Logger is not used
	Origins httpserve.Origins   // the origins whose pages may listen; default: none
	Proxies httpserve.Proxies   // proxies that are trusted to name the address of a client
	// Certificate is what the server shows over HTTPS; nil: it speaks HTTP.
	Certificate *httpserve.Certificate
	// MaxConnections is how many may be open at one time beside the streams on sockets;
	// default 10,000. One address may have a quarter of them.
	MaxConnections int
	Logger         *slog.Logger // default: none
	Metrics        prometheus.Registerer
}

// Serve serves on ln until ctx ends and all streams are closed, which takes a little
// more than Fanout's DrainSpread. Fanout.Run must run meanwhile: without it listeners
// are sent no windows.
func (s *Subscriber) Serve(ctx context.Context, ln net.Listener) error {
	log := orDiscard(s.Logger)
	maxConns := cmp.Or(s.MaxConnections, 10_000)
	forwarded := httpserve.NewForwardedCheck(s.Proxies, log)
	mux := http.NewServeMux()
	srv := newServer(ctx, "subscriber", mux, ln, s.Hosts, forwarded, s.Origins, log)
	srv.ConnContext = fanout.ConnContext
	srv.RegisterOnShutdown(s.Fanout.Drain) // called when ln is closed
	conns := limit(ln, srv, s.Certificate, httpserve.ConnectionLimits{Max: maxConns, MaxPerAddress: httpserve.Quarter(maxConns), MinPerSecond: s.Fanout.AddressRate(), Proxies: s.Proxies, Origins: s.Origins})
	promauto.With(s.Metrics).NewCounterFunc(prometheus.CounterOpts{
		Name: "emostream_subscribe_connections_refused_total", Help: "Connections to this subscriber server for which there was no place.",
	}, func() float64 { return float64(conns.Refused()) })
	registerDelays(s.Metrics, "emostream_subscribe_", conns)
	s.Fanout.Routes(mux)
	mux.Handle("/healthz", forwarded.Health())
	err := httpserve.Serve(ctx, conns, srv, defaultDrain)
	s.Fanout.Drain() // waits for the streams on sockets, of which httpserve knows nothing
	return err
}
