package server

import (
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
)

// defaultDrain is how long requests in flight may take to finish when a server stops.
const defaultDrain = 6 * time.Second

// newServer returns an HTTP server that does what both servers do with every request
// before h: it echoes the request's id, checks the Host header, X-Forwarded-For and the
// length of the query, and applies CORS.
func newServer(h http.Handler, ln net.Listener, hosts httpserve.HostCheck, f *httpserve.ForwardedCheck, o httpserve.Origins, log *slog.Logger) *http.Server {
	hosts.Logger = log
	return &http.Server{
		Handler:  httpserve.EchoRequestID(hosts.Wrap(f.Handler(httpserve.CORS(httpserve.BoundQuery(h), o)), ln.Addr())),
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// orDiscard returns a logger that drops everything if there is none.
func orDiscard(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return log
}
