package token_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/token"
)

// What is signed is read as it was.
func TestSignAndVerify(t *testing.T) {
	private, public := generate(t, token.EC)
	signer, err := token.ReadSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	keys, _, err := token.ReadKeys(public)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1_800_000_000, 0)
	for name, claims := range map[string]token.Claims{
		"the least":  {Subject: "ann", Expires: now.Add(time.Second)},
		"everything": {Issuer: "login", Subject: "ann 🔥", Audience: []string{"emostream"}, Scopes: token.Scopes{"send", "watch:stage-*"}, NotBefore: now.Add(-time.Hour), Expires: now.Add(time.Hour)},
		"many":       {Subject: "a", Audience: []string{"other", "emostream"}, Expires: now.Add(1000 * time.Hour)},
	} {
		raw, err := signer.Sign(claims, map[string]any{"name": "Ann"})
		if err != nil {
			t.Fatal(err)
		}
		got, key, err := token.Verify(raw, keys, token.Wanted{}, now)
		if err != nil || key != keys[0] {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(&claims, got); diff != "" {
			t.Errorf("%s: (-signed +read)\n%s", name, diff)
		}
		_, said, err := token.Read(raw)
		if err != nil || said["name"] != "Ann" || said["sub"] != claims.Subject {
			t.Errorf("%s says %v, %v", name, said, err)
		}
	}
	raw, err := signer.Sign(token.Claims{Subject: "ann", Expires: now.Add(time.Hour)}, map[string]any{"exp": 1, "scope": []string{"a"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := token.Verify(raw, keys, token.Wanted{}, now); !errors.Is(err, token.ErrInvalid) {
		t.Errorf("other claims do not go before those of the same name: %v", err)
	}
}

// A token is not shown that is none.
func TestRead(t *testing.T) {
	for _, raw := range []string{"", "a", "a.b", "a.b.c.d", "..", "e30.e30", "!!.e30.", "e30.W10.", "bnVsbA", strings.Repeat("e30.", 3000)} {
		if header, claims, err := token.Read(raw); err == nil || !strings.Contains(err.Error(), "no JSON Web Token") {
			t.Errorf("%.20q: %v %v %v", raw, header, claims, err)
		}
	}
}

// Scopes of other programs do not matter, and those that look like ours are named.
func TestParseScopes(t *testing.T) {
	known, unknown, err := token.ParseScopes(" openid emostream:send  emostream:watch:stage-* emostream:sing emostream:send: emostream emostream:as profile ")
	if err != nil || !slices.Equal(known, token.Scopes{"send", "watch:stage-*", "as"}) || !slices.Equal(unknown, []string{"emostream:sing", "emostream:send:"}) {
		t.Errorf("%q, %q, %v", known, unknown, err)
	}
	if got := known.String(); got != "emostream:send emostream:watch:stage-* emostream:as" {
		t.Errorf("they are written as %q", got)
	}
}

// Of any text, only a token that was signed is taken; of any other it is said why not, in
// a short text.
func FuzzVerify(f *testing.F) {
	var keys token.Keys
	signed := map[string]bool{}
	now := time.Unix(1_800_000_000, 0)
	// The same in every process of a fuzzing run.
	der, err := x509.MarshalPKCS8PrivateKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	for i, private := range [][]byte{encode("PRIVATE KEY", der, err), []byte(strings.Repeat("secret", 8))} {
		signer, err := token.ReadSigner(private)
		if err != nil {
			f.Fatal(err)
		}
		signer.KeyID = fmt.Sprint(i)
		keys = append(keys, signer.Keys()...)
		for _, others := range []map[string]any{nil, {"aud": []any{"a", 1}}, {"scope": 7}, {"exp": 1e300}, {"nbf": "x"}, {"sub": map[string]any{}}} {
			raw, err := signer.Sign(token.Claims{Issuer: "login", Subject: "ann", Audience: []string{"emostream"}, Scopes: token.Scopes{"send"}, Expires: now.Add(time.Duration(1+i) * time.Hour)}, others)
			if err != nil {
				f.Fatal(err)
			}
			signed[raw] = true
			f.Add(raw)
		}
	}
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	f.Add("....")
	for raw := range signed {
		f.Add(raw + "\n")
		f.Add(strings.Replace(raw, ".", "\r.", 1))
	}
	f.Fuzz(func(t *testing.T, raw string) {
		claims, key, err := token.Verify(raw, keys, token.Wanted{Issuer: "login", Audience: "emostream"}, now)
		if err == nil {
			if !signed[raw] || key == nil || claims.Subject != "ann" {
				t.Fatalf("%q is taken", raw)
			}
			return
		}
		var wrong *token.Error
		if !errors.As(err, &wrong) || claims != nil || key != nil {
			t.Fatalf("%q: %v, %v, %v", raw, claims, key, err)
		}
		if n := len(err.Error()); n > 1000 || !utf8.ValidString(err.Error()) {
			t.Errorf("%q: the error has %d bytes: %q", raw, n, err)
		}
	})
}

// Of any file, keys are read or it is said why not. What has PEM in it is never a secret.
func FuzzReadKeys(f *testing.F) {
	for _, kind := range []token.Kind{token.Ed25519, token.EC, token.Secret} {
		private, public := generate(f, kind)
		f.Add(private)
		f.Add(public)
	}
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"OKP"},null,7]}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		keys, passedOver, err := token.ReadKeys(file)
		if err != nil && (len(keys) > 0 || len(passedOver) > 0) || err == nil && len(keys) == 0 && !json.Valid([]byte(strings.TrimLeft(string(file), "\ufeff"))) {
			t.Fatalf("%d keys, %v", len(keys), err)
		}
		if strings.Contains(string(file), "-----BEGIN") {
			for _, k := range keys {
				if strings.HasPrefix(k.Algorithms()[0], "HS") {
					t.Fatal("a file with PEM in it is a secret")
				}
			}
		}
		_, _ = token.ReadSigner(file)
	})
}

// What scopes are read as is written so that it is read the same.
func FuzzParseScopes(f *testing.F) {
	for _, s := range []string{"emostream:send", "emostream:watch:a* openid", "emostream:as emostream:manage", "emostream::", "emostream:send:*"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, claim string) {
		known, _, err := token.ParseScopes(claim)
		if err != nil {
			return
		}
		again, unknown, err := token.ParseScopes(known.String())
		if err != nil || len(unknown) > 0 || !slices.Equal(known, again) {
			t.Errorf("%q: %q, %q, %v", claim, known, again, err)
		}
		for _, s := range known {
			if action, _, _ := strings.Cut(s, ":"); !known.AllowSomewhere(action) || !strings.Contains(claim, "emostream:"+s) {
				t.Errorf("%q allows %q", claim, s)
			}
		}
	})
}
