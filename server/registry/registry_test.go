package registry_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/proof/contract"
	"github.com/emostream/emostream/internal/proof/contract/contracttest"
	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/registry"
)

const asJSON = "application/json"

// calls is a registry and its roster.
type calls struct {
	*registry.Handler
	mux    *http.ServeMux
	roster *roster.Roster
}

// invited are the origins whose pages may register.
var invited, _ = httpserve.ParseOrigins([]string{"https://app.example"})

func newCalls(servers ...roster.Entry) *calls {
	c := &calls{mux: http.NewServeMux(), roster: &roster.Roster{}}
	for _, s := range servers {
		c.roster.Apply(s.ServerStatus, s.Heard)
	}
	c.Handler = registry.New(registry.Config{Servers: c.roster, Sites: httpserve.SiteCheck{Names: []string{"emo.example"}, Invited: invited}})
	c.Routes(c.mux)
	return c
}

func (c *calls) do(method, path, contentType, body string) *httptest.ResponseRecorder {
	return c.doFrom("127.0.0.1:1", method, path, contentType, body)
}

// doFrom sends a request from an address, with headers.
func (c *calls) doFrom(address, method, path, contentType, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RemoteAddr = address
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	w := httptest.NewRecorder()
	contracttest.Watch(contract.Main, c.mux).ServeHTTP(w, r)
	return w
}

// answer reads the JSON of an answer. The answer must have the given status.
func answer[T any](t *testing.T, got *httptest.ResponseRecorder, status int) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(got.Body.Bytes(), &v); err != nil || got.Code != status || got.Header().Get("Content-Type") != asJSON {
		t.Errorf("answered %d %s, want %d: %v", got.Code, got.Body, status, err)
	}
	return v
}

type problem struct{ Error, Code string }

func TestRegister(t *testing.T) {
	long := strings.Repeat("é", 64)
	for name, tt := range map[string]struct {
		method, path, contentType, body string
		user                            string // "": any
	}{
		"GET":                           {method: "GET", path: "/register?user_id=ann", user: "ann"},
		"GET without a user":            {method: "GET", path: "/register"},
		"POST with a query":             {method: "POST", path: "/register?user_id=ann", user: "ann"},
		"POST with JSON":                {method: "POST", path: "/register", contentType: asJSON, body: `{"user_id":"bob","x":1}`, user: "bob"},
		"POST with JSON and a charset":  {method: "POST", path: "/register", contentType: asJSON + "; charset=utf-8", body: `{"user_id":"bob"}`, user: "bob"},
		"POST with a byte order mark":   {method: "POST", path: "/register", contentType: asJSON, body: "\uFEFF" + `{"user_id":"bob"}`, user: "bob"},
		"POST with a charset of Java's": {method: "POST", path: "/register", contentType: asJSON + "; charset=UTF8", body: `{"user_id":"bob"}`, user: "bob"},
		"POST with a type of JSON:API":  {method: "POST", path: "/register", contentType: "application/vnd.api+json", body: `{"user_id":"bob"}`, user: "bob"},
		"POST with a number":            {method: "POST", path: "/register", contentType: asJSON, body: `{"user_id":42}`, user: "42"},
		"POST with both":                {method: "POST", path: "/register?user_id=ann", contentType: asJSON, body: `{"user_id":"bob"}`, user: "ann"},
		"POST with an empty object":     {method: "POST", path: "/register", contentType: asJSON, body: `{}`},
		"POST with null":                {method: "POST", path: "/register", contentType: asJSON, body: `{"user_id":null}`},
		"POST whose body is overruled":  {method: "POST", path: "/register?user_id=ann", contentType: asJSON, body: `{"avoid":"sub1"}`, user: "ann"},
		"POST with nothing":             {method: "POST", path: "/register", contentType: asJSON},
		"POST without a body at all":    {method: "POST", path: "/register"},
		"POST of a form of nothing":     {method: "POST", path: "/register?user_id=ann", contentType: "application/x-www-form-urlencoded", user: "ann"},
		"POST of lines of nothing":      {method: "POST", path: "/register", contentType: "application/x-ndjson"},
		"the longest user":              {method: "GET", path: "/register?user_id=" + long, user: long},
		"a hostile user":                {method: "GET", path: "/register?user_id=%3Cb%3E%22%0a", user: "<b>\"\n"},
	} {
		t.Run(name, func(t *testing.T) {
			s := server("sub7", 0, 10)
			s.URL = "https://emo.example:5007/"
			c := newCalls(s)
			got := c.do(tt.method, tt.path, tt.contentType, tt.body)
			a := answer[map[string]string](t, got, http.StatusOK)
			if tt.user == "" {
				if user := a["user_id"]; !strings.HasPrefix(user, "user_") || len(user) < 15 {
					t.Errorf("the user was named %q", user)
				}
				tt.user = a["user_id"]
			}
			if diff := cmp.Diff(map[string]string{
				"server_url": "https://emo.example:5007/sub7", "server_name": "sub7", "user_id": tt.user,
				"message": "Assigned to sub7", "stream_url": "https://emo.example:5007/v1/swarm",
			}, a); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if got.Header().Get("Cache-Control") != "no-store" {
				t.Error("the answer may be kept and given to others")
			}
		})
	}
}

// A body whose length is not announced may turn out to be empty.
func TestRegisterWithoutAnAnnouncedLength(t *testing.T) {
	for body, want := range map[string]int{"": http.StatusOK, "user_id=ann": http.StatusUnsupportedMediaType} {
		r := httptest.NewRequest(http.MethodPost, "/register", strings.NewReader(body))
		r.ContentLength = -1
		w := httptest.NewRecorder()
		newCalls(server("sub1", 0, 10)).mux.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%q: answered %d %s, want %d", body, w.Code, w.Body, want)
		}
	}
}

func TestUsersWithoutNameDiffer(t *testing.T) {
	c := newCalls(server("sub1", 0, 10))
	one, other := answer[wire.Assignment](t, c.do("GET", "/register", "", ""), 200), answer[wire.Assignment](t, c.do("GET", "/register", "", ""), 200)
	if one.UserID == other.UserID {
		t.Errorf("both are %s", one.UserID)
	}
}

func TestRefusals(t *testing.T) {
	none, full, free := []roster.Entry{}, []roster.Entry{server("sub1", 5, 5)}, []roster.Entry{server("sub1", 0, 5)}
	for name, tt := range map[string]struct {
		servers                         []roster.Entry
		method, path, contentType, body string
		status                          int
		code, says                      string
		retry                           string
	}{
		"no servers":                  {none, "GET", "/register", "", "", 503, "no_servers", "start one with emostream subscribe", "2"},
		"all full":                    {full, "GET", "/register", "", "", 503, "full", "reached their capacity: try again later", "5"},
		"too long a user":             {free, "GET", "/register?user_id=" + strings.Repeat("u", 129), "", "", 422, "invalid_user_id", "129 bytes: 1 to 128", ""},
		"too long a user in JSON":     {free, "POST", "/register", asJSON, `{"user_id":"` + strings.Repeat("u", 129) + `"}`, 422, "invalid_user_id", "129 bytes", ""},
		"a user of true":              {free, "POST", "/register", asJSON, `{"user_id":true}`, 400, "invalid_json", `send a JSON object like {"user_id":"ann"}`, ""},
		"registering in UTF-16":       {free, "POST", "/register", asJSON, "{\x00}\x00", 400, "invalid_utf8", "the body is UTF-16", ""},
		"registering in Latin 1":      {free, "POST", "/register", asJSON + "; charset=latin1", `{}`, 415, "unsupported_media_type", `charset "latin1" is not taken`, ""},
		"unregistering in UTF-16":     {free, "POST", "/unregister", asJSON, "\xfe\xff\x00{\x00}", 400, "invalid_utf8", "the body is UTF-16", ""},
		"unregistering in Latin 1":    {free, "POST", "/unregister", asJSON + "; charset=iso-8859-1", `{"server":"sub1"}`, 415, "unsupported_media_type", `charset "iso-8859-1" is not taken`, ""},
		"unregistering lines":         {free, "POST", "/unregister", "application/x-ndjson", `{"server":"sub1"}`, 415, "unsupported_media_type", "Content-Type: application/json", ""},
		"unregistering an invisible":  {free, "POST", "/unregister", asJSON, `{"server":"sub1` + "\uFE0F" + `"}`, 400, "unknown_server", `"sub1U+FE0F" is known`, ""},
		"registering with an array":   {free, "POST", "/register", asJSON, `[]`, 400, "invalid_json", "send a JSON object like", ""},
		"registering with half":       {free, "POST", "/register", asJSON, `{"user_id":`, 400, "invalid_json", "send a JSON object like", ""},
		"registering with very much":  {free, "POST", "/register", asJSON, strings.Repeat(" ", 5000), 413, "too_large", "more than 4096 bytes", ""},
		"avoiding a number":           {free, "POST", "/register", asJSON, `{"avoid":1}`, 400, "invalid_json", "send a JSON object like", ""},
		"registering by a form":       {free, "POST", "/register", "application/x-www-form-urlencoded", "user_id=ann", 415, "unsupported_media_type", `"application/x-www-form-urlencoded" is not taken: send user_id and avoid in the query, or {"user_id":"ann"} with Content-Type: application/json`, ""},
		"registering by both":         {free, "POST", "/register?user_id=ann", "text/plain", "user_id=ann", 415, "unsupported_media_type", `"text/plain" is not taken`, ""},
		"registering undeclared":      {free, "POST", "/register", "", `{"user_id":"ann"}`, 415, "unsupported_media_type", `content type "" is not taken`, ""},
		"registering by lines":        {free, "POST", "/register", "application/x-ndjson", `{"user_id":"ann"}`, 415, "unsupported_media_type", "is not taken", ""},
		"registering by PUT":          {free, "PUT", "/register", "", "", 405, "method_not_allowed", "use GET, POST", ""},
		"unregistering by GET":        {free, "GET", "/unregister", "", "", 405, "method_not_allowed", "use POST", ""},
		"listing by POST":             {free, "POST", "/v1/servers", "", "", 405, "method_not_allowed", "use GET", ""},
		"unregistering a form":        {free, "POST", "/unregister", "application/x-www-form-urlencoded", "server=sub1", 415, "unsupported_media_type", "Content-Type: application/json", ""},
		"unregistering from a page":   {free, "POST", "/unregister", "text/plain", `{"server":"sub1"}`, 415, "unsupported_media_type", "Content-Type: application/json", ""},
		"unregistering undeclared":    {free, "POST", "/unregister", "", `{"server":"sub1"}`, 415, "unsupported_media_type", "Content-Type: application/json", ""},
		"unregistering nothing":       {free, "POST", "/unregister", asJSON, ``, 400, "missing_field", `{"server":"sub1"}`, ""},
		"unregistering null":          {free, "POST", "/unregister", asJSON, `null`, 400, "missing_field", `{"server":"sub1"}`, ""},
		"unregistering an array":      {free, "POST", "/unregister", asJSON, `["sub1"]`, 400, "invalid_json", `{"server":"sub1"}`, ""},
		"unregistering a number":      {free, "POST", "/unregister", asJSON, `{"server":1}`, 400, "invalid_json", `{"server":"sub1"}`, ""},
		"unregistering half":          {free, "POST", "/unregister", asJSON, `{"server":"su`, 400, "invalid_json", `{"server":"sub1"}`, ""},
		"unregistering from nowhere":  {free, "POST", "/unregister", asJSON, `{"server":"sub2"}`, 400, "unknown_server", `"sub2" is known: send the server_name`, ""},
		"unregistering a hostile one": {free, "POST", "/unregister", asJSON, `{"server":"` + strings.Repeat(`\u001b[31m`, 300) + `"}`, 400, "unknown_server", `\x1b`, ""},
		"unregistering very much":     {free, "POST", "/unregister", asJSON, `{"server":"sub1","x":"` + strings.Repeat("x", 5000) + `"}`, 413, "too_large", "more than 4096 bytes", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := newCalls(tt.servers...).do(tt.method, tt.path, tt.contentType, tt.body)
			p := answer[problem](t, got, tt.status)
			if p.Code != tt.code || !strings.Contains(p.Error, tt.says) || got.Header().Get("Retry-After") != tt.retry {
				t.Errorf("refused with %+v and Retry-After %q, want %s with %q and %q", p, got.Header().Get("Retry-After"), tt.code, tt.says, tt.retry)
			}
			if len(p.Error) > 400 || strings.ContainsFunc(p.Error, unicode.IsControl) {
				t.Errorf("refused with %d bytes: %q", len(p.Error), p.Error)
			}
			if allow := got.Header().Get("Allow"); (allow != "") != (tt.status == 405) || tt.status == 405 && !strings.HasSuffix(p.Error, "use "+allow) {
				t.Errorf("Allow: %q", allow)
			}
		})
	}
}

// A place that is given back before its client has come can be assigned again. A place
// that the server's heartbeat counts cannot.
func TestUnregister(t *testing.T) {
	c := newCalls(server("sub1", 1, 2))
	register := func(want int) {
		t.Helper()
		if got := c.do("GET", "/register", "", ""); got.Code != want {
			t.Errorf("register answered %d %s, want %d", got.Code, got.Body, want)
		}
	}
	unregister := func() {
		t.Helper()
		a := answer[map[string]string](t, c.do("POST", "/unregister", asJSON, `{"server":"sub1","user_id":"ann"}`), http.StatusOK)
		if a["message"] != "Unregistered from sub1" {
			t.Errorf("answered %v", a)
		}
	}
	register(http.StatusOK)
	register(http.StatusServiceUnavailable)
	unregister()
	register(http.StatusOK)
	register(http.StatusServiceUnavailable)
	s := server("sub1", 2, 2)
	c.roster.Apply(s.ServerStatus, time.Now())
	unregister()
	register(http.StatusServiceUnavailable)
}

// What is taken of a body's type and encoding is the same as where reactions are sent.
func TestUnregisterTakesAnyJSON(t *testing.T) {
	for contentType, body := range map[string]string{
		"application/json; charset=utf8":     `{"server":"sub1"}`,
		"application/json; charset=UTF_8":    `{"server":"sub1"}`,
		"application/json; charset=us-ascii": `{"server":"sub1"}`,
		`application/json;charset="utf-8"`:   `{"server":"sub1"}`,
		"application/json; charset=":         `{"server":"sub1"}`,
		"application/json;":                  "\uFEFF" + `{"server":"sub1"}`,
		"application/hal+json":               "\uFEFF\r\n" + `{"server":"sub1"}`,
	} {
		got := newCalls(server("sub1", 1, 2)).do("POST", "/unregister", contentType, body)
		if a := answer[map[string]string](t, got, http.StatusOK); a["message"] != "Unregistered from sub1" {
			t.Errorf("%s: answered %v", contentType, a)
		}
	}
}

// Between two heartbeats, clients are not all sent to the server that was emptiest at
// the first heartbeat.
func TestRegisterSpreads(t *testing.T) {
	c := newCalls(server("sub1", 4, 20), server("sub2", 0, 20), server("sub3", 0, 10))
	got := map[string]int{}
	for range 16 {
		got[answer[wire.Assignment](t, c.do("GET", "/register", "", ""), http.StatusOK).ServerName]++
	}
	if diff := cmp.Diff(map[string]int{"sub1": 4, "sub2": 8, "sub3": 4}, got); diff != "" {
		t.Errorf("assigned (-want +got):\n%s", diff)
	}
}

// A client that says which server failed it is sent to another server, if one has room.
// Other clients are not affected.
func TestRegisterAvoids(t *testing.T) {
	for name, tt := range map[string]struct {
		method, path, body string
		want               string
	}{
		"in the query":          {"GET", "/register?avoid=sub1", "", "sub2"},
		"in a posted query":     {"POST", "/register?avoid=sub1", "", "sub2"},
		"in JSON":               {"POST", "/register", `{"avoid":"sub1"}`, "sub2"},
		"in both, with a user":  {"POST", "/register?user_id=ann&avoid=sub1", `{"avoid":"sub2"}`, "sub2"},
		"a full one":            {"GET", "/register?avoid=sub3", "", "sub1"},
		"one that is not known": {"GET", "/register?avoid=%0a" + strings.Repeat("x", 1000), "", "sub1"},
		"nothing":               {"GET", "/register?avoid=", "", "sub1"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCalls(server("sub1", 0, 100), server("sub2", 50, 100), server("sub3", 100, 100))
			if a := answer[wire.Assignment](t, c.do(tt.method, tt.path, asJSON, tt.body), http.StatusOK); a.ServerName != tt.want {
				t.Errorf("assigned to %s, want %s", a.ServerName, tt.want)
			}
			if a := answer[wire.Assignment](t, c.do("GET", "/register", "", ""), http.StatusOK); a.ServerName != "sub1" {
				t.Errorf("the next one was assigned to %s", a.ServerName)
			}
		})
	}
}

// No client is sent to a silent server. /v1/servers says how long a server has been
// silent. It shows clients that were assigned and have not come yet apart from those
// that have come.
func TestServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCalls()
		if got := c.do("GET", "/v1/servers", "", ""); got.Code != http.StatusOK || got.Body.String() != `{"servers":[],"clusters":[]}`+"\n" {
			t.Errorf("without servers: answered %d %s", got.Code, got.Body)
		}
		hear := func(name, cluster, state string, clients int) {
			s := server(name, clients, 10)
			s.Cluster, s.State, s.Topic = cluster, state, "sub_n"
			c.roster.Apply(s.ServerStatus, time.Now())
		}
		hear("sub10", "cluster_2", wire.StateServing, 9) // it sends no further heartbeat
		<-time.After(3 * time.Second)
		hear("sub4", "cluster_2", wire.StateGone, 0)
		hear("sub3", "cluster_2", wire.StateDraining, 3)
		<-time.After(2 * time.Second)
		hear("sub2", "cluster_1", wire.StateServing, 2)
		hear("sub1", "cluster_1", wire.StateServing, 1)
		<-time.After(500 * time.Millisecond)
		for range 3 {
			c.do("GET", "/register?avoid=sub2", "", "")
		}
		c.do("POST", "/unregister", asJSON, `{"server":"sub1"}`)
		got := c.do("GET", "/v1/servers", "", "")
		a := answer[struct {
			Servers  []registry.Server  `json:"servers"`
			Clusters []registry.Cluster `json:"clusters"`
		}](t, got, http.StatusOK)
		var servers []string
		for _, s := range a.Servers {
			servers = append(servers, fmt.Sprintf("%s %s %s %d+%d/%d alive %v, heard of %.1f s ago", s.Name, s.Cluster, s.State, s.Clients, s.Pending, s.Capacity, s.Alive, s.Age))
		}
		if diff := cmp.Diff([]string{
			"sub1 cluster_1 serving 1+2/10 alive true, heard of 0.5 s ago",
			"sub2 cluster_1 serving 2+0/10 alive true, heard of 0.5 s ago",
			"sub3 cluster_2 draining 3+0/10 alive true, heard of 2.5 s ago",
			"sub4 cluster_2 gone 0+0/10 alive false, heard of 2.5 s ago",
			"sub10 cluster_2 serving 9+0/10 alive false, heard of 5.5 s ago",
		}, servers); diff != "" {
			t.Errorf("servers (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]registry.Cluster{{Name: "cluster_1", Servers: 2, Clients: 3, Pending: 2, Capacity: 20}, {Name: "cluster_2", Servers: 1, Clients: 3, Capacity: 10}}, a.Clusters); diff != "" {
			t.Errorf("clusters (-want +got):\n%s", diff)
		}
		if !strings.Contains(got.Body.String(), `"heartbeat_age":0.5`) || got.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("answered %s", got.Body)
		}
		if a := answer[wire.Assignment](t, c.do("GET", "/register", "", ""), http.StatusOK); a.ServerName != "sub2" {
			t.Errorf("assigned to %s", a.ServerName)
		}
		<-time.After(5 * time.Second)
		<-time.After(5 * time.Second)
		if p := answer[problem](t, c.do("GET", "/register", "", ""), http.StatusServiceUnavailable); p.Code != "no_servers" {
			t.Errorf("after all fell silent: refused with %+v", p)
		}
		<-time.After(roster.Lookback)
		if got := c.do("GET", "/v1/servers", "", ""); got.Body.String() != `{"servers":[],"clusters":[]}`+"\n" {
			t.Errorf("after they were silent for very long: answered %s", got.Body)
		}
	})
}
