package fanout

import (
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/sse"
)

// takePlace takes a place for a listener. It returns false if the server is full.
// Otherwise freePlace must follow.
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

// refuseFull refuses a client because the server is full. The client must register
// again, to be sent to another server.
func (s *Server) refuseFull(w http.ResponseWriter, r *http.Request) {
	s.metrics.full.Inc()
	w.Header().Set("Connection", "close") // the client has nothing more to ask of this server
	(&httpserve.Refusal{
		Status: http.StatusServiceUnavailable, Code: "full", RetryAfter: time.Second,
		Message: "this server has reached its capacity: register again for another one",
	}).ServeHTTP(w, r)
}

// putOff answers a client when too many come at once. The answer is a stream that says
// when to come back and ends. Its status is 200, since a browser would not come back
// after another one.
func (s *Server) putOff(w http.ResponseWriter) {
	s.metrics.putOff.Inc()
	w.Header().Set("Connection", "close")
	_, _ = w.Write(s.comeBackLater().bytes())
}

// comeBackLater returns a frame that tells a client when to come back. The time is
// drawn at random, so that not all clients come back at once.
func (s *Server) comeBackLater() frame {
	return newFrame(func(b []byte) []byte { return sse.AppendRetry(b, time.Second+rand.N(s.cfg.DrainSpread)) })
}
