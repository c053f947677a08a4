package fanout

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/emostream/emostream/internal/controls"
	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/text/quote"
	"github.com/emostream/emostream/internal/ticket"
	"github.com/emostream/emostream/server/access"
)

// admission is what a client may do that is let in.
type admission struct {
	until time.Duration // when its stream ends, by Server.now; 0: it may go on for ever
	// from is whose share of the places it takes: that of its address, or of the user of its
	// ticket or token, who has an address in place of that of the machine.
	from netip.Addr
}

// admit returns what a client may do that asks for a channel, or why it may not listen. A
// server with ticket keys or a gate lets in who has a ticket for the channel, or a token.
// Other servers let everybody in.
func (s *Server) admit(r *http.Request, asked url.Values, channel string) (admission, *httpserve.Refusal) {
	switch now := time.Now(); {
	case s.cfg.Tickets == nil && s.cfg.Gate == nil:
		return admission{from: s.cfg.Proxies.BoundedIP(r)}, nil
	case s.cfg.Tickets != nil && asked.Has("ticket"):
		return s.admitTicket(r, asked["ticket"], channel, now)
	case s.cfg.Gate != nil:
		return s.admitToken(r, channel, now)
	}
	return admission{}, unauthorized("ticket_missing", "this server lets in who has a ticket: register at the main server, and listen to the stream_url that it answers")
}

// admitTicket admits a client by its ticket. If it shows a token, too, both must be of one
// user.
func (s *Server) admitTicket(r *http.Request, tickets []string, channel string, now time.Time) (admission, *httpserve.Refusal) {
	var shown ticket.Opened
	err := ticket.ErrInvalid
	if len(tickets) == 1 {
		shown, err = s.cfg.Tickets.Open(tickets[0], now)
	}
	switch {
	case errors.Is(err, ticket.ErrExpired):
		return admission{}, unauthorized("ticket_expired", "the ticket has run out: register again, with last_event_id to go on where the stream ended")
	case err != nil:
		return admission{}, unauthorized("ticket_invalid", "this ticket was not made by the main server of this installation: register again, and listen to the stream_url as it is")
	case shown.Channel != channel:
		return admission{}, httpserve.Refusalf(http.StatusForbidden, "not_allowed", "the ticket is for the channel %s: register again, with channel=%s", quote.Text(shown.Channel, 64), quote.Text(channel, 64))
	}
	if s.cfg.Gate != nil && access.ShowsToken(r) {
		caller, refusal := s.cfg.Gate.Caller(r)
		if refusal != nil {
			return admission{}, refusal
		}
		if !shown.IsFor(caller.Subject) {
			return admission{}, httpserve.Refusalf(http.StatusForbidden, "user_mismatch", "the ticket is of another user than the token beside it: register again, with that token")
		}
	}
	a := admission{
		until: s.now() + min(shown.Expires.Sub(now), ticket.Lifetime), // not longer, even if the clock of the main server is ahead
		from:  s.people.Address(string(shown.Holder[:])),
	}
	if shown.IsFor("") {
		a.from = s.cfg.Proxies.BoundedIP(r)
	}
	return a, nil
}

// admitToken admits a client by its token, or without one, if anybody may listen. The stream
// of a token ends as that of a ticket does, so that no stream goes on for long whose token is
// not taken any more.
func (s *Server) admitToken(r *http.Request, channel string, now time.Time) (admission, *httpserve.Refusal) {
	caller, refusal := s.cfg.Gate.Caller(r)
	if refusal == nil {
		refusal = caller.May(access.Watch, channel)
	}
	if refusal == nil {
		refusal = s.refusalIfBanned(caller, now)
	}
	switch {
	case refusal != nil:
		return admission{}, refusal
	case caller.Subject == "":
		return admission{from: s.cfg.Proxies.BoundedIP(r)}, nil
	}
	until := ticket.Expiry(now, caller.Expires, rand.Int64N)
	return admission{until: s.now() + until.Sub(now), from: s.people.Address(caller.Subject)}, nil
}

// refusalIfBanned returns why a user may not listen who is banned, or nil. Else whom the main
// server gives no ticket any more would go on with the token.
func (s *Server) refusalIfBanned(caller *access.Caller, now time.Time) *httpserve.Refusal {
	recorded, _ := caller.SendsAs("") // nobody is refused as himself
	c, banned := s.cfg.Controls.Get(controls.User, recorded, now)
	if !banned {
		return nil
	}
	return httpserve.Refusalf(http.StatusForbidden, "banned", "%s: it may not listen, and a stream that it has ends with its ticket or token", c.Describe("user_id "+quote.Text(c.Name, 40)+" is banned"))
}

// unauthorized refuses a client that does not prove that it may listen.
func unauthorized(code, message string) *httpserve.Refusal {
	return &httpserve.Refusal{Status: http.StatusUnauthorized, Code: code, Message: message, Challenge: "Bearer"}
}

// endExpired ends the streams of the given listeners whose ticket or token has run out. The
// stream of a listener in the middle of a frame ends later, and before long.
func (sh *shard) endExpired(some []*listener, now time.Duration) {
	for _, l := range slices.Backward(some) {
		switch {
		case l == nil || l.until == 0 || now < l.until: // nil: it has just been removed
			continue
		case !l.isWaiting():
			_, _ = l.transport.write(l.encodedLast(farewell(expired, sh.server.cfg.Retry, l.signals)))
		case now < l.until+sh.server.cfg.StallTimeout:
			continue
		}
		sh.server.metrics.expired.Inc()
		sh.remove(l, errExpired)
	}
}
