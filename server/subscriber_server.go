package server

import (
	"context"
	"log/slog"
	"net"
	"net/http"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/server/fanout"
)

// Subscriber is a subscriber server.
type Subscriber struct {
	Fanout  *fanout.Server
	Origins httpserve.Origins // the origins whose pages may listen; default: none
	Logger  *slog.Logger      // default: none
}

// Serve serves on ln until ctx ends and all streams are closed, which takes a little
// more than Fanout's DrainSpread. Fanout.Run must run meanwhile: without it listeners
// are sent no windows.
func (s *Subscriber) Serve(ctx context.Context, ln net.Listener) error {
	mux := http.NewServeMux()
	s.Fanout.Routes(mux)
	srv := newServer(mux, ln, s.Origins, s.Logger)
	srv.ConnContext = fanout.ConnContext
	srv.RegisterOnShutdown(s.Fanout.Drain) // called when ln is closed
	err := httpserve.Serve(ctx, ln, srv, defaultDrain)
	s.Fanout.Drain() // waits for the streams on sockets, of which httpserve knows nothing
	return err
}
