package ingest

import (
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/server/access"
)

// client is who sent a request: what it may do, and whose limits it uses up.
//
// Limits go by address. But who has proven who he is has limits of his own, wherever he
// sends from: many people may have one address. An address stands for him that no client
// can have, see [access.People]. Who may send for others has no limits himself; those for
// whom he sends do, each as if he sent himself.
type client struct {
	caller  *access.Caller
	address netip.Addr // not valid: not known, or of somebody who sends for others
	bucket  uint64     // the key of its token bucket; 0: it has no limit
	paid    int        // how many tokens the address has paid for each reaction already

	checked time.Time // when it was last known who it is
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
	from := client{caller: caller, checked: time.Now()}
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

// checkInterval is how often it is asked whether who sends a stream of lines may still send.
const checkInterval = time.Second

// mayNotAnyMore returns why the sender of a stream may not send any more, of which line
// would be the next one: its token has run out, or its key was removed. It returns nil if
// the sender may.
func (h *Handler) mayNotAnyMore(r *http.Request, from *client, line int) *httpserve.Refusal {
	if h.cfg.Gate == nil || time.Since(from.checked) < checkInterval {
		return nil
	}
	again, refusal := h.client(r)
	if refusal == nil {
		*from = again
		return nil
	}
	told := *refusal
	told.Message = fmt.Sprintf("%s; line %d and those after it were not taken", refusal.Message, line)
	return &told
}

// as returns a client whose limits are those of a user.
func (h *Handler) as(from client, userID string) client {
	from.address, from.paid = h.people.Address(userID), 0
	from.bucket = h.quotas.bucket(from.address)
	return from
}
