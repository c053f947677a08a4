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
	Origins httpserve.Origins // whose pages may listen; default: none's
	Logger  *slog.Logger      // default: none
}

// Serve serves on ln until ctx ends and all streams are closed, which takes a little
// more than Fanout's DrainSpread. For listeners to be sent any window, Fanout.Run must
// run meanwhile.
func (s *Subscriber) Serve(ctx context.Context, ln net.Listener) error {
	mux := http.NewServeMux()
	s.Fanout.Routes(mux)
	srv := newServer(mux, ln, s.Origins, s.Logger)
	srv.ConnContext = fanout.ConnContext
	srv.RegisterOnShutdown(s.Fanout.Drain) // called when ln is closed
	err := httpserve.Serve(ctx, ln, srv, defaultDrain)
	s.Fanout.Drain() // waits for the streams on sockets, as httpserve does not
	return err
}
