package ingest_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/quota"
	"github.com/emostream/emostream/internal/token"
	"github.com/emostream/emostream/server/access"
	"github.com/emostream/emostream/server/ingest"
)

// login makes tokens.
type login struct {
	*token.Signer
	keys string // the file of its public key
}

func newLogin(tb testing.TB) login {
	tb.Helper()
	private, public, err := token.Generate(token.Ed25519)
	if err != nil {
		tb.Fatal(err)
	}
	signer, err := token.ReadSigner(private)
	if err != nil {
		tb.Fatal(err)
	}
	l := login{signer, filepath.Join(tb.TempDir(), "keys.pem")}
	if err := os.WriteFile(l.keys, public, 0o600); err != nil {
		tb.Fatal(err)
	}
	return l
}

// token returns what stands in Authorization for a user with scopes.
func (l login) token(tb testing.TB, user, scope string, others map[string]any) string {
	tb.Helper()
	claims := map[string]any{"sub": user, "aud": "emostream", "scope": scope, "exp": time.Now().Add(time.Hour).Unix()}
	maps.Copy(claims, others)
	raw, err := l.Sign(token.Claims{}, claims)
	if err != nil {
		tb.Fatal(err)
	}
	return "Bearer " + raw
}

func (l login) gate(tb testing.TB, cfg access.Config) *access.Gate {
	tb.Helper()
	cfg.Keys = l.keys
	g, err := access.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	return g
}

// request is one of whoever has a token, from an address.
type request struct {
	authorization, address, contentType, body string
}

func (q request) send(h http.Handler) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/v1/reactions", strings.NewReader(q.body))
	r.Header.Set("Content-Type", q.contentType)
	if q.contentType == "" {
		r.Header.Set("Content-Type", asJSON)
	}
	if q.authorization != "" {
		r.Header.Set("Authorization", q.authorization)
	}
	if q.address != "" {
		r.RemoteAddr = q.address
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const (
	mine   = `{"emoji_type":"🔥","timestamp":"t"}`
	asAnn  = `{"user_id":"ann","emoji_type":"🔥","timestamp":"t"}`
	asBob  = `{"user_id":"bob","emoji_type":"🔥","timestamp":"t"}`
	stage1 = `{"emoji_type":"🔥","timestamp":"t","channel":"stage-1"}`
)

// What is recorded of a reaction, and what its sender is told, by its token.
func TestWhoMaySend(t *testing.T) {
	l := newLogin(t)
	gate := l.gate(t, access.Config{})
	for name, tt := range map[string]struct {
		scope string // of ann's token
		body  string
		code  string // of the refusal; empty: it is taken
		want  string // the record
	}{
		"as herself":                      {"emostream:send", mine, "", asAnn},
		"by her name":                     {"emostream:send", asAnn, "", asAnn},
		"with null for a name":            {"emostream:send", `{"user_id":null,"emoji_type":"🔥","timestamp":"t"}`, "", asAnn},
		"written by another program":      {"emostream:send", `{"emoji_type":"\ud83d\udd25","timestamp":"t"}`, "", asAnn},
		"by another name":                 {"emostream:send", asBob, "user_mismatch", ""},
		"by another name, with escapes":   {"emostream:send", `{"user_id":"b\u006fb","emoji_type":"🔥"}`, "user_mismatch", ""},
		"by a number":                     {"emostream:send", `{"user_id":7,"emoji_type":"🔥"}`, "user_mismatch", ""},
		"in a channel that she may use":   {"emostream:send:stage-*", stage1, "", `{"user_id":"ann","emoji_type":"🔥","timestamp":"t","channel":"stage-1"}`},
		"in one that she may not use":     {"emostream:send:stage-*", mine, "not_allowed", ""},
		"in one whose name only begins":   {"emostream:send:stage", stage1, "not_allowed", ""},
		"with a token that only watches":  {"emostream:watch", mine, "not_allowed", ""},
		"with a token of another program": {"openid profile", mine, "not_allowed", ""},
		"for another":                     {"emostream:send emostream:as", asBob, "", asBob},
		"for nobody in particular":        {"emostream:send emostream:as", mine, "", asAnn},
		"for another, but not to send":    {"emostream:as", asBob, "not_allowed", ""},
		"what is no emoji":                {"emostream:send", `{"emoji_type":"A"}`, "not_an_emoji", ""},
		"no emoji at all":                 {"emostream:send", `{}`, "missing_field", ""},
	} {
		t.Run(name, func(t *testing.T) {
			status := map[string]int{"": 200, "user_mismatch": 403, "not_allowed": 403, "not_an_emoji": 422, "missing_field": 400}[tt.code]
			authorization := l.token(t, "ann", tt.scope, nil)
			log := &memory{t: t}
			h := routes(log, ingest.Config{Gate: gate})
			got := request{authorization: authorization, body: tt.body}.send(h)
			if got.Code != status || tt.code != "" && refusalIn(t, got).Code != tt.code {
				t.Errorf("answered %d %s, want %d %s", got.Code, got.Body, status, tt.code)
			}
			// Of several reactions each is judged for itself, unless the request is refused unread.
			for _, contentType := range []string{asJSON, asLines} {
				body := "[" + tt.body + "]"
				if contentType == asLines {
					body = tt.body
				}
				several := request{authorization: authorization, contentType: contentType, body: body}.send(h)
				if tt.code == "" && several.Code != 200 || tt.code != "" && !strings.Contains(several.Body.String(), `"code":"`+tt.code+`"`) {
					t.Errorf("%s: answered %d %s, want %q", contentType, several.Code, several.Body, tt.code)
				}
			}
			var want []string
			if tt.want != "" {
				want = slices.Repeat([]string{tt.want}, 3)
			}
			if diff := cmp.Diff(want, log.values()); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
		})
	}
}

// Of several reactions those are taken that their sender may send.
func TestItemsThatTheSenderMayNotSend(t *testing.T) {
	l := newLogin(t)
	gate := l.gate(t, access.Config{})
	items := []string{stage1, asBob, mine, `{"user_id":"ann","emoji_type":"🎉","timestamp":"t","channel":"stage-2"}`}
	for contentType, body := range map[string]string{asJSON: "[" + strings.Join(items, ",") + "]", asLines: strings.Join(items, "\n")} {
		log := &memory{t: t}
		got := request{authorization: l.token(t, "ann", "emostream:send:stage-*", nil), contentType: contentType, body: body}.send(routes(log, ingest.Config{Gate: gate}))
		if !strings.Contains(got.Body.String(), `"accepted":2,"rejected":2`) || strings.Count(got.Body.String(), `"code":"user_mismatch"`) != 1 || strings.Count(got.Body.String(), `"code":"not_allowed"`) != 1 || got.Code != 200 {
			t.Errorf("%s: answered %d %s", contentType, got.Code, got.Body)
		}
		if len(log.values()) != 2 {
			t.Errorf("%s: %q are in the log", contentType, log.values())
		}
	}
}

// A token is looked at before the body is read, and before it is known whether there is
// room.
func TestTokensAreCheckedFirst(t *testing.T) {
	l, other := newLogin(t), newLogin(t)
	for name, tt := range map[string]struct {
		authorization string
		anonymous     []access.Action
		status        int
		code          string
	}{
		"none":                      {"", nil, 401, "token_missing"},
		"none, and it may watch":    {"", []access.Action{access.Watch}, 401, "token_missing"},
		"another login's":           {other.token(t, "ann", "emostream:send", nil), nil, 401, "token_invalid"},
		"another login's, for less": {other.token(t, "ann", "emostream:send", nil), []access.Action{access.Send}, 401, "token_invalid"},
		"one that has run out":      {l.token(t, "ann", "emostream:send", map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}), nil, 401, "token_expired"},
		"one that may not send":     {l.token(t, "ann", "emostream:watch", nil), nil, 403, "not_allowed"},
		"something else":            {"Bearer x", nil, 401, "token_invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			h := routes(&memory{t: t}, ingest.Config{Gate: l.gate(t, access.Config{Anonymous: tt.anonymous}), Bounds: ingest.Bounds{LogFull: func() bool { return true }}})
			for path, contentType := range map[string]string{"/send_emoji": asJSON, "/v1/reactions": asLines, "/v1/reactions?": "text/plain"} {
				r := httptest.NewRequest(http.MethodPost, path, unread{t})
				r.ContentLength = -1
				r.Header.Set("Content-Type", contentType)
				if tt.authorization != "" {
					r.Header.Set("Authorization", tt.authorization)
				}
				got := httptest.NewRecorder()
				h.ServeHTTP(got, r)
				if p := refusalIn(t, got); got.Code != tt.status || p.Code != tt.code || (got.Header().Get("WWW-Authenticate") == "") != (tt.status == 200) {
					t.Errorf("%s: answered %d %v %s, want %d %s", path, got.Code, got.Header(), got.Body, tt.status, tt.code)
				}
			}
		})
	}
}

// Who needs no token sends under any name, as without keys.
func TestSendingWithoutAToken(t *testing.T) {
	l := newLogin(t)
	log := &memory{t: t}
	h := routes(log, ingest.Config{Gate: l.gate(t, access.Config{Anonymous: []access.Action{access.Watch, access.Send}})})
	if got := (request{body: asBob}).send(h); got.Code != 200 {
		t.Errorf("answered %d %s", got.Code, got.Body)
	}
	if got := (request{body: mine}).send(h); got.Code != 400 || refusalIn(t, got).Code != "missing_field" {
		t.Errorf("without a user_id: answered %d %s", got.Code, got.Body)
	}
	if got := (request{authorization: l.token(t, "ann", "", nil), body: mine}).send(h); got.Code != 200 {
		t.Errorf("with a token without scopes: answered %d %s", got.Code, got.Body)
	}
	if diff := cmp.Diff([]string{asBob, asAnn}, log.values()); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

// Under pseudonyms no name stands in the log, whoever sends, and a person has one only.
func TestPseudonyms(t *testing.T) {
	l := newLogin(t)
	pseudonyms, err := access.NewPseudonyms([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	log := &memory{t: t}
	h := routes(log, ingest.Config{Gate: l.gate(t, access.Config{Pseudonyms: pseudonyms})})
	backend := l.token(t, "backend", "emostream:send emostream:as", nil)
	for _, q := range []request{{authorization: l.token(t, "bob", "emostream:send", nil), body: mine}, {authorization: l.token(t, "bob", "emostream:send", nil), body: asBob}, {authorization: backend, body: asBob}} {
		if got := q.send(h); got.Code != 200 {
			t.Errorf("answered %d %s", got.Code, got.Body)
		}
	}
	want := fmt.Sprintf(`{"user_id":%q,"emoji_type":"🔥","timestamp":"t"}`, pseudonyms.Of("bob"))
	if diff := cmp.Diff(slices.Repeat([]string{want}, 3), log.values()); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

// Limits go by user where a token proves who that is, wherever he sends from, and else by
// address. Who sends for others uses up the limits of those.
func TestLimitsByUser(t *testing.T) {
	l := newLogin(t)
	gate := l.gate(t, access.Config{Anonymous: []access.Action{access.Send}})
	asAnnHerself, asBobHimself := l.token(t, "ann", "emostream:send", nil), l.token(t, "bob", "emostream:send", nil)
	backend := l.token(t, "backend", "emostream:send emostream:as", nil)
	two := quota.Rate{PerSecond: 0.5, Burst: 2}
	for name, quotas := range map[string]ingest.Quotas{"of addresses": {Address: two, SpareLoopback: true}, "of users": {User: two}} {
		for other, first := range map[string]request{"herself": {asAnnHerself, ann, "", mine}, "through a backend": {backend, bob, "", asAnn}} {
			t.Run(name+", "+other, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := routes(&memory{t: t}, ingest.Config{Gate: gate, Quotas: quotas})
					for range 2 {
						if got := first.send(h); got.Code != 200 {
							t.Fatalf("answered %d %s", got.Code, got.Body)
						}
					}
					for _, same := range []request{{asAnnHerself, ann, "", mine}, {asAnnHerself, "127.0.0.1:1", "", mine}, {asAnnHerself, eve, "", asAnn}, {backend, eve, "", asAnn}} {
						if got := same.send(h); got.Code != 429 || strings.Contains(got.Body.String(), "address") {
							t.Errorf("%+v is not limited: %d %s", same, got.Code, got.Body)
						}
					}
					several := request{backend, eve, "", "[" + asAnn + "," + asBob + "," + mine + "]"}.send(h)
					if got := several.Body.String(); strings.Count(got, `"code":"rate_limited"`) != 1 || !strings.Contains(got, `"accepted":2,"rejected":1`) {
						t.Errorf("a backend for several: %d %s", several.Code, got)
					}
					for _, another := range []request{{asBobHimself, ann, "", mine}, {"", ann, "", asAnn}} {
						if got := another.send(h); got.Code != 200 {
							t.Errorf("%+v is limited: %d %s", another, got.Code, got.Body)
						}
					}
				})
			})
		}
	}
}

// Users have their shares, of what is in flight and of channels, wherever they send from.
func TestSharesOfUsers(t *testing.T) {
	l := newLogin(t)
	gate := l.gate(t, access.Config{})
	herself, himself := l.token(t, "ann", "emostream:send", nil), l.token(t, "bob", "emostream:send", nil)
	in := func(n int) string { return fmt.Sprintf(`{"emoji_type":"🔥","channel":"c%d"}`, n) }
	h := routes(&memory{t: t}, ingest.Config{Gate: gate, MaxChannels: 64})
	for n := range 16 {
		if got := (request{herself, ann, "", in(n)}).send(h); got.Code != 200 {
			t.Fatalf("channel %d: answered %d %s", n, got.Code, got.Body)
		}
	}
	if got := (request{herself, bob, "", in(16)}).send(h); got.Code != 422 || !strings.Contains(got.Body.String(), "that one user may bring in") {
		t.Errorf("one more: answered %d %s", got.Code, got.Body)
	}
	if got := (request{himself, ann, "", in(16)}).send(h); got.Code != 200 {
		t.Errorf("of another at the same address: answered %d %s", got.Code, got.Body)
	}
}

// A stream of lines ends when its token does. What came before is taken.
func TestStreamsEndWithTheirToken(t *testing.T) {
	l := newLogin(t)
	gate := l.gate(t, access.Config{})
	synctest.Test(t, func(t *testing.T) {
		log := &memory{t: t}
		h := routes(log, ingest.Config{Gate: gate})
		body, in := io.Pipe()
		r := httptest.NewRequest(http.MethodPost, "/v1/reactions", body)
		r.Header.Set("Content-Type", asLines)
		r.Header.Set("Authorization", l.token(t, "ann", "emostream:send", map[string]any{"exp": time.Now().Add(time.Minute).Unix()}))
		got := httptest.NewRecorder()
		var sending sync.WaitGroup
		sending.Go(func() {
			for n := range 4 {
				_, _ = io.WriteString(in, mine+"\n\n")
				<-time.After(time.Duration(19+n) * time.Second) // 0, 19, 39 and 60 s
			}
			_ = in.Close()
		})
		h.ServeHTTP(got, r)
		o := outcomesIn(t, got)
		if got.Code != 401 || o.Code != "token_expired" || o.Accepted != 3 || !strings.Contains(o.Error, "line 7 and those after it were not taken") || got.Header().Get("WWW-Authenticate") == "" {
			t.Errorf("answered %d %v %+v", got.Code, got.Header(), o)
		}
		if n := len(log.values()); n != 3 {
			t.Errorf("%d are in the log", n)
		}
		_ = body.Close()
		sending.Wait()
	})
}
