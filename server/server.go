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

	"github.com/emostream/emostream/internal/httpserve"
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
	Drain  time.Duration
	Logger *slog.Logger // default: none
}

// Serve serves on ln until ctx ends and requests in flight are answered.
func (m *Main) Serve(ctx context.Context, ln net.Listener) error {
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
			httpserve.Problemf(http.StatusServiceUnavailable, "not_ready", "%v", err).ServeHTTP(w, r)
			return
		}
		httpserve.WriteJSON(w, http.StatusOK, map[string]string{"status": "ready"})
	}, http.MethodGet))
	mux.Handle("/", httpserve.NotFound("/register", "/unregister", "/send_emoji", "/v1/reactions", "/v1/servers", "/healthz", "/readyz"))
	return httpserve.Serve(ctx, ln, newServer(mux, ln, m.Logger), cmp.Or(m.Drain, drain))
}

// Subscriber is a subscriber server.
type Subscriber struct {
	Fanout *fanout.Server
	// Around wraps everything that is served, for instance with what lets pages of
	// other origins read it; the headers that it sets are sent with streams too.
	// Default: nothing.
	Around func(http.Handler) http.Handler
	Logger *slog.Logger // default: none
}

// Serve serves on ln until ctx ends and all streams were let go, which takes a
// little more than Fanout's DrainSpread. Fanout's own Run must be running for them
// to be told anything else.
func (s *Subscriber) Serve(ctx context.Context, ln net.Listener) error {
	mux := http.NewServeMux()
	s.Fanout.Routes(mux)
	var h http.Handler = mux
	if s.Around != nil {
		h = s.Around(mux)
	}
	srv := newServer(h, ln, s.Logger)
	srv.ConnContext = fanout.ConnContext
	srv.RegisterOnShutdown(s.Fanout.Drain) // when nothing new is accepted any more
	err := httpserve.Serve(ctx, ln, srv, drain)
	s.Fanout.Drain() // it does not wait for connections that were taken from it
	return err
}

func newServer(h http.Handler, ln net.Listener, log *slog.Logger) *http.Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &http.Server{
		Handler:  httpserve.LoopbackHost(h, ln.Addr()),
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
