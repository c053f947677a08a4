package registry_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/controls"
	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/ticket"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/access"
	"github.com/emostream/emostream/server/access/accesstest"
	"github.com/emostream/emostream/server/registry"
)

func ticketKeys(t *testing.T) *ticket.Keys {
	t.Helper()
	k, err := ticket.New([]byte("a key of tickets that exists in tests only"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// guarded returns a registry with keys, and a server that checks tickets and says so with a
// signature.
func guarded(t *testing.T, keys *ticket.Keys, anonymous ...access.Action) *calls {
	t.Helper()
	c := &calls{mux: http.NewServeMux(), roster: &roster.Roster{}}
	s := server("sub1", 0, 10).ServerStatus
	s.Tickets = true
	c.roster.ApplySigned(s, time.Now())
	c.Handler = registry.New(registry.Config{Servers: c.roster, Gate: accesstest.Gate(t, anonymous...), Tickets: keys})
	c.Routes(c.mux)
	return c
}

// Who asks for a channel in which no reactions are taken is told so, and takes no place.
func TestChannelsThatAreNotTaken(t *testing.T) {
	c := &calls{mux: http.NewServeMux(), roster: &roster.Roster{}}
	c.roster.Apply(server("sub1", 0, 1).ServerStatus, time.Now())
	c.Handler = registry.New(registry.Config{Servers: c.roster, CheckChannel: func(channel string) error {
		if channel != "stage-1" {
			return errors.New("it is none: use stage-1")
		}
		return nil
	}})
	c.Routes(c.mux)
	for range 3 {
		refused := answer[map[string]string](t, c.do("GET", "/register?channel=stgae-1", "", ""), http.StatusUnprocessableEntity)
		if refused["code"] != "channel_not_allowed" || refused["error"] != "it is none: use stage-1" {
			t.Errorf("answered %v", refused)
		}
	}
	answer[wire.Assignment](t, c.do("GET", "/register?channel=stage-1", "", ""), http.StatusOK)
	if a := answer[map[string]string](t, c.do("GET", "/register", "", ""), http.StatusServiceUnavailable); a["code"] != "full" {
		t.Errorf("who names no channel is answered %v", a) // there is one place, which is taken
	}
}

// The addresses of streams say what the client has asked for, and nothing else.
func TestAddressesOfStreams(t *testing.T) {
	for asked, want := range map[string]string{
		"":                                     "",
		"?user_id=ann&avoid=sub9":              "",
		"?channel=main":                        "?channel=main",
		"?channel=b&last_event_id=1700":        "?channel=b&last_event_id=1700",
		"?last_event_id=0":                     "?last_event_id=0",
		"?last_event_id=-1":                    "",
		"?last_event_id=1%26ticket%3Dx":        "",
		"?last_event_id=99999999999999999999":  "",
		"?ticket=x&signals=1&token=a&channel=": "",
	} {
		s := server("sub1", 0, 10)
		s.URL = "http://s"
		a := answer[wire.Assignment](t, newCalls(s).do("GET", "/register"+asked, "", ""), http.StatusOK)
		if a.StreamURL != "http://s/v1/swarm"+want || a.ServerURL != "http://s/sub1"+want {
			t.Errorf("%s: %s, %s", asked, a.StreamURL, a.ServerURL)
		}
	}
	s := server("sub1", 0, 10)
	s.URL = "http://s"
	a := answer[wire.Assignment](t, newCalls(s).do("POST", "/register", asJSON, `{"channel":"b","last_event_id":1700}`), http.StatusOK)
	if a.StreamURL != "http://s/v1/swarm?channel=b&last_event_id=1700" {
		t.Error(a.StreamURL)
	}
	if p := answer[problem](t, newCalls(s).do("GET", "/register?channel=a/b", "", ""), http.StatusUnprocessableEntity); p.Code != "invalid_channel" {
		t.Error(p)
	}
}

// A ticket is for the channel and the subject, and not good for longer than the token.
func TestTickets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keys := ticketKeys(t)
		for name, tt := range map[string]struct {
			query, token, channel, subject string
			longest                        time.Duration
		}{
			"a token":        {"", accesstest.Token(t, "ann", "emostream:watch", time.Hour), "main", "ann", ticket.Lifetime},
			"a short token":  {"?channel=b", accesstest.Token(t, "ann", "emostream:watch:b", 30*time.Second), "b", "ann", 30 * time.Second},
			"its own user":   {"?user_id=ann", accesstest.Token(t, "ann", "emostream:watch", time.Hour), "main", "ann", ticket.Lifetime},
			"another's user": {"?user_id=bob", accesstest.Token(t, "ann", "emostream:watch emostream:as", time.Hour), "main", "ann", ticket.Lifetime},
			"no token":       {"?channel=main", "", "main", "", ticket.Lifetime},
		} {
			c := guarded(t, keys, access.Watch)
			var headers []string
			if tt.token != "" {
				headers = []string{"Authorization", "Bearer " + tt.token}
			}
			a := answer[wire.Assignment](t, c.doFrom("127.0.0.1:1", "GET", "/register"+tt.query, "", "", headers...), http.StatusOK)
			for _, address := range []string{a.StreamURL, a.ServerURL} {
				u, err := url.Parse(address)
				if err != nil {
					t.Fatal(err)
				}
				o, err := keys.Open(u.Query().Get("ticket"), time.Now())
				left := time.Until(o.Expires)
				if err != nil || o.Channel != tt.channel || !o.IsFor(tt.subject) || left > tt.longest || left < tt.longest*4/5-time.Millisecond {
					t.Errorf("%s: %s has a ticket for %+v of another %v, %v", name, address, o, left, err)
				}
			}
		}
	})
}

// Who may not listen is told why, and takes no place.
func TestWhoMayRegister(t *testing.T) {
	token := func(scope string) string { return accesstest.Token(t, "ann", scope, time.Hour) }
	for name, tt := range map[string]struct {
		query, token string
		status       int
		code         string
	}{
		"no token":             {"", "", 401, "token_missing"},
		"a wrong token":        {"", token("emostream:watch") + "x", 401, "token_invalid"},
		"a token in the query": {"?token=" + token("emostream:watch"), "", 401, "token_invalid"},
		"may send only":        {"", token("emostream:send"), 403, "not_allowed"},
		"another channel":      {"?channel=c", token("emostream:watch:b"), 403, "not_allowed"},
		"no channel":           {"", token("emostream:watch:b"), 403, "not_allowed"},
		"another user":         {"?user_id=bob", token("emostream:watch"), 403, "user_mismatch"},
	} {
		c := guarded(t, ticketKeys(t))
		var headers []string
		if tt.token != "" {
			headers = []string{"Authorization", "Bearer " + tt.token}
		}
		got := c.doFrom("127.0.0.1:1", "GET", "/register"+tt.query, "", "", headers...)
		if p := answer[problem](t, got, tt.status); p.Code != tt.code {
			t.Errorf("%s: %+v", name, p)
		}
		all := c.doFrom("127.0.0.1:1", "GET", "/v1/servers", "", "", "Authorization", "Bearer "+token("emostream:manage"))
		if list := answer[struct{ Servers []registry.Server }](t, all, http.StatusOK); len(list.Servers) != 1 || list.Servers[0].Pending != 0 {
			t.Errorf("%s: it took a place: %+v", name, list)
		}
	}
}

// Of who may watch nothing at all no body is read.
func TestBodyOfWhoMayNotWatch(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/register", iotest.ErrReader(errors.New("it was read")))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+accesstest.Token(t, "ann", "emostream:send", time.Hour))
	w := httptest.NewRecorder()
	guarded(t, ticketKeys(t)).mux.ServeHTTP(w, r)
	if p := answer[problem](t, w, http.StatusForbidden); p.Code != "not_allowed" {
		t.Error(p)
	}
}

// Who may not watch is told so, even if his body never ends.
func TestEndlessBodyOfWhoMayNotWatch(t *testing.T) {
	srv := httptest.NewServer(guarded(t, ticketKeys(t)).mux)
	t.Cleanup(srv.Close)
	for _, path := range []string{"/register", "/unregister"} {
		accesstest.AnswersBeforeTheBody(t, srv.URL, http.MethodPost, path)
	}
}

// Where there are keys, nobody is sent to a server that does not prove that it checks
// tickets.
func TestServersThatDoNotCheckTickets(t *testing.T) {
	keys := ticketKeys(t)
	c := guarded(t, keys)
	gone := server("sub1", 0, 10).ServerStatus
	gone.Instance, gone.State, gone.Time = "other", wire.StateGone, "2099-01-01T00:00:00.000Z"
	c.roster.ApplySigned(gone, time.Now())
	unsigned, unchecking := server("sub2", 0, 10).ServerStatus, server("sub3", 0, 10).ServerStatus
	unsigned.Tickets = true
	c.roster.Apply(unsigned, time.Now())
	c.roster.ApplySigned(unchecking, time.Now())
	register := func() problem {
		got := c.doFrom("127.0.0.1:1", "GET", "/register", "", "", "Authorization", "Bearer "+accesstest.Token(t, "ann", "emostream:watch", time.Hour))
		return answer[problem](t, got, http.StatusServiceUnavailable)
	}
	if p := register(); p.Code != "no_servers" || !strings.Contains(p.Error, "checks tickets") {
		t.Error(p)
	}
}

// Who is proven by a token has a share of the free places of his own, wherever he asks from.
func TestSharesOfUsers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := guarded(t, ticketKeys(t)) // with 10 free places
		ask := func(user, address string) *httptest.ResponseRecorder {
			return c.doFrom(address, "GET", "/register", "", "", "Authorization", "Bearer "+accesstest.Token(t, user, "emostream:watch", time.Hour))
		}
		for _, address := range []string{"192.0.2.1:1", "127.0.0.1:1"} {
			if got := ask("ann", address); got.Code != http.StatusOK {
				t.Fatalf("the first: %d %s", got.Code, got.Body)
			}
		}
		if p := answer[problem](t, ask("ann", "192.0.2.2:1"), http.StatusServiceUnavailable); p.Code != "overloaded" || !strings.Contains(p.Error, "to this user") {
			t.Errorf("more than the share: %+v", p)
		}
		if got := ask("bob", "192.0.2.1:1"); got.Code != http.StatusOK {
			t.Errorf("another at the same address: %d %s", got.Code, got.Body)
		}
	})
}

// Who may not watch cannot give back the places of those who may.
func TestWhoMayUnregister(t *testing.T) {
	for scope, want := range map[string]int{"": 401, "emostream:send": 403, "emostream:watch:b": 200} {
		c := guarded(t, ticketKeys(t))
		var headers []string
		if scope != "" {
			headers = []string{"Authorization", "Bearer " + accesstest.Token(t, "ann", scope, time.Hour)}
		}
		if got := c.doFrom("192.0.2.1:1", "POST", "/unregister", asJSON, `{"server":"sub1"}`, headers...); got.Code != want {
			t.Errorf("%q: answered %d %s, want %d", scope, got.Code, got.Body, want)
		}
	}
}

// A banned user is sent nowhere, and told until when and why.
func TestBannedUsers(t *testing.T) {
	table := &controls.Table{}
	until := time.Now().Add(time.Hour)
	if err := table.Set(controls.Control{Kind: controls.User, Name: "ann", State: controls.Banned, Until: until, Reason: "spam"}); err != nil {
		t.Fatal(err)
	}
	c := newCalls(server("sub1", 0, 10))
	c.Handler, c.mux = registry.New(registry.Config{Servers: c.roster, Controls: table}), http.NewServeMux()
	c.Routes(c.mux)
	p := answer[problem](t, c.do("GET", "/register?user_id=ann", "", ""), http.StatusForbidden)
	if p.Code != "banned" || !strings.Contains(p.Error, `user_id "ann" is banned until `+wire.ControlTime(until)+" (spam)") {
		t.Error(p)
	}
	answer[wire.Assignment](t, c.do("GET", "/register?user_id=bob", "", ""), http.StatusOK)
	answer[wire.Assignment](t, c.do("GET", "/register", "", ""), http.StatusOK)
}
