package access_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/token"
	"github.com/emostream/emostream/server/access"
)

func callerWith(t *testing.T, g *access.Gate, l login, others map[string]any) *access.Caller {
	t.Helper()
	c, refusal := g.Caller(requestWith("Bearer " + l.token(t, others)))
	if refusal != nil {
		t.Fatalf("%+v", refusal)
	}
	return c
}

// What a token allows is what its scopes say, and nothing that looks like it.
func TestScopes(t *testing.T) {
	l := newLogin(t, token.Ed25519)
	g := newGate(t, access.Config{Keys: fileOf(t, l.public)})
	type question struct {
		do      access.Action
		channel string
	}
	everything := []question{{access.Send, "main"}, {access.Send, "stage-1"}, {access.Watch, "main"}, {access.Watch, "stage-1"}, {access.Manage, ""}}
	for scope, allowed := range map[string][]question{
		"":                                {},
		"openid profile":                  {},
		"emostream:send":                  {everything[0], everything[1]},
		"emostream:send:main":             {everything[0]},
		"emostream:send:stage-*":          {everything[1]},
		"emostream:send:*":                {everything[0], everything[1]},
		"emostream:send:stage-":           {},
		"emostream:send:MAIN":             {},
		"emostream:send:mai":              {},
		"emostream:send:main*":            {everything[0]},
		"emostream:watch":                 {everything[2], everything[3]},
		"emostream:watch:main x":          {everything[2]},
		"emostream:send emostream:watch":  everything[:4],
		"a emostream:manage\tb":           {everything[4]},
		"emostream:as":                    {},
		"send watch manage":               {},
		"EMOSTREAM:send Emostream:watch":  {},
		"emostream:Send emostream:sender": {},
		"emostream: emostream emostream*": {},
		"emostream:*":                     {},
		"emostream:send: emostream:send::main emostream:send:ma*n": {},
		"xemostream:send emostream.send emostream/send":            {},
		"emostream:manage:main emostream:manage:*":                 {},
		"emostream:send,emostream:watch":                           {},
	} {
		c := callerWith(t, g, l, map[string]any{"scope": scope})
		for _, q := range everything {
			want := false
			for _, a := range allowed {
				want = want || a == q
			}
			refusal := c.May(q.do, q.channel)
			if (refusal == nil) != want {
				t.Errorf("%q: may %s in %q: %+v", scope, q.do, q.channel, refusal)
			}
			if refusal != nil && (refusal.Status != http.StatusForbidden || refusal.Code != "not_allowed" || !strings.Contains(refusal.Message, "emostream:"+string(q.do)) ||
				refusal.Challenge != `Bearer realm="emostream", error="insufficient_scope", scope="emostream:`+string(q.do)+`"`) {
				t.Errorf("%q: %+v", scope, refusal)
			}
		}
	}
	for scope, want := range map[string]bool{"emostream:send": true, "emostream:send:x": true, "emostream:send:*": true, "emostream:watch": false, "": false} {
		if got := callerWith(t, g, l, map[string]any{"scope": scope}).MayAnywhere(access.Send); (got == nil) != want {
			t.Errorf("%q: may send anywhere: %+v", scope, got)
		}
	}
}

// A request without a token may do what everybody may. A token takes nothing away from
// that, but a wrong one is refused all the same.
func TestAnonymous(t *testing.T) {
	l := newLogin(t, token.Ed25519)
	file := fileOf(t, l.public)
	for name, tt := range map[string]struct {
		anonymous   []access.Action
		send, watch string
	}{
		"nothing":        {nil, "token_missing", "token_missing"},
		"watch":          {[]access.Action{access.Watch}, "token_missing", "ok"},
		"watch and send": {[]access.Action{access.Watch, access.Send}, "ok", "ok"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGate(t, access.Config{Keys: file, Anonymous: tt.anonymous})
			for action, want := range map[access.Action]string{access.Send: tt.send, access.Watch: tt.watch, access.Manage: "token_missing"} {
				c, refusal := g.Caller(requestWith())
				if refusal == nil {
					refusal = c.May(action, "main")
				}
				if code(refusal) != want || refusal != nil && (refusal.Status != http.StatusUnauthorized || refusal.Challenge == "") {
					t.Errorf("%s: %+v, want %s", action, refusal, want)
				}
			}
			if c, refusal := g.Caller(requestWith()); refusal == nil {
				if got, refusal := c.SendsAs("bob"); got != "bob" || refusal != nil || c.Subject != "" {
					t.Errorf("without a token bob sends as %q, %+v", got, refusal)
				}
			}
			c := callerWith(t, g, l, map[string]any{"scope": "emostream:send:stage-1"})
			if got := c.May(access.Send, "main"); (got == nil) != (tt.send == "ok") {
				t.Errorf("with a token for another channel: %+v", got)
			}
			if _, refusal := c.SendsAs("bob"); code(refusal) != "user_mismatch" {
				t.Errorf("with a token, as bob: %+v", refusal)
			}
			if got := outcome(g, "x.y.z"); got != "token_invalid" {
				t.Errorf("a wrong token: %s", got)
			}
		})
	}
}

func TestSendsAs(t *testing.T) {
	l := newLogin(t, token.Ed25519)
	pseudonyms, err := access.NewPseudonyms([]byte(strings.Repeat("a secret ", 5) + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, people := range map[string]*access.Pseudonyms{"names": nil, "pseudonyms": pseudonyms} {
		t.Run(name, func(t *testing.T) {
			g := newGate(t, access.Config{Keys: fileOf(t, l.public), Pseudonyms: people, Anonymous: []access.Action{access.Send}})
			ann := callerWith(t, g, l, nil)
			backend := callerWith(t, g, l, map[string]any{"sub": "backend", "scope": "emostream:send emostream:as"})
			nobody, _ := g.Caller(requestWith())
			for _, tt := range []struct {
				who          *access.Caller
				userID, want string
			}{
				{ann, "", "ann"},
				{ann, "ann", "ann"},
				{ann, "bob", ""},
				{ann, "Ann", ""},
				{ann, "ann ", ""},
				{backend, "", "backend"},
				{backend, "ann", "ann"},
				{backend, "backend", "backend"},
				{nobody, "ann", "ann"},
			} {
				got, refusal := tt.who.SendsAs(tt.userID)
				if got != people.Of(tt.want) || (refusal == nil) != (tt.want != "") {
					t.Errorf("%s sends for %q as %q, %+v", tt.who.Subject, tt.userID, got, refusal)
				}
				if refusal != nil && (refusal.Status != http.StatusForbidden || refusal.Code != "user_mismatch") {
					t.Errorf("%+v", refusal)
				}
			}
			if got, refusal := nobody.SendsAs(""); got != "" || refusal != nil {
				t.Errorf("nobody sends as %q, %+v", got, refusal)
			}
			if ann.SendsForOthers() || !backend.SendsForOthers() || nobody.SendsForOthers() {
				t.Error("not the backend alone sends for others")
			}
		})
	}
}

// A pseudonym is the same for the same person and secret, tells nothing of the name, and
// fits where a user_id does.
func TestPseudonyms(t *testing.T) {
	first, err := access.NewPseudonyms([]byte(strings.Repeat("1", 32)))
	if err != nil {
		t.Fatal(err)
	}
	same, _ := access.NewPseudonyms([]byte(strings.Repeat("1", 32) + "\r\n"))
	second, _ := access.NewPseudonyms([]byte(strings.Repeat("2", 32)))
	seen := map[string]bool{}
	for _, name := range []string{"ann", "Ann", "bob", "a", strings.Repeat("a", 128), "🔥"} {
		p := first.Of(name)
		if p != same.Of(name) || p == second.Of(name) || len(p) != 24 || strings.Contains(p, name) && name != "a" || seen[p] {
			t.Errorf("%q has the pseudonym %q", name, p)
		}
		seen[p] = true
	}
	for _, secret := range []string{"", "short", strings.Repeat("x", 31), string(newLogin(t, token.EC).public)} {
		if _, err := access.NewPseudonyms([]byte(secret)); err == nil {
			t.Errorf("%.20q is taken as a secret", secret)
		}
	}
}
