package fanout

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/wire"
)

// kind is a kind of stream: what it shows of an update, and whether it begins
// with the newest window, or with those missed, rather than with the next one.
type kind struct {
	show    func(update) []byte
	replays bool
}

// Routes adds the streams to a mux.
func (s *Server) Routes(mux *http.ServeMux) {
	mux.Handle("/"+s.cfg.Name, httpserve.Streaming(httpserve.Methods(s.singles, http.MethodGet)))
	mux.Handle("/v1/swarm", httpserve.Streaming(httpserve.Methods(s.swarms, http.MethodGet)))
	mux.Handle("/healthz", httpserve.Methods(func(w http.ResponseWriter, _ *http.Request) {
		httpserve.WriteJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	}, http.MethodGet))
	mux.Handle("/readyz", httpserve.Methods(s.readyz, http.MethodGet))
	mux.Handle("/", httpserve.NotFound("/"+s.cfg.Name, "/v1/swarm", "/healthz", "/readyz"))
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	if err := s.Ready(); err != nil {
		httpserve.Problemf(http.StatusServiceUnavailable, "not_ready", "%v", err).ServeHTTP(w, r)
		return
	}
	httpserve.WriteJSON(w, http.StatusOK, map[string]string{"status": "ready"})
}

// swarms is the stream of swarms, which can be resumed.
func (s *Server) swarms(w http.ResponseWriter, r *http.Request) {
	s.stream(w, r, kind{show: func(u update) []byte { return u.swarm }, replays: true})
}

// singles is the stream of single emojis, as the Python system's servers sent
// it. It begins with the next window.
func (s *Server) singles(w http.ResponseWriter, r *http.Request) {
	s.stream(w, r, kind{show: func(u update) []byte { return u.taps }})
}

func (s *Server) stream(w http.ResponseWriter, r *http.Request, k kind) {
	channel := r.URL.Query().Get("channel")
	if channel == "" {
		channel = wire.MainChannel
	}
	if !wire.ValidChannel(channel) {
		httpserve.Problemf(http.StatusUnprocessableEntity, "invalid_channel", "channel %.32q: 1 to %d of A-Z a-z 0-9 . _ - are allowed", channel, wire.MaxChannel).ServeHTTP(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return
	}
	if !s.enter() {
		h.Del("Content-Type")
		(&httpserve.Problem{
			Status: http.StatusServiceUnavailable, Code: "full", RetryAfter: time.Second,
			Message: "this server has reached its capacity: register again for another one",
		}).ServeHTTP(w, r)
		return
	}
	defer s.exit()
	s.cfg.Logger.Debug("client connected", "from", r.RemoteAddr, "stream", r.URL.Path, "channel", channel)
	c := conn{kind: k, w: w, rc: http.NewResponseController(w), server: s, heartbeat: time.NewTicker(s.cfg.Heartbeat)}
	defer c.heartbeat.Stop()
	err := c.run(r.Context(), channel, r.Header.Get("Last-Event-ID"))
	s.cfg.Logger.Debug("client left", "from", r.RemoteAddr, "stream", r.URL.Path, "channel", channel, "because", err)
}

// conn is one listener. It belongs to the goroutine of its request.
type conn struct {
	kind
	w         http.ResponseWriter
	rc        *http.ResponseController
	server    *Server
	heartbeat *time.Ticker // since the last write
}

// run writes until the client leaves, stalls, or the server drains.
func (c *conn) run(ctx context.Context, channel, lastEventID string) error {
	c.server.metrics.connected.Inc()
	hello := sse.AppendRetry(nil, c.server.cfg.Retry)
	select {
	case <-c.server.filled:
	default: // what the ring is filled with is no news to those who wait for it
		if err := c.write(hello); err != nil {
			return err
		}
		if err := c.wait(ctx, c.server.filled); err != nil {
			return err
		}
		hello = nil
	}
	feed, first, at := c.server.hub.join(channel, lastEventID)
	defer c.server.hub.leave(feed)
	if c.replays {
		for _, f := range first {
			hello = append(hello, f...)
		}
	}
	if len(hello) > 0 {
		if err := c.write(hello); err != nil {
			return err
		}
	}
	for {
		updates, next, changed, skipped := feed.after(at)
		at = next
		if skipped {
			c.server.metrics.skipped.Inc()
		}
		for _, u := range updates {
			b := c.show(u) // shared with all other connections
			if len(b) == 0 {
				continue
			}
			if err := c.write(b); err != nil {
				return err
			}
			c.server.metrics.delivered.Inc()
		}
		if err := c.wait(ctx, changed); err != nil {
			return err
		}
	}
}

// wait returns nil when news is closed, and why the stream ends if that comes
// first. It keeps a silent stream alive.
func (c *conn) wait(ctx context.Context, news <-chan struct{}) error {
	for {
		select {
		case <-news:
			return nil
		case <-c.heartbeat.C:
			if err := c.write(sse.AppendComment(nil, "")); err != nil {
				return err
			}
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), httpserve.ErrDraining) {
				// Not all at once, please.
				_ = c.write(sse.AppendRetry(nil, time.Second+rand.N(c.server.cfg.DrainSpread)))
			}
			return context.Cause(ctx)
		}
	}
}

// write sends frames, and fails when the client does not take them in time.
func (c *conn) write(b []byte) error {
	if err := c.rc.SetWriteDeadline(time.Now().Add(c.server.cfg.StallTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	_, err := c.w.Write(b)
	if err == nil {
		err = c.rc.Flush()
	}
	if err != nil {
		c.server.metrics.broken.Inc()
	}
	c.heartbeat.Reset(c.server.cfg.Heartbeat)
	return err
}
