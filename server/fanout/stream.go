package fanout

import (
	"cmp"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/wire"
)

// Routes adds the streams to a mux.
func (s *Server) Routes(mux *http.ServeMux) {
	mux.Handle("/"+s.cfg.Name, s.stream(singles))
	mux.Handle("/v1/swarm", s.stream(swarms))
	mux.Handle("/healthz", httpserve.Methods(func(w http.ResponseWriter, _ *http.Request) {
		httpserve.WriteJSON(w, http.StatusOK, map[string]string{"status": "ok"})
	}, http.MethodGet))
	mux.Handle("/readyz", httpserve.Methods(s.readyz, http.MethodGet))
	mux.Handle("/", httpserve.NotFound("/"+s.cfg.Name, "/v1/swarm", "/healthz", "/readyz"))
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	if err := s.Ready(); err != nil {
		httpserve.Refusalf(http.StatusServiceUnavailable, "not_ready", "%v", err).ServeHTTP(w, r)
		return
	}
	httpserve.WriteJSON(w, http.StatusOK, map[string]string{"status": "ready"})
}

// stream answers with a stream of a kind.
func (s *Server) stream(k kind) http.Handler {
	return httpserve.Methods(func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, k) }, http.MethodGet)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, k kind) {
	channel := cmp.Or(r.URL.Query().Get("channel"), wire.MainChannel)
	if !wire.ValidChannel(channel) {
		httpserve.Refusalf(http.StatusUnprocessableEntity, "invalid_channel", "channel %.32q: 1 to %d of A-Z a-z 0-9 . _ - are allowed", channel, wire.MaxChannel).ServeHTTP(w, r)
		return
	}
	if r.Method != http.MethodHead && !s.enter() {
		s.refuse(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	switch {
	case r.Method == http.MethodHead:
		w.WriteHeader(http.StatusOK)
	case !s.arrivals.Allow():
		s.exit()
		s.putOff(w)
	default:
		s.connect(w, r, &conn{kind: k, feed: s.hub.join(channel), last: lastSeen(r.Header.Get("Last-Event-ID"))})
	}
}

// refuse sends a client to register again, for a place elsewhere.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request) {
	s.metrics.full.Inc()
	w.Header().Set("Connection", "close") // it has no more to ask here
	(&httpserve.Refusal{
		Status: http.StatusServiceUnavailable, Code: "full", RetryAfter: time.Second,
		Message: "this server has reached its capacity: register again for another one",
	}).ServeHTTP(w, r)
}

// putOff ends a stream at its beginning, with a time to come back: after any other
// answer a browser would not.
func (s *Server) putOff(w http.ResponseWriter) {
	s.metrics.putOff.Inc()
	w.Header().Set("Connection", "close")
	_, _ = w.Write(s.later().bytes())
}

// later asks a client to come back, at a time of its own, so that not all do at
// once.
func (s *Server) later() frame {
	return newFrame(func(b []byte) []byte { return sse.AppendRetry(b, time.Second+rand.N(s.cfg.DrainSpread)) })
}

// connect opens a stream. A client whose socket can be had is the shard's from
// here on; for others the request's goroutine stays.
func (s *Server) connect(w http.ResponseWriter, r *http.Request, c *conn) {
	s.metrics.connected.Inc()
	sh := s.shards[s.next.Add(1)%uint32(len(s.shards))]
	c.plain = !r.ProtoAtLeast(1, 1)
	if l, head, err := takeSocket(w, r, c.plain, s.cfg.StallTimeout); err == nil {
		c.line = l
		s.cfg.Logger.Debug("client connected", "client", c)
		sh.Add(c, head)
		return
	}
	l := newRelay(w, r)
	c.line, c.plain = l, true
	s.cfg.Logger.Debug("client connected", "client", c)
	sh.Add(c, nil)
	l.run(r.Context(), sh, c)
}

// left is called by the shard when a stream has ended.
func (s *Server) left(c *conn, why error) {
	s.hub.leave(c.feed)
	s.exit()
	s.cfg.Logger.Debug("client left", "client", c, "because", why)
}
