package fanout

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/text/quote"
	"github.com/emostream/emostream/internal/ticket"
	"github.com/emostream/emostream/server/access"
)

// admit returns when the stream of a client must end that asks for a channel, by Server.now
// (0: never), or why the client may not listen. A server with ticket keys or a gate lets in
// who has a ticket for the channel, or a token. Other servers let everybody in.
func (s *Server) admit(r *http.Request, asked url.Values, channel string) (until time.Duration, refusal *httpserve.Refusal) {
	switch now := time.Now(); {
	case s.cfg.Tickets == nil && s.cfg.Gate == nil:
		return 0, nil
	case s.cfg.Tickets != nil && asked.Has("ticket"):
		return s.admitTicket(r, asked["ticket"], channel, now)
	case s.cfg.Gate != nil:
		return s.admitToken(r, channel, now)
	}
	return 0, unauthorized("ticket_missing", "this server lets in who has a ticket: register at the main server, and listen to the stream_url that it answers")
}

// admitTicket admits a client by its ticket. If it shows a token, too, both must be of one
// user.
func (s *Server) admitTicket(r *http.Request, tickets []string, channel string, now time.Time) (until time.Duration, refusal *httpserve.Refusal) {
	var shown ticket.Opened
	err := ticket.ErrInvalid
	if len(tickets) == 1 {
		shown, err = s.cfg.Tickets.Open(tickets[0], now)
	}
	switch {
	case errors.Is(err, ticket.ErrExpired):
		return 0, unauthorized("ticket_expired", "the ticket has run out: register again, with last_event_id to go on where the stream ended")
	case err != nil:
		return 0, unauthorized("ticket_invalid", "this ticket was not made by the main server of this installation: register again, and listen to the stream_url as it is")
	case shown.Channel != channel:
		return 0, httpserve.Refusalf(http.StatusForbidden, "not_allowed", "the ticket is for the channel %s: register again, with channel=%s", quote.Text(shown.Channel, 64), quote.Text(channel, 64))
	}
	if s.cfg.Gate != nil && r.Header.Get("Authorization") != "" {
		caller, refusal := s.cfg.Gate.Caller(r)
		if refusal != nil {
			return 0, refusal
		}
		if !shown.IsFor(caller.Subject) {
			return 0, httpserve.Refusalf(http.StatusForbidden, "user_mismatch", "the ticket is of another user than the token beside it: register again, with that token")
		}
	}
	return s.now() + min(shown.Expires.Sub(now), ticket.Lifetime), nil // not longer, even if the clock of the main server is ahead
}

// admitToken admits a client by its token, or without one, if anybody may listen. The stream
// of a token ends as that of a ticket does, so that no stream goes on for long whose token is
// not taken any more.
func (s *Server) admitToken(r *http.Request, channel string, now time.Time) (until time.Duration, refusal *httpserve.Refusal) {
	caller, refusal := s.cfg.Gate.Caller(r)
	if refusal == nil {
		refusal = caller.May(access.Watch, channel)
	}
	switch {
	case refusal != nil:
		return 0, refusal
	case caller.Subject == "":
		return 0, nil
	}
	return s.now() + ticket.Expiry(now, caller.Expires, rand.Int64N).Sub(now), nil
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
			_, _ = l.transport.write(l.encodedLast(sh.server.retry))
		case now < l.until+sh.server.cfg.StallTimeout:
			continue
		}
		sh.server.metrics.expired.Inc()
		sh.remove(l, errExpired)
	}
}
