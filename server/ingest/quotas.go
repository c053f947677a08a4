package ingest

import (
	"fmt"
	"net/http"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/quota"
)

// Quotas limit what one client may send. A reaction costs as many tokens as it counts
// for. A reaction that is refused because it is not valid, its emoji is not allowed or
// a quota is spent costs none. Any other costs its tokens, even if it is refused
// because too many channels are active or because the log failed.
type Quotas struct {
	User    quota.Rate // for each user_id; zero: no limit
	Address quota.Rate // for each IPv4 address and each /64 of IPv6; zero: no limit
	// Proxies are the proxies that are trusted to name the address of a client.
	Proxies httpserve.Proxies
}

// maxKeys is how many users are told apart, and how many addresses. Each of the two
// takes 2 MiB. Package quota says what happens if there are more.
const maxKeys = 1 << 17

// quotas are the token buckets of users and of addresses; nil: no limit.
type quotas struct {
	users, addresses *quota.Limiter
	proxies          httpserve.Proxies
}

func newQuotas(cfg Quotas) quotas {
	limiter := func(r quota.Rate) *quota.Limiter {
		if r == (quota.Rate{}) {
			return nil
		}
		return quota.New(r, maxKeys)
	}
	return quotas{users: limiter(cfg.User), addresses: limiter(cfg.Address), proxies: cfg.Proxies}
}

// from returns the key of the address that a request came from. It returns 0 if
// addresses have no limit, or if the address is not known.
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

// refusalIfSpent returns a refusal if the address of a request has no token left, else
// nil. It is called before the body is read.
func (q *quotas) refusalIfSpent(r *http.Request) *httpserve.Refusal {
	from := q.from(r)
	if from == 0 {
		return nil
	}
	if wait := q.addresses.Delay(from, time.Now()); wait > 0 {
		return rateLimited("address", q.addresses, wait)
	}
	return nil
}

// take takes a reaction's tokens from both its user and its address, or refuses the
// reaction and takes none.
func (q *quotas) take(one reaction, from uint64) *httpserve.Refusal {
	if q.users == nil && from == 0 {
		return nil
	}
	now := time.Now()
	var user uint64
	if q.users != nil {
		user = q.users.Key(one.UserID)
		if refusal := take(q.users, user, one.count, "user_id", now); refusal != nil {
			return refusal
		}
	}
	if from == 0 {
		return nil
	}
	refusal := take(q.addresses, from, one.count, "address", now)
	if refusal != nil && q.users != nil {
		q.users.Refund(user, one.count)
	}
	return refusal
}

func take(l *quota.Limiter, key uint64, n int, of string, now time.Time) *httpserve.Refusal {
	if burst := l.Rate().Burst; n > burst {
		return httpserve.Refusalf(http.StatusUnprocessableEntity, "invalid_count", "count %d: at most %d are allowed at once for each %s", n, burst, of)
	}
	if wait := l.Take(key, n, now); wait > 0 {
		return rateLimited(of, l, wait)
	}
	return nil
}

func rateLimited(of string, l *quota.Limiter, wait time.Duration) *httpserve.Refusal {
	return &httpserve.Refusal{
		Status: http.StatusTooManyRequests, Code: "rate_limited", RetryAfter: wait,
		Message: fmt.Sprintf("this %s has sent as much as is allowed for each, %v: send it again after %v", of, l.Rate(), max(time.Millisecond, wait.Round(time.Millisecond))),
	}
}
