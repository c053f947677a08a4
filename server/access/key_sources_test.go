package access_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/token"
	"github.com/emostream/emostream/server/access"
)

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
