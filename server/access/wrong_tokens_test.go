package access_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/token"
	"github.com/emostream/emostream/server/access"
)

// Whoever shows one wrong token after the other has no more of them looked at. Tokens that
// were taken before are taken still, and those from elsewhere.
func TestManyWrongTokens(t *testing.T) {
	proxies, err := httpserve.ParseProxies([]string{"10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	l := newLogin(t, token.Secret)
	keys := fileOf(t, l.public)
	wrong := newLogin(t, token.Secret)
	provider := newLogin(t, token.EC).under("a")
	set, err := json.Marshal(map[string]any{"keys": []any{provider.jwk("a")}})
	if err != nil {
		t.Fatal(err)
	}
	providers := fileOf(t, set)
	var four []byte // public keys, of which a token without a kid may be any
	for range 3 {
		four = append(four, newLogin(t, token.EC).public...)
	}
	last := newLogin(t, token.EC)
	several := fileOf(t, append(four, last.public...))
	for name, tt := range map[string]struct {
		address, forwarded string
		login, good        login
		keys               string
		claims             map[string]any
		taken              int // how many are looked at; 0: all
	}{
		"signed by another":               {"192.0.2.1:1", "", wrong, l, keys, nil, 2000},
		"signed by another, over IPv6":    {"[2001:db8::1]:1", "", wrong, l, keys, nil, 2000},
		"signed by another, over a proxy": {"10.0.0.1:1", "192.0.2.1", wrong, l, keys, nil, 2000},
		"run out":                         {"192.0.2.1:1", "", l, l, keys, map[string]any{"exp": int64(946684000)}, 8000},
		"of a key that is not known":      {"192.0.2.1:1", "", newLogin(t, token.EC).under("b"), provider, providers, nil, 8000},
		"signed by another than four":     {"192.0.2.1:1", "", newLogin(t, token.EC), last, several, nil, 500},
		"run out, signed by the last":     {"192.0.2.1:1", "", last, last, several, map[string]any{"exp": int64(946684000)}, 2000},
		"on loopback":                     {"127.0.0.1:1", "", wrong, l, keys, nil, 0},
		"a proxy's own":                   {"10.0.0.1:1", "", wrong, l, keys, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGate(t, access.Config{Keys: tt.keys, Issuer: issuer, Proxies: proxies})
				ask := func(raw, address, forwarded string) string {
					r := requestWith("Bearer " + raw)
					r.RemoteAddr = address
					if forwarded != "" {
						r.Header.Set("X-Forwarded-For", forwarded)
					}
					_, refusal := g.Caller(r)
					if refusal != nil && refusal.Status == http.StatusTooManyRequests && refusal.RetryAfter <= 0 {
						t.Errorf("refused without saying for how long: %+v", refusal)
					}
					return code(refusal)
				}
				known, fresh := tt.good.token(t, map[string]any{"sub": "known"}), tt.good.token(t, map[string]any{"sub": "fresh"})
				if got := ask(known, tt.address, tt.forwarded); got != "ok" {
					t.Fatalf("a good one: %s", got)
				}
				bad, many := tt.login.token(t, tt.claims), tt.taken
				if many == 0 {
					many = 3000
				}
				for n := range many {
					if got := ask(bad, tt.address, tt.forwarded); got != "token_invalid" && got != "token_expired" && got != "keys_unavailable" {
						t.Fatalf("wrong token %d: %s", n+1, got)
					}
				}
				if tt.taken == 0 {
					return
				}
				for raw, want := range map[string]string{bad: "rate_limited", fresh: "rate_limited", known: "ok"} {
					if got := ask(raw, tt.address, tt.forwarded); got != want {
						t.Errorf("afterwards: %s, want %s", got, want)
					}
				}
				if got := ask(fresh, "198.51.100.1:1", ""); got != "ok" {
					t.Errorf("from elsewhere: %s", got)
				}
				<-time.After(time.Second)
				if got := ask(tt.good.token(t, map[string]any{"sub": "fresher"}), tt.address, tt.forwarded); got != "ok" {
					t.Errorf("a second later: %s", got)
				}
			})
		})
	}
}
