package fanout

import (
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/sse"
)

// takePlace counts a listener in, and returns false if the server is full. Else
// freePlace must follow.
func (s *Server) takePlace() bool {
	for {
		n := s.clients.Load()
		if n >= int64(s.cfg.Capacity) {
			return false
		}
		if s.clients.CompareAndSwap(n, n+1) {
			s.opened.Add(1)
			s.moves.Add(1)
			return true
		}
	}
}

func (s *Server) freePlace() {
	s.clients.Add(-1)
	s.moves.Add(1)
}

// refuseFull refuses a client because the server is full: it is to register again,
// for a place on another server.
func (s *Server) refuseFull(w http.ResponseWriter, r *http.Request) {
	s.metrics.full.Inc()
	w.Header().Set("Connection", "close") // it has no more to ask here
	(&httpserve.Refusal{
		Status: http.StatusServiceUnavailable, Code: "full", RetryAfter: time.Second,
		Message: "this server has reached its capacity: register again for another one",
	}).ServeHTTP(w, r)
}

// putOff answers a client that came when too many did: with a stream that ends at
// once and says when to come back. After an answer with another status a browser
// would not come back.
func (s *Server) putOff(w http.ResponseWriter) {
	s.metrics.putOff.Inc()
	w.Header().Set("Connection", "close")
	_, _ = w.Write(s.comeBackLater().bytes())
}

// comeBackLater tells a client when to come back: after a time that is drawn for it,
// so that not all come at once.
func (s *Server) comeBackLater() frame {
	return newFrame(func(b []byte) []byte { return sse.AppendRetry(b, time.Second+rand.N(s.cfg.DrainSpread)) })
}
