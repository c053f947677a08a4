package registry

import (
	"cmp"
	"crypto/rand"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/controls"
	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/text/quote"
	"github.com/emostream/emostream/internal/ticket"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/access"
)

// admit returns why a client may not listen to the channel for which it registers, or nil
// if it may. A banned user may not, and nobody may listen to a channel in which no reactions
// are taken. It fills in the id of the user: the one that was given, that of the token, or
// one that is made up.
func (h *Handler) admit(caller *access.Caller, who *registration, now time.Time) *httpserve.Refusal {
	if refusal := caller.May(access.Watch, cmp.Or(who.Channel, wire.MainChannel)); refusal != nil {
		return refusal
	}
	if who.Channel != "" {
		if err := h.channel(who.Channel); err != nil {
			return httpserve.Refusalf(http.StatusUnprocessableEntity, "channel_not_allowed", "%v", err)
		}
	}
	recorded, refusal := caller.SendsAs(string(who.UserID))
	if refusal != nil {
		return refusal
	}
	if c, banned := h.controls.Get(controls.User, recorded, now); banned {
		return httpserve.Refusalf(http.StatusForbidden, "banned", "%s: it may not listen, and a stream that it has ends with its ticket", c.Describe("user_id "+quote.Text(c.Name, 40)+" is banned"))
	}
	who.UserID = cmp.Or(who.UserID, wire.Text(caller.Subject))
	if who.UserID == "" {
		who.UserID = wire.Text("user_" + strings.ToLower(rand.Text()[:12]))
	}
	return nil
}

// usable returns the servers to which clients may be sent: where there are keys, those that
// check tickets.
func (h *Handler) usable(all []roster.Entry) []roster.Entry {
	if h.gate == nil || h.tickets == nil {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(s roster.Entry) bool { return !s.ChecksTickets() })
}

// streamQuery returns the query of the addresses of a client's streams, with its question
// mark, or nothing if there is nothing to say: the channel and the last event, if the client
// named them, and its ticket.
func (h *Handler) streamQuery(caller *access.Caller, who registration, now time.Time) string {
	q := url.Values{}
	if who.Channel != "" {
		q.Set("channel", who.Channel)
	}
	if id, err := strconv.ParseInt(string(who.LastEventID), 10, 64); err == nil && id >= 0 { // else it is no id of an event
		q.Set("last_event_id", string(who.LastEventID))
	}
	if h.tickets != nil {
		q.Set("ticket", h.tickets.Seal(ticket.Ticket{
			Channel: cmp.Or(who.Channel, wire.MainChannel), Subject: caller.Subject, Expires: ticket.Expiry(now, caller.Expires, mathrand.Int64N),
		}))
	}
	if len(q) == 0 {
		return ""
	}
	return "?" + q.Encode()
}
