package ingest

import (
	"net/http"
	"net/netip"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/server/access"
)

// client is who sent a request: what it may do, and whose limits it uses up.
//
// Limits go by address. But who has proven who he is has limits of his own, wherever he
// sends from: many people may have one address. An address stands for him that no client
// can have, see [access.People]. Who may send for others has no limits himself; those for whom he
// sends do, each as if he sent himself.
type client struct {
	caller  *access.Caller
	address netip.Addr // not valid: not known, or of somebody who sends for others
	bucket  uint64     // the key of its token bucket; 0: it has no limit
	paid    int        // how many tokens the address has paid for each reaction already
}

// client returns who sent a request. It refuses the request if its token is not taken, or
// if its sender may not send in any channel.
func (h *Handler) client(r *http.Request) (client, *httpserve.Refusal) {
	caller, refusal := h.cfg.Gate.Caller(r)
	if refusal == nil {
		refusal = caller.MayAnywhere(access.Send)
	}
	if refusal != nil {
		return client{}, refusal
	}
	from := client{caller: caller}
	switch {
	case caller.SendsForOthers():
		return from, nil
	case caller.Subject != "":
		userID, _ := caller.SendsAs("")
		return h.as(from, userID), nil
	}
	from.address = httpserve.ClientNetwork(h.cfg.Proxies.ClientIP(r))
	from.bucket = h.quotas.bucket(from.address)
	return from, nil
}

// as returns a client whose limits are those of a user.
func (h *Handler) as(from client, userID string) client {
	from.address, from.paid = h.people.Address(userID), 0
	from.bucket = h.quotas.bucket(from.address)
	return from
}
