package loadgen

import (
	"errors"
	"math/rand/v2"
	"net/url"
	"sync/atomic"
	"time"
)

// maxTokenUsers is how many users may show a token each: all of them are remembered.
const maxTokenUsers = 1_000_000

// tokens remembers the token of each user until it is time for another one. It is safe for
// concurrent use.
type tokens struct {
	ask  func(user string, at time.Time) (token string, until time.Time)
	name func(user int) string
	held []atomic.Pointer[heldToken] // by user
}

type heldToken struct {
	token string
	renew time.Time // when another one is asked for
}

// newTokens returns the tokens of the users of a run; nil: they show none.
func (c Config) newTokens(mix reactionMix) *tokens {
	if c.Token == nil {
		return nil
	}
	return &tokens{
		ask: c.Token, held: make([]atomic.Pointer[heldToken], mix.users),
		name: func(user int) string { return string(mix.appendUser(nil, user)) },
	}
}

// of returns the token that a user shows with a request at some moment, or now if that is
// past. It is renewed some time before its end, as clients do: after 70 to 90 % of the time
// that it was for, so that not all are renewed at once.
func (t *tokens) of(user int, at time.Time) string {
	at = later(at, time.Now())
	if known := t.held[user].Load(); known != nil && at.Before(known.renew) {
		return known.token
	}
	token, until := t.ask(t.name(user), at)
	left := float64(until.Sub(at))
	t.held[user].Store(&heldToken{token, at.Add(time.Duration(left * (0.7 + 0.2*rand.Float64())))})
	return token
}

// checkTokens returns what speaks against showing tokens; nil: nothing, or none are shown.
func (c Config) checkTokens(h headers, server *url.URL) error {
	switch {
	case c.Token == nil:
		return nil
	case c.Publish != nil:
		return errors.New("another service is shown no tokens: give them as a header")
	case h.has("Authorization"):
		return errors.New("there is a token, and a header Authorization: a request has one of them")
	case server.User != nil:
		return errors.New("there is a token, and the server has a user: a request shows one of them")
	}
	return nil
}

// withToken returns the headers of requests to the main server, which show the token of
// the user who makes them. Streams are found by an address that lets the listener in.
func (h headers) withToken(t *tokens) headers {
	if t == nil {
		return h
	}
	return append(headers{{"Authorization", template{{text: "Bearer "}, {field: tokenField}}}}, h...)
}
