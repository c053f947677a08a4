package ingest

import (
	"fmt"
	"net/http"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/quota"
)

// Quotas are what one client may send. A reaction takes as many tokens as it
// counts for; what is refused for any reason before the log takes none, and what
// the log refuses has taken them.
type Quotas struct {
	User    quota.Rate // for each user_id; zero: no limit
	Address quota.Rate // for each IPv4 address and each /64 of IPv6; zero: no limit
	// Proxies are believed about where a request came from.
	Proxies httpserve.Proxies
}

// rememberedKeys is how many users, and how many addresses, are told apart: 2 MiB
// each. See quota for what happens to those beyond.
const rememberedKeys = 1 << 17

// quotas keeps the books. Those that are off are nil.
type quotas struct {
	users, addresses *quota.Limiter
	proxies          httpserve.Proxies
}

func newQuotas(cfg Quotas) quotas {
	limiter := func(r quota.Rate) *quota.Limiter {
		if r == (quota.Rate{}) {
			return nil
		}
		return quota.New(r, rememberedKeys)
	}
	return quotas{users: limiter(cfg.User), addresses: limiter(cfg.Address), proxies: cfg.Proxies}
}

// from is the key of the address that a request came from; 0 if it does not matter
// or is not known.
func (q *quotas) from(r *http.Request) uint64 {
	if q.addresses == nil {
		return 0
	}
	a := httpserve.ClientNetwork(q.proxies.ClientIP(r))
	if !a.IsValid() {
		return 0
	}
	b := a.As16()
	return q.addresses.Key(string(b[:]))
}

// spent refuses a request of an address that has nothing left, before it is read.
func (q *quotas) spent(r *http.Request) *httpserve.Refusal {
	from := q.from(r)
	if from == 0 {
		return nil
	}
	if wait := q.addresses.Delay(from, time.Now()); wait > 0 {
		return limited("address", q.addresses, wait)
	}
	return nil
}

// take takes what a reaction counts for, from its user and its address, or from
// neither.
func (q *quotas) take(one reaction, from uint64) *httpserve.Refusal {
	if q.users == nil && from == 0 {
		return nil
	}
	now := time.Now()
	var user uint64
	if q.users != nil {
		user = q.users.Key(one.UserID)
		if p := take(q.users, user, one.count, "user_id", now); p != nil {
			return p
		}
	}
	if from == 0 {
		return nil
	}
	p := take(q.addresses, from, one.count, "address", now)
	if p != nil && q.users != nil {
		q.users.Refund(user, one.count)
	}
	return p
}

func take(l *quota.Limiter, key uint64, n int, of string, now time.Time) *httpserve.Refusal {
	if burst := l.Rate().Burst; n > burst {
		return httpserve.Refusalf(http.StatusUnprocessableEntity, "invalid_count", "count %d: at most %d are allowed at once for each %s", n, burst, of)
	}
	if wait := l.Take(key, n, now); wait > 0 {
		return limited(of, l, wait)
	}
	return nil
}

func limited(of string, l *quota.Limiter, wait time.Duration) *httpserve.Refusal {
	return &httpserve.Refusal{
		Status: http.StatusTooManyRequests, Code: "rate_limited", RetryAfter: wait,
		Message: fmt.Sprintf("this %s has sent as much as is allowed for each, %v: send it again after %v", of, l.Rate(), max(time.Millisecond, wait.Round(time.Millisecond))),
	}
}
