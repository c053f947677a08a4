package ingest

import (
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/quota"
	"github.com/emostream/emostream/server/access"
)

// Quotas limit what one client may send. A reaction costs as many tokens as it counts
// for. A reaction that is refused costs none, unless the log failed. But in an array or
// a stream its address pays one token for it all the same: otherwise thousands in one
// request, none of which is taken, would keep the server busy at no cost.
type Quotas struct {
	User    quota.Rate // for each user_id; zero: no limit
	Address quota.Rate // for each IPv4 address, each /64 of IPv6, and each user who has a token; zero: no limit
	// SpareLoopback says that addresses on loopback have no limit. Users who have a token
	// have one there, too.
	SpareLoopback bool
}

// DefaultAddressRate returns the limit for each address that serve has by default, except
// for those on loopback. It is a quarter of the single reactions that two cores carry
// through the whole pipeline, and 5,000 people behind one address may react once a second
// each. The burst lets the longest array through.
func DefaultAddressRate() quota.Rate { return quota.Rate{PerSecond: 5000, Burst: 10_000} }

// maxKeys is how many users are told apart, and how many addresses. Each of the two
// takes 2 MiB. Package quota says what happens if there are more.
const maxKeys = 1 << 17

// quotas are the token buckets of users and of addresses; nil: no limit.
type quotas struct {
	users, addresses *quota.Limiter
	spareLoopback    bool
}

func newQuotas(cfg Quotas) quotas {
	limiter := func(r quota.Rate) *quota.Limiter {
		if r == (quota.Rate{}) {
			return nil
		}
		return quota.New(r, maxKeys)
	}
	return quotas{users: limiter(cfg.User), addresses: limiter(cfg.Address), spareLoopback: cfg.SpareLoopback}
}

// bucket returns the key of an address's token bucket. It returns 0 if the address has
// no limit, or is not known.
func (q *quotas) bucket(address netip.Addr) uint64 {
	if q.addresses == nil || !address.IsValid() || q.spareLoopback && address.IsLoopback() {
		return 0
	}
	return q.addresses.AddressKey(address)
}

// refusalIfSpent returns a refusal if a client's address has no token left, else nil. It
// is called before the body is read.
func (q *quotas) refusalIfSpent(from client) *httpserve.Refusal {
	if wait := q.delay(from); wait > 0 {
		return rateLimited(access.Holder(from.address), q.addresses, wait)
	}
	return nil
}

// delay returns how long it takes until a client's address has a token; 0 if it has one.
func (q *quotas) delay(from client) time.Duration {
	if from.bucket == 0 {
		return 0
	}
	return q.addresses.Delay(from.bucket, time.Now())
}

// takeOne takes a token of a client's address for a reaction in an array or a stream,
// before it is looked at. It returns false if there is none.
func (q *quotas) takeOne(from client) bool {
	return from.bucket == 0 || q.addresses.Take(from.bucket, 1, time.Now()) == 0
}

// spent returns the refusal of a reaction for which takeOne had no token.
func (q *quotas) spent(from client) *httpserve.Refusal {
	return rateLimited(access.Holder(from.address), q.addresses, q.delay(from))
}

// charge takes n tokens of a client's address for a request that is refused whole, more
// than there are if need be.
func (q *quotas) charge(from client, n int) {
	if from.bucket != 0 {
		q.addresses.Charge(from.bucket, n, time.Now())
	}
}

// take takes a reaction's tokens from both its user and its address, or refuses the
// reaction and takes none.
func (q *quotas) take(one reaction, from client) *httpserve.Refusal {
	if q.users == nil && from.bucket == 0 {
		return nil
	}
	now := time.Now()
	var user uint64
	if q.users != nil {
		user = q.user(one, from)
		if refusal := take(q.users, user, one.count, 0, "user_id", now); refusal != nil {
			return refusal
		}
	}
	if from.bucket == 0 {
		return nil
	}
	refusal := take(q.addresses, from.bucket, one.count, from.paid, access.Holder(from.address), now)
	if refusal != nil && q.users != nil {
		q.users.Refund(user, one.count)
	}
	return refusal
}

// user returns the key of the bucket of a reaction's user.
func (q *quotas) user(one reaction, from client) uint64 {
	return from.userKey(q.users.Key(one.UserID))
}

// userKey returns the key of the bucket of a user of a client's reactions, of whose name
// the key is given. One whom a token has proven has another bucket than the one of that
// name whom anybody can claim to be.
func (c client) userKey(ofName uint64) uint64 {
	if c.caller.Subject != "" {
		return max(1, ^ofName)
	}
	return ofName
}

// refund gives a reaction's tokens back, which take has taken.
func (q *quotas) refund(one reaction, from client) {
	if q.users != nil {
		q.users.Refund(q.user(one, from), one.count)
	}
	if from.bucket != 0 {
		q.addresses.Refund(from.bucket, one.count-from.paid)
	}
}

// take takes n tokens, of which some are paid already.
func take(l *quota.Limiter, key uint64, n, paid int, of string, now time.Time) *httpserve.Refusal {
	if burst := l.Rate().Burst; n > burst {
		return httpserve.Refusalf(http.StatusUnprocessableEntity, "invalid_count", "count %d: at most %d are allowed at once for each %s", n, burst, of)
	}
	if wait := l.Take(key, n-paid, now); wait > 0 {
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
