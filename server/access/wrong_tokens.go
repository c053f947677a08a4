package access

import (
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/quota"
)

// wrongTokens bounds how much of the processors one address can use up with tokens that
// are not taken: to look at a signature takes longer than all else that is done for a
// request. An address may show a few hundred wrong ones a second, a few thousand at once,
// and four times as many that were right once, or whose key is not known yet: those of all
// people behind one address may run out, or be of a new key, in the same moment. Beyond that only tokens are taken from there
// that were verified before, and others are told to come again. Addresses on loopback and
// trusted proxies have no limit.
type wrongTokens struct {
	proxies httpserve.Proxies
	pace    *quota.Limiter
}

// What a token that is not taken costs its address, and what an address has. Verifying
// takes some 50 microseconds: an address can keep a hundredth of a processor busy.
const (
	wrongTokenCost  = 4
	wrongPerSecond  = 200 * wrongTokenCost
	wrongAtOnce     = 2000 * wrongTokenCost
	wrongTokensKeys = 1 << 14 // addresses that are told apart; package quota says what happens if there are more
)

func newWrongTokens(proxies httpserve.Proxies) wrongTokens {
	return wrongTokens{proxies, quota.New(quota.Rate{PerSecond: wrongPerSecond, Burst: wrongAtOnce}, wrongTokensKeys)}
}

// from returns the address to which the token of a request counts; not valid: it has no
// limit.
func (w *wrongTokens) from(r *http.Request) netip.Addr {
	if a := w.proxies.BoundedIP(r); httpserve.Bounded(a) {
		return httpserve.ClientNetwork(a)
	}
	return netip.Addr{}
}

// refusalIfSpent returns the refusal of a token that is not looked at, or nil.
func (w *wrongTokens) refusalIfSpent(from netip.Addr, now time.Time) *httpserve.Refusal {
	if !from.IsValid() {
		return nil
	}
	wait := w.pace.Delay(w.pace.AddressKey(from), now)
	if wait == 0 {
		return nil
	}
	return &httpserve.Refusal{
		Status: http.StatusTooManyRequests, Code: "rate_limited", RetryAfter: wait,
		Message: fmt.Sprintf("this address has shown so many tokens that are not taken that this one was not looked at: send it again after %v", max(time.Millisecond, wait.Round(time.Millisecond))),
	}
}

// charge counts a token that was refused. tried is how many keys it was compared with: one
// that names none costs as much as that many others.
func (w *wrongTokens) charge(from netip.Addr, code string, tried int, now time.Time) {
	cost := max(1, tried) * map[string]int{"token_invalid": wrongTokenCost, "token_expired": 1, "keys_unavailable": 1}[code]
	if from.IsValid() && cost > 0 {
		w.pace.Charge(w.pace.AddressKey(from), cost, now)
	}
}
