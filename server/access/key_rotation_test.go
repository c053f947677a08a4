package access_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
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
