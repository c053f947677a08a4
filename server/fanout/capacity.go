package fanout

import (
	"math/rand/v2"
	"net/http"
	"net/netip"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/quota"
	"github.com/emostream/emostream/server/access"
)

// acceptKeys is how many addresses are told apart by how fast they come. Package quota
// says what happens if there are more.
const acceptKeys = 1 << 14

// addressRate returns how many streams one address may open in a second: a quarter of
// all, and at least one.
func addressRate(acceptRate int) quota.Rate {
	n := httpserve.Quarter(acceptRate)
	return quota.Rate{PerSecond: float64(n), Burst: n}
}

// AddressRate returns how many streams one address may open in a second.
func (s *Server) AddressRate() int { return s.addressRates.Rate().Burst }

// takePlace takes a place for a listener from an address. It returns a refusal if the
// server is full, or the address has its share of the places: a quarter. Otherwise
// freePlace must follow.
func (s *Server) takePlace(from netip.Addr) *httpserve.Refusal {
	if !s.shares.Take(from, 1) {
		s.metrics.addressFull.Inc()
		return full("this " + access.Holder(from) + " has its share of the listeners that this server takes: register again for another one")
	}
	for {
		n := s.clients.Load()
		if n >= int64(s.cfg.Capacity) {
			s.shares.Give(from, 1)
			s.metrics.full.Inc()
			return full("this server has reached its capacity: register again for another one")
		}
		if s.clients.CompareAndSwap(n, n+1) {
			s.opened.Add(1)
			s.moves.Add(1)
			return nil
		}
	}
}

func (s *Server) freePlace(from netip.Addr) {
	s.shares.Give(from, 1)
	s.clients.Add(-1)
	s.moves.Add(1)
}

// accepts says whether another stream may be opened now. One address may open a quarter
// of those of a second, so that it does not let others wait.
func (s *Server) accepts(from netip.Addr) bool {
	if httpserve.Bounded(from) {
		if s.addressRates.Take(s.addressRates.AddressKey(httpserve.ClientNetwork(from)), 1, time.Now()) > 0 {
			return false
		}
	}
	return s.acceptRate.Allow()
}

// full refuses a client, which must register again, to be sent to another server.
func full(message string) *httpserve.Refusal {
	return &httpserve.Refusal{Status: http.StatusServiceUnavailable, Code: "full", RetryAfter: time.Second, Message: message}
}

// putOff answers a client when too many come at once. The answer is a stream that says
// when to come back and ends. Its status is 200, since a browser would not come back
// after another one.
func (s *Server) putOff(w http.ResponseWriter, signals bool) {
	s.metrics.putOff.Inc()
	w.Header().Set("Connection", "close")
	_, _ = w.Write(s.comeBackLater(busy, signals).bytes())
}

// comeBackLater returns a frame that tells a client when to come back. The time is
// drawn at random, so that not all clients come back at once.
func (s *Server) comeBackLater(why ending, signals bool) frame {
	return farewell(why, time.Second+rand.N(s.cfg.DrainSpread), signals)
}
