// Package access says who may send, watch and manage. Who sends a request proves it with
// a token, a JWT of the operator's own login, which the gate checks before anything is
// read or reserved for the request.
package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/token"
)

// Config says which tokens are taken.
type Config struct {
	// Keys is a file of public keys in PEM, of a JWKS or with a secret, or the https URL of
	// a JWKS. It may be http where the host is on loopback.
	Keys string
	// Issuer is what a token must have as iss. It must be given with a URL, since a
	// provider serves other programs, too. Default: any.
	Issuer string
	// Audience is one of what a token must have as aud; default emostream.
	Audience string
	// Anonymous is what a request without a token may do, Send or Watch. Default: nothing.
	Anonymous []Action
	// Pseudonyms are those under which people are recorded; default: their own names.
	Pseudonyms *Pseudonyms
	// Proxies are the proxies that are trusted to name the address of a client.
	Proxies httpserve.Proxies
	// Transport asks for a JWKS; default: as net/http does.
	Transport http.RoundTripper
	Logger    *slog.Logger // default: none
	Metrics   prometheus.Registerer
}

// DefaultAudience is what a token must have as aud where nothing else is set.
const DefaultAudience = "emostream"

// Gate checks the tokens of requests. A nil gate has no keys: everybody may send and watch,
// and nobody may manage. It is safe for concurrent use.
type Gate struct {
	want       token.Wanted
	anonymous  *Caller // of requests without a token; nil: they are refused
	pseudonyms *Pseudonyms
	keys       *keyring
	verified   *remembered
	wrong      wrongTokens
	metrics    metrics
}

// New returns a gate. Keys in a file must be there; those at a URL are asked for by Run,
// until when requests with a token are told to come again.
func New(c Config) (*Gate, error) {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Audience == "" {
		c.Audience = DefaultAudience
	}
	for _, action := range c.Anonymous {
		if action != Send && action != Watch {
			return nil, fmt.Errorf("a request without a token may not %s", action)
		}
	}
	m := newMetrics(c.Metrics)
	keys, err := newKeyring(c, m)
	if err != nil {
		return nil, err
	}
	g := &Gate{want: token.Wanted{Issuer: c.Issuer, Audience: c.Audience}, pseudonyms: c.Pseudonyms, keys: keys, verified: newRemembered(), wrong: newWrongTokens(c.Proxies), metrics: m}
	if len(c.Anonymous) > 0 {
		g.anonymous = &Caller{anonymous: slices.Clone(c.Anonymous), pseudonyms: c.Pseudonyms}
	}
	return g, nil
}

// Run reads the keys again and again until ctx ends: a file when it changes, an address
// every two minutes, and sooner when a token names a key that is not known. Keys hold until
// others are read, however long their address cannot be reached.
func (g *Gate) Run(ctx context.Context) error {
	if g == nil {
		<-ctx.Done()
		return nil
	}
	return g.keys.run(ctx)
}

// Status is what is known of the keys of a gate.
type Status struct {
	Source string    // the file or the address
	Keys   int       // how many there are
	Read   time.Time // when they were last read; zero: never
	Err    error     // why reading them failed since; nil: it did not
}

// Status returns what is known of the keys. Without keys it is the zero value.
func (g *Gate) Status() Status {
	if g == nil {
		return Status{}
	}
	return g.keys.status()
}

// Caller returns who sent a request, or why its token is not taken.
func (g *Gate) Caller(r *http.Request) (*Caller, *httpserve.Refusal) {
	if g == nil {
		return everybody, nil
	}
	raw, refusal := tokenOf(r)
	switch {
	case refusal != nil:
		g.metrics.invalid.Inc()
		return nil, refusal
	case raw != "":
		return g.check(raw, g.wrong.from(r))
	case g.anonymous != nil:
		return g.anonymous, nil
	}
	g.metrics.missing.Inc()
	return nil, tokenMissing("this server wants a token: send it as Authorization: Bearer TOKEN")
}

// Check returns who holds a token, or why it is not taken. The gate must not be nil.
func (g *Gate) Check(raw string) (*Caller, *httpserve.Refusal) {
	return g.check(raw, netip.Addr{})
}

// check is Check for a token that was shown from an address; not valid: one without a
// limit.
func (g *Gate) check(raw string, from netip.Addr) (*Caller, *httpserve.Refusal) {
	if len(raw) > token.MaxBytes {
		g.metrics.invalid.Inc()
		return nil, tokenInvalid(fmt.Sprintf("the token has %d bytes: at most %d are taken", len(raw), token.MaxBytes))
	}
	now := time.Now()
	var onStack [2048]byte
	hash := sha256.Sum256(append(onStack[:0], raw...))
	if caller := g.verified.get(hash, now); caller != nil {
		g.metrics.remembered.Inc()
		return caller, nil
	}
	if refusal := g.wrong.refusalIfSpent(from, now); refusal != nil {
		g.metrics.limited.Inc()
		return nil, refusal
	}
	set := g.keys.now.Load()
	claims, key, err := token.Verify(raw, set.keys(), g.want, now)
	if err != nil {
		refusal := g.refusal(err, set, now)
		tried := 0
		if wrong := (*token.Error)(nil); errors.As(err, &wrong) {
			tried = wrong.Tried
		}
		g.wrong.charge(from, refusal.Code, tried, now)
		return nil, refusal
	}
	g.metrics.verified.Inc()
	caller := &Caller{Subject: claims.Subject, Expires: claims.Expires, recordedAs: g.pseudonyms.Of(claims.Subject), scopes: claims.Scopes, pseudonyms: g.pseudonyms}
	if g.anonymous != nil {
		caller.anonymous = g.anonymous.anonymous
	}
	g.verified.put(hash, caller, set.member(key))
	return caller, nil
}

// refusal returns what a request is told whose token is not taken.
func (g *Gate) refusal(err error, set *keySet, now time.Time) *httpserve.Refusal {
	var wrong *token.Error
	switch {
	case errors.Is(err, token.ErrExpired):
		g.metrics.expired.Inc()
		return unauthorized("token_expired", "invalid_token", err.Error())
	case errors.Is(err, token.ErrUnknownKey) && errors.As(err, &wrong):
		if wait := g.keys.ask(wrong.KeyID, set, now); wait > 0 {
			g.metrics.unavailable.Inc()
			refusal := httpserve.Refusalf(http.StatusServiceUnavailable, "keys_unavailable", "%v: the keys are fetched again; try again in a moment", err)
			refusal.RetryAfter = wait
			return refusal
		}
	}
	g.metrics.invalid.Inc()
	return tokenInvalid(err.Error())
}

// challenge is what begins each WWW-Authenticate.
const challenge = `Bearer realm="emostream"`

func unauthorized(code, kind, message string) *httpserve.Refusal {
	refusal := &httpserve.Refusal{Status: http.StatusUnauthorized, Code: code, Message: message, Challenge: challenge}
	if kind != "" {
		refusal.Challenge += `, error="` + kind + `"`
	}
	return refusal
}

func tokenMissing(message string) *httpserve.Refusal {
	return unauthorized("token_missing", "", message)
}

func tokenInvalid(message string) *httpserve.Refusal {
	return unauthorized("token_invalid", "invalid_token", message)
}

// ShowsToken says whether a request shows a token, be it a good one or not.
func ShowsToken(r *http.Request) bool {
	raw, refusal := tokenOf(r)
	return raw != "" || refusal != nil
}

// tokenOf returns the token of a request, which is empty if there is none. More than one
// is refused, since a proxy may have looked at another one; so is one in the query, since
// it would stand in logs.
func tokenOf(r *http.Request) (string, *httpserve.Refusal) {
	if strings.Contains(r.URL.RawQuery, "token=") {
		if query := r.URL.Query(); query.Has("token") || query.Has("access_token") {
			return "", tokenInvalid("a token in the query is not taken, since queries stand in logs: send it as Authorization: Bearer TOKEN")
		}
	}
	headers := r.Header["Authorization"]
	if len(headers) > 1 {
		return "", tokenInvalid("the request has Authorization more than once: send one token")
	}
	if len(headers) == 0 {
		return "", nil
	}
	scheme, raw, _ := strings.Cut(headers[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", nil // such as Basic, for a proxy
	}
	raw = strings.Trim(raw, " ")
	if raw == "" || strings.ContainsAny(raw, " ,\t") {
		return "", tokenInvalid("Authorization: Bearer is not followed by one token")
	}
	return raw, nil
}
