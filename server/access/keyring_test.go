package access_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/emostream/emostream/internal/token"
	"github.com/emostream/emostream/server/access"
)

// provider has a JWKS, and notes when it is asked for it.
type provider struct {
	mu     sync.Mutex
	answer answer
	asked  []time.Time
}

// answer is what a provider answers.
type answer struct {
	status   int
	body     string
	location string
	err      error
	never    bool
	when     <-chan struct{} // nil: at once, or never
}

func (p *provider) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	p.asked = append(p.asked, time.Now())
	a := p.answer
	p.mu.Unlock()
	if a.when != nil || a.never {
		select {
		case <-a.when:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	if a.err != nil {
		return nil, a.err
	}
	return &http.Response{StatusCode: a.status, Header: http.Header{"Location": {a.location}}, Body: io.NopCloser(strings.NewReader(a.body)), Request: r}, nil
}

func (p *provider) set(a answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = a
}

func (p *provider) questions() []time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

// publish makes p answer with a set of keys.
func (p *provider) publish(keys ...map[string]any) {
	p.set(answer{status: http.StatusOK, body: setOf(keys...)})
}

func setOf(keys ...map[string]any) string {
	b, err := json.Marshal(map[string]any{"keys": append([]map[string]any{}, keys...)})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// jwk returns the public key of a login under a kid, as a JWKS has it.
func (l login) jwk(kid string) map[string]any {
	block, _ := pem.Decode(l.public)
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		panic(err)
	}
	in := base64.RawURLEncoding.EncodeToString
	out := map[string]any{"kid": kid, "use": "sig"}
	switch key := key.(type) {
	case *rsa.PublicKey:
		out["kty"], out["n"], out["e"] = "RSA", in(key.N.Bytes()), in(big.NewInt(int64(key.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := key.Bytes()
		if err != nil {
			panic(err)
		}
		out["kty"], out["crv"], out["x"], out["y"] = "EC", "P-256", in(point[1:33]), in(point[33:])
	case ed25519.PublicKey:
		out["kty"], out["crv"], out["x"] = "OKP", "Ed25519", in(key)
	}
	return out
}

// under returns the login with a kid in its tokens.
func (l login) under(kid string) login {
	signer := *l.Signer
	signer.KeyID = kid
	l.Signer = &signer
	return l
}

const (
	issuer  = "https://login.example"
	address = "https://login.example/keys?client=secret-of-a-query"
)

// outcome is what a request with a token is answered.
func outcome(g *access.Gate, raw string) string {
	_, refusal := g.Caller(requestWith("Bearer " + raw))
	return code(refusal)
}

// run runs a gate with the keys of a provider, in the time of the test.
func run(t *testing.T, p *provider, log io.Writer) *access.Gate {
	t.Helper()
	g := newGate(t, access.Config{Keys: address, Issuer: issuer, Transport: p, Logger: slog.New(slog.NewTextHandler(log, nil))})
	runGate(t, g)
	return g
}

func runGate(t *testing.T, g *access.Gate) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- g.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// Each kind of key in a JWKS verifies the tokens that name it, once the set was fetched.
// Until then requests with a token are told to come again.
func TestJWKS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logins := map[string]login{}
		var p provider
		var keys []map[string]any
		for _, kind := range []token.Kind{token.RSA, token.EC, token.Ed25519} {
			l := newLogin(t, kind).under(string(kind))
			logins[string(kind)] = l
			keys = append(keys, l.jwk(string(kind)))
		}
		answers := make(chan struct{})
		p.set(answer{status: http.StatusOK, body: setOf(keys...), when: answers})
		g := run(t, &p, io.Discard)
		synctest.Wait()
		for kind, l := range logins {
			_, refusal := g.Caller(requestWith("Bearer " + l.token(t, nil)))
			if refusal == nil || refusal.Status != http.StatusServiceUnavailable || refusal.Code != "keys_unavailable" || refusal.RetryAfter < time.Second || refusal.RetryAfter > 10*time.Second {
				t.Errorf("%s before there are keys: %+v", kind, refusal)
			}
		}
		if s := g.Status(); s.Keys != 0 || !s.Read.IsZero() || s.Source != "https://login.example/keys" {
			t.Errorf("the status before: %+v", s)
		}
		close(answers)
		synctest.Wait()
		for kind, l := range logins {
			if got := outcome(g, l.token(t, nil)); got != "ok" {
				t.Errorf("%s: %s", kind, got)
			}
			if got := outcome(g, l.under("").token(t, nil)); got != "ok" {
				t.Errorf("%s without a kid: %s", kind, got)
			}
			for other := range logins {
				if got := outcome(g, l.under(other).token(t, nil)); (got == "ok") != (other == kind) || got != "ok" && got != "token_invalid" {
					t.Errorf("%s under the kid of %s: %s", kind, other, got)
				}
			}
		}
		if s := g.Status(); s.Keys != 3 || s.Err != nil || s.Read.IsZero() {
			t.Errorf("the status: %+v", s)
		}
	})
}

// A new key is taken within 10 s of its first use, and the old one goes on until it is
// removed; then it stops within 5 min, with every token that it had verified.
func TestRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p provider
		old, next := newLogin(t, token.EC).under("old"), newLogin(t, token.EC).under("next")
		p.publish(old.jwk("old"))
		g := run(t, &p, io.Discard)
		synctest.Wait()
		oldToken, nextToken := old.token(t, nil), next.token(t, nil)
		for _, at := range []time.Duration{0, 3 * time.Second, time.Minute} {
			time.Sleep(at)
			p.publish(old.jwk("old"))
			synctest.Wait()
			if got := outcome(g, oldToken); got != "ok" {
				t.Fatalf("the old key at %v: %s", at, got)
			}
		}
		p.publish(old.jwk("old"), next.jwk("next"))
		if got := outcome(g, nextToken); got != "keys_unavailable" {
			t.Errorf("the first use of the new key: %s", got)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		for of, raw := range map[string]string{"old": oldToken, "next": nextToken} {
			if got := outcome(g, raw); got != "ok" {
				t.Errorf("10 s after the first use of the new key, the %s one: %s", of, got)
			}
		}
		p.publish(next.jwk("next"))
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if got := outcome(g, nextToken); got != "ok" {
			t.Errorf("the new key alone: %s", got)
		}
		if got := outcome(g, oldToken); got == "ok" {
			t.Error("5 min after it was removed, a token of the old key is taken")
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := outcome(g, oldToken); got != "token_invalid" {
			t.Errorf("after the keys were read again, a token of the old key: %s", got)
		}
		p.publish(old.jwk("next"))
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if got := outcome(g, nextToken); got != "token_invalid" {
			t.Errorf("another key has the kid now: %s", got)
		}
	})
}

// A key that stays is the same key: what it has verified is not verified again.
func TestRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p provider
		l := newLogin(t, token.EC).under("a")
		metrics := prometheus.NewRegistry()
		p.publish(l.jwk("a"))
		g := newGate(t, access.Config{Keys: address, Issuer: issuer, Transport: &p, Metrics: metrics})
		runGate(t, g)
		synctest.Wait()
		raw := l.token(t, map[string]any{"exp": time.Now().Add(20 * time.Minute).Unix()})
		for i := range 4 {
			p.publish(l.jwk("a"), newLogin(t, token.EC).jwk(fmt.Sprint(i)))
			time.Sleep(2 * time.Minute)
			synctest.Wait()
			if got := outcome(g, raw); got != "ok" {
				t.Fatalf("%d: %s", i, got)
			}
		}
		time.Sleep(12*time.Minute - time.Second)
		if got := outcome(g, raw); got != "ok" {
			t.Fatalf("a second before it ends: %s", got)
		}
		time.Sleep(time.Second)
		if got := outcome(g, raw); got != "token_expired" {
			t.Fatalf("when it has run out: %s", got)
		}
		const want = `
# HELP emostream_tokens_total Requests whose token was looked at, by outcome: remembered, verified, missing, invalid, expired, keys_unavailable, or rate_limited.
# TYPE emostream_tokens_total counter
emostream_tokens_total{outcome="expired"} 1
emostream_tokens_total{outcome="invalid"} 0
emostream_tokens_total{outcome="keys_unavailable"} 0
emostream_tokens_total{outcome="missing"} 0
emostream_tokens_total{outcome="rate_limited"} 0
emostream_tokens_total{outcome="remembered"} 4
emostream_tokens_total{outcome="verified"} 1
`
		if err := testutil.GatherAndCompare(metrics, strings.NewReader(want), "emostream_tokens_total"); err != nil {
			t.Error(err)
		}
	})
}

// A kid that is not known gets 503 until the keys were read later, then 401; and again, if
// it was published meanwhile.
func TestUnknownKid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p provider
		known, unknown := newLogin(t, token.EC).under("known"), newLogin(t, token.EC).under("unknown")
		p.publish(known.jwk("known"))
		g := run(t, &p, io.Discard)
		time.Sleep(time.Minute)
		raw := unknown.token(t, nil)
		if got := outcome(g, raw); got != "keys_unavailable" {
			t.Errorf("at first: %s", got)
		}
		synctest.Wait()
		for range 3 {
			if got := outcome(g, raw); got != "token_invalid" {
				t.Errorf("after the keys were read: %s", got)
			}
		}
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		if got := outcome(g, raw); got != "keys_unavailable" || g.Asked() != 1 {
			t.Errorf("long after: %s, and %d kids are remembered", got, g.Asked())
		}
		synctest.Wait()
		if got := outcome(g, raw); got != "token_invalid" {
			t.Errorf("after the keys were read: %s", got)
		}
		p.publish(known.jwk("known"), unknown.jwk("unknown"))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := outcome(g, raw); got != "ok" {
			t.Errorf("published, 10 s after its last use: %s", got)
		}
	})
}

// However many kids are not known, the provider is asked once in 10 s, and those who have
// a good token, or a new one, notice nothing.
func TestFloodOfUnknownKids(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p provider
		l, evil, next := newLogin(t, token.EC).under("good"), newLogin(t, token.EC), newLogin(t, token.EC).under("next")
		p.publish(l.jwk("good"))
		g := run(t, &p, io.Discard)
		synctest.Wait()
		good := l.token(t, nil)
		forged := strings.SplitN(evil.token(t, nil), ".", 2)[1]
		sent := 0
		for range 60 {
			for range 300 {
				sent++
				raw := part(map[string]any{"alg": "ES256", "kid": fmt.Sprintf("kid-%d", sent)}) + "." + forged
				if got := outcome(g, raw); got != "keys_unavailable" {
					t.Fatalf("a kid that is not known: %s", got)
				}
			}
			if got := outcome(g, good); got != "ok" {
				t.Fatalf("a good token: %s", got)
			}
			if n := g.Asked(); n > 1000 {
				t.Fatalf("%d kids that are not known are remembered", n)
			}
			time.Sleep(time.Second)
			synctest.Wait()
		}
		asked := p.questions()
		if len(asked) < 6 || len(asked) > 7 {
			t.Errorf("the provider was asked %d times in a minute", len(asked))
		}
		for i := range asked[1:] {
			if d := asked[i+1].Sub(asked[i]); d < 10*time.Second {
				t.Errorf("it was asked again after %v", d)
			}
		}
		p.publish(l.jwk("good"), next.jwk("next"))
		raw := next.token(t, nil)
		if got := outcome(g, raw); got != "keys_unavailable" {
			t.Errorf("the first use of a new key: %s", got)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if got := outcome(g, raw); got != "ok" {
			t.Errorf("10 s later: %s", got)
		}
	})
}

// Whatever becomes of the address, the keys that were read hold, no request waits, and the
// log says once what is wrong, without the query.
func TestUnreachable(t *testing.T) {
	l, other := newLogin(t, token.EC).under("a"), newLogin(t, token.EC).under("b")
	for name, tt := range map[string]struct {
		answer answer
		says   string
	}{
		"no connection":       {answer{err: errors.New("connection refused")}, "connection refused"},
		"no answer":           {answer{never: true}, "it does not answer within 5s"},
		"an error":            {answer{status: http.StatusInternalServerError, body: `{"keys":[]}`}, "it answers 500"},
		"nothing there":       {answer{status: http.StatusNotFound, body: ""}, "it answers 404"},
		"an empty answer":     {answer{status: http.StatusOK, body: ""}, "no JSON Web Key Set"},
		"a page":              {answer{status: http.StatusOK, body: "<html>log in</html>"}, "no JSON Web Key Set"},
		"another object":      {answer{status: http.StatusOK, body: `{"issuer":"x"}`}, "no JSON Web Key Set"},
		"keys that are null":  {answer{status: http.StatusOK, body: `{"keys":null}`}, "no JSON Web Key Set"},
		"half an answer":      {answer{status: http.StatusOK, body: `{"keys":[`}, "no JSON Web Key Set"},
		"a PEM":               {answer{status: http.StatusOK, body: string(other.public)}, "no JSON Web Key Set"},
		"a secret":            {answer{status: http.StatusOK, body: strings.Repeat("x", 48)}, "no JSON Web Key Set"},
		"an endless answer":   {answer{status: http.StatusOK, body: `{"keys":[` + strings.Repeat(" ", 1<<20) + "]}"}, "more than 1048576 bytes"},
		"sent on in the open": {answer{status: http.StatusFound, location: "http://login.example/keys"}, "by https, not by http"},
		"sent on for ever":    {answer{status: http.StatusFound, location: address}, "redirects more than"},
		"sent on to a file":   {answer{status: http.StatusFound, location: "file:///etc/passwd"}, "has no host"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var p provider
				var log bytes.Buffer
				p.publish(l.jwk("a"))
				g := run(t, &p, &log)
				synctest.Wait()
				remembered := l.token(t, nil)
				if got := outcome(g, remembered); got != "ok" {
					t.Fatal(got)
				}
				p.set(tt.answer)
				for i := range 30 {
					time.Sleep(time.Minute)
					fresh := l.token(t, map[string]any{"sub": fmt.Sprint(i)})
					before := time.Now()
					for _, raw := range []string{remembered, fresh} {
						if got := outcome(g, raw); got != "ok" {
							t.Fatalf("after %d min: %s", i, got)
						}
					}
					if got := outcome(g, other.token(t, nil)); got != "keys_unavailable" {
						t.Fatalf("a key that is not known, after %d min: %s", i, got)
					}
					if d := time.Since(before); d != 0 {
						t.Fatalf("a request waited for %v", d)
					}
					remembered = l.token(t, nil)
				}
				synctest.Wait()
				s := g.Status()
				if s.Err == nil || !strings.Contains(s.Err.Error(), tt.says) || s.Keys != 1 || time.Since(s.Read) < 28*time.Minute {
					t.Errorf("the status is %+v", s)
				}
				p.publish(other.jwk("b"))
				time.Sleep(15 * time.Second) // a question may be on its way
				synctest.Wait()
				if s := g.Status(); s.Err != nil {
					t.Errorf("the status is %+v", s)
				}
				text := log.String()
				if n := strings.Count(text, "level=WARN"); n != 1 || !strings.Contains(text, tt.says) {
					t.Errorf("%d warnings: %s", n, text)
				}
				if strings.Contains(text, "secret-of-a-query") {
					t.Errorf("the query of the address is in the log: %s", text)
				}
			})
		})
	}
}

// Until keys are read for the first time the log does not say that any hold.
func TestNoKeysYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p provider
		var log bytes.Buffer
		p.set(answer{err: errors.New("connection refused")})
		l := newLogin(t, token.EC).under("a")
		g := run(t, &p, &log)
		time.Sleep(time.Minute)
		synctest.Wait()
		if got := outcome(g, l.token(t, nil)); got != "keys_unavailable" {
			t.Error(got)
		}
		text := log.String()
		if strings.Count(text, "level=WARN") != 1 || !strings.Contains(text, "no keys of tokens are read yet") || strings.Contains(text, "hold") {
			t.Errorf("the log says %s", text)
		}
		p.publish(l.jwk("a"))
		time.Sleep(15 * time.Second) // a question may be on its way
		synctest.Wait()
		if got := outcome(g, l.token(t, nil)); got != "ok" {
			t.Error(got)
		}
	})
}

// Keys of a JWKS that do not verify tokens are passed over, and named in the log. A set
// without keys says that none holds any more.
func TestKeysThatAreNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p provider
		var log bytes.Buffer
		good, other := newLogin(t, token.RSA).under("good"), newLogin(t, token.RSA)
		with := func(name string, value any) map[string]any {
			k := other.jwk("bad-" + name)
			k[name] = value
			return k
		}
		ec := newLogin(t, token.EC).jwk("curve")
		ec["y"] = ec["x"]
		okp := newLogin(t, token.Ed25519).jwk("short")
		okp["x"] = "AAAA"
		secret := []byte(strings.Repeat("s", 64))
		bad := []map[string]any{
			{"kty": "oct", "kid": "secret", "k": base64.RawURLEncoding.EncodeToString(secret), "alg": "HS256"},
			with("use", "enc"), with("key_ops", []string{"encrypt"}), with("alg", "ES256"), with("alg", "RSA-OAEP"), with("kty", "DH"), with("kty", 7),
			with("n", "AQAB"), with("n", "!!"), with("e", "AQ"), with("e", "Ag"), with("e", strings.Repeat("A", 20)+"Q"), with("kid", strings.Repeat("k", 300)),
			ec, okp,
			{"kty": "EC", "crv": "secp256k1", "kid": "coin", "x": "AA", "y": "AA"},
			{},
			nil,
		}
		p.publish(append(bad, good.jwk("good"))...)
		g := run(t, &p, &log)
		synctest.Wait()
		if got := outcome(g, good.token(t, nil)); got != "ok" {
			t.Errorf("the good key among others: %s", got)
		}
		if s := g.Status(); s.Keys != 1 || s.Err != nil {
			t.Errorf("%+v", s)
		}
		if n := strings.Count(log.String(), "passed over"); n != len(bad) || !strings.Contains(log.String(), "a secret, which is none where anybody can read it") {
			t.Errorf("%d keys are passed over, of %d: %s", n, len(bad), &log)
		}
		if got := outcome(g, hs256(secret, map[string]any{"alg": "HS256", "kid": "secret"}, claims(nil))); got != "keys_unavailable" {
			t.Errorf("a token signed with a secret that anybody can read: %s", got)
		}
		if got := outcome(g, hs256([]byte(good.jwk("good")["n"].(string)), map[string]any{"alg": "HS256", "kid": "good"}, claims(nil))); got != "token_invalid" {
			t.Errorf("a token signed with the public key as a secret: %s", got)
		}
		limited := good.jwk("good")
		limited["alg"] = "PS512"
		p.publish(limited)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if got := outcome(g, good.token(t, nil)); got != "token_invalid" {
			t.Errorf("RS256 with a key that is for PS512: %s", got)
		}
		p.publish()
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if got := outcome(g, good.token(t, nil)); got == "ok" {
			t.Error("a token is taken, though there is no key any more")
		}
		if !strings.Contains(log.String(), "there are no keys any more") {
			t.Error("the log does not say that there are no keys")
		}
	})
}

// Keys are read only from where nobody on the way can change them, and for one issuer.
func TestAddresses(t *testing.T) {
	for keys, says := range map[string]string{
		"https://login.example/keys":      "",
		"https://login.example:8443":      "",
		"http://localhost:8080/keys":      "",
		"http://127.0.0.1:8080/keys":      "",
		"http://[::1]/keys":               "",
		"http://login.example/keys":       "by https",
		"http://localhost.evil.example/k": "by https",
		"ftp://login.example/keys":        "by https",
		"file:///etc/passwd":              "no host",
		"https:///keys":                   "no host",
		"https://ann:pw@login.example/":   "password",
		"https://%zz/":                    "cannot be read",
	} {
		_, err := access.New(access.Config{Keys: keys, Issuer: issuer})
		if (err == nil) != (says == "") || err != nil && (!strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "pw")) {
			t.Errorf("%s: %v", keys, err)
		}
	}
	if _, err := access.New(access.Config{Keys: address}); !errors.Is(err, access.ErrIssuerMissing) {
		t.Errorf("a URL without an issuer: %v", err)
	}
	set, _ := json.Marshal(map[string]any{"keys": []any{newLogin(t, token.EC).jwk("a")}})
	if _, err := access.New(access.Config{Keys: fileOf(t, set)}); !errors.Is(err, access.ErrIssuerMissing) {
		t.Errorf("a JWKS without an issuer: %v", err)
	}
	if _, err := access.New(access.Config{Keys: "/does/not/exist"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that does not exist: %v", err)
	}
	if _, err := access.New(access.Config{Keys: fileOf(t, newLogin(t, token.EC).public), Anonymous: []access.Action{access.Manage}}); err == nil {
		t.Error("everybody may manage")
	}
}

// Over real TLS: a server whose certificate is not trusted gives no keys.
func TestJWKSOverTLS(t *testing.T) {
	l := newLogin(t, token.EC).under("a")
	set, _ := json.Marshal(map[string]any{"keys": []any{l.jwk("a")}})
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(set) }))
	defer srv.Close()
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	for trusted, transport := range map[bool]http.RoundTripper{true: srv.Client().Transport, false: nil} {
		g := newGate(t, access.Config{Keys: srv.URL, Issuer: issuer, Transport: transport})
		runGate(t, g)
		var s access.Status
		for s.Read.IsZero() && s.Err == nil {
			s = g.Status()
		}
		if (s.Err == nil) != trusted {
			t.Errorf("trusted %v: %+v", trusted, s)
		}
		if got := outcome(g, l.token(t, nil)); (got == "ok") != trusted {
			t.Errorf("trusted %v: %s", trusted, got)
		}
	}
}

// A file is read again when it changes, and the keys of a file that is wrong, gone or half
// written are not taken.
func TestFileThatChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		old, next := newLogin(t, token.EC), newLogin(t, token.Ed25519)
		name := fileOf(t, old.public)
		g := newGate(t, access.Config{Keys: name, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		runGate(t, g)
		oldToken, nextToken := old.token(t, nil), next.token(t, nil)
		expect := func(when, ofOld, ofNext string) {
			t.Helper()
			time.Sleep(6 * time.Second)
			synctest.Wait()
			if a, b := outcome(g, oldToken), outcome(g, nextToken); a != ofOld || b != ofNext {
				t.Errorf("%s: %s and %s", when, a, b)
			}
		}
		write := func(content []byte) {
			t.Helper()
			if err := os.WriteFile(name, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		expect("at first", "ok", "token_invalid")
		write(append(bytes.Clone(old.public), next.public...))
		expect("with both keys", "ok", "ok")
		write(next.public)
		time.Sleep(3 * time.Second)
		if got := outcome(g, oldToken); got != "ok" {
			t.Errorf("while the file is half written: %s", got)
		}
		write(append(bytes.Clone(old.public), next.public...)) // it was half written
		expect("with both keys again", "ok", "ok")
		for what, content := range map[string][]byte{"half a key": next.public[:60], "nothing": nil, "a private key": next.private, "a short secret": []byte("secret")} {
			write(content)
			expect(what, "ok", "ok")
			if s := g.Status(); s.Err == nil || s.Keys != 2 {
				t.Errorf("%s: %+v", what, s)
			}
		}
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
		expect("without the file", "ok", "ok")
		write(next.public)
		expect("with the new key alone", "token_invalid", "ok")
		if s := g.Status(); s.Err != nil || s.Keys != 1 || s.Source != name {
			t.Errorf("%+v", s)
		}
		if strings.Contains(log.String(), "PRIVATE") {
			t.Error("the log holds a key")
		}
	})
}

// While keys come and go, every request is answered by one set of them or the other.
func TestRotationUnderLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p provider
		a, b := newLogin(t, token.EC).under("a"), newLogin(t, token.EC).under("b")
		p.publish(a.jwk("a"))
		g := run(t, &p, io.Discard)
		synctest.Wait()
		var people sync.WaitGroup
		for i := range 8 {
			raws := []string{a.token(t, map[string]any{"sub": fmt.Sprint(i)}), b.token(t, map[string]any{"sub": fmt.Sprint(i)})}
			people.Go(func() {
				for n := range 300 {
					for of, raw := range raws {
						c, refusal := g.Caller(requestWith("Bearer " + raw))
						switch code(refusal) {
						case "ok":
							if c.Subject != fmt.Sprint(i) {
								t.Errorf("%d is taken for %s", i, c.Subject)
							}
						case "keys_unavailable", "token_invalid":
						default:
							t.Errorf("%d, with key %d: %+v", n, of, refusal)
						}
					}
					time.Sleep(time.Second)
				}
			})
		}
		for range 10 {
			time.Sleep(15 * time.Second)
			p.publish(a.jwk("a"), b.jwk("b"))
			time.Sleep(15 * time.Second)
			p.publish(b.jwk("b"))
		}
		people.Wait()
	})
}

// A JWKS may be in a file, too. A kid that is not in it is unknown at first.
func TestJWKSInFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newLogin(t, token.EC).under("a"), newLogin(t, token.EC).under("b")
		set, _ := json.Marshal(map[string]any{"keys": []any{a.jwk("a")}})
		g := newGate(t, access.Config{Keys: fileOf(t, append([]byte("\ufeff\n"), set...)), Issuer: issuer})
		runGate(t, g)
		if got := outcome(g, a.token(t, nil)); got != "ok" {
			t.Error(got)
		}
		if got := outcome(g, b.token(t, nil)); got != "keys_unavailable" {
			t.Error(got)
		}
		time.Sleep(5 * time.Second)
		if got := outcome(g, b.token(t, nil)); got != "token_invalid" {
			t.Error(got)
		}
	})
}
