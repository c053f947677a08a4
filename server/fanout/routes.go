package fanout

import (
	"cmp"
	"net/http"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/text/quote"
	"github.com/emostream/emostream/internal/wire"
)

// Routes adds the streams and /readyz to a mux. /healthz is the caller's.
func (s *Server) Routes(mux *http.ServeMux) {
	mux.Handle("/"+s.cfg.Name, s.stream(singleEmojis))
	mux.Handle("/v1/swarm", s.stream(swarms))
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

// stream answers requests with streams of a kind.
func (s *Server) stream(k streamKind) http.Handler {
	return httpserve.Methods(func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, k) }, http.MethodGet)
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request, k streamKind) {
	asked := r.URL.Query()
	channel, signals := cmp.Or(asked.Get("channel"), wire.MainChannel), asked.Get("signals")
	if !wire.ValidChannel(channel) {
		httpserve.Refusalf(http.StatusUnprocessableEntity, "invalid_channel", "channel %s: 1 to %d of A-Z a-z 0-9 . _ - are allowed", quote.Text(channel, 32), wire.MaxChannel).ServeHTTP(w, r)
		return
	}
	if signals != "" && signals != "1" {
		httpserve.Refusalf(http.StatusUnprocessableEntity, "invalid_signals", "signals %s: 1 is allowed, and without it heartbeats are comments", quote.Text(signals, 32)).ServeHTTP(w, r)
		return
	}
	admitted, refusal := s.admit(r, asked, channel)
	if refusal != nil {
		refusal.ServeHTTP(w, r)
		return
	}
	h := w.Header()
	from := admitted.from
	if r.Method != http.MethodHead {
		if refusal := s.takePlace(from); refusal != nil {
			h.Set("Connection", "close") // the client has nothing more to ask of this server
			refusal.ServeHTTP(w, r)
			return
		}
	}
	h.Set("Content-Type", "text/event-stream; charset=utf-8") // else requests (Python) takes the byte 0x85 of some emojis for a line end
	h.Set("Cache-Control", "no-store, no-transform")          // else proxies compress the stream, and hold events back meanwhile
	h.Set("X-Accel-Buffering", "no")                          // else nginx holds events back
	switch {
	case r.Method == http.MethodHead:
		w.WriteHeader(http.StatusOK)
	case !s.accepts(from):
		s.freePlace(from)
		s.putOff(w, signals == "1")
	default:
		s.connect(w, r, &listener{kind: k, from: from, channel: s.hub.join(channel), lastSeen: lastSeen(lastEventID(r.Header, asked)), until: admitted.until, signals: signals == "1"})
	}
}

// connect gives a listener to one of the shards, in turn. If its socket can be taken
// from net/http, the request's goroutine ends; else it stays, to write what the
// shard hands it.
func (s *Server) connect(w http.ResponseWriter, r *http.Request, l *listener) {
	s.metrics.connected.Inc()
	sh := s.shards[s.nextShard.Add(1)%uint32(len(s.shards))]
	l.unchunked = !r.ProtoAtLeast(1, 1)
	if socket, head, err := takeSocket(w, r, l.unchunked, s.cfg.StallTimeout); err == nil {
		l.transport = socket
		s.cfg.Logger.Debug("client connected", "client", l)
		sh.Add(l, head)
		return
	}
	boundSocket(r, s.cfg.StallTimeout)
	t := newHTTPTransport(w, r)
	l.transport, l.unchunked = t, true
	s.cfg.Logger.Debug("client connected", "client", l)
	sh.Add(l, nil)
	t.run(r.Context(), sh, l)
}

// disconnected frees the place of a listener whose stream has ended. Its shard calls
// it.
func (s *Server) disconnected(l *listener, why error) {
	s.hub.leave(l.channel)
	s.freePlace(l.from)
	s.cfg.Logger.Debug("client left", "client", l, "because", why)
}
