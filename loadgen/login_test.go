package loadgen_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/loadgen"
)

// A server that wants a login for every request gets it with reactions, registrations and
// streams, also after a stream has broken; and it stands in no report.
func TestRunWithALogin(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		login  string
		server func(url string) string
		header []string
		http2  bool
	}{
		"by a header":             {"Bearer s3cret", func(url string) string { return url }, []string{"Authorization: Bearer ${TOKEN}"}, false},
		"by the URL":              {"Basic YW5uOnMzY3JldA==", func(url string) string { return strings.Replace(url, "://", "://ann:s3cret@", 1) }, nil, false},
		"by the URL, over HTTP/2": {"Basic YW5uOnMzY3JldA==", func(url string) string { return strings.Replace(url, "://", "://ann:s3cret@", 1) }, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startFaulty(t, faults{login: tt.login, cut: true})
			cfg := loadgen.Config{
				Server: tt.server(s.url), HTTP2: tt.http2, Headers: tt.header, Variable: variables, Rate: 400, Duration: time.Second, Connections: 4,
				Listeners: 3, Timeout: longTimeout, Drain: longTimeout, BalanceTimeout: longTimeout,
			}
			var seen []byte
			cfg.Observe = func(snap loadgen.Snapshot) {
				b, _ := json.Marshal(snap)
				seen = append(seen, b...)
			}
			r, err := loadgen.Run(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := balanceOf(t, r), (balance{Sent: 400, Accepted: 400, Counted: 400}); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if r.Listeners.Reconnects == 0 || r.Listeners.Refused > 0 {
				t.Errorf("listeners %+v", r.Listeners)
			}
			b, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			if all := string(b) + string(seen); strings.Contains(all, "s3cret") || strings.Contains(all, "YW5u") {
				t.Errorf("the secret shows: %s", all)
			}
			_, err = loadgen.Run(t.Context(), loadgen.Config{Server: s.url, Duration: time.Second, Timeout: longTimeout})
			if err == nil || !strings.Contains(err.Error(), "401") {
				t.Errorf("without the login: %v", err)
			}
		})
	}
}

// A stream that ends because its ticket has run out has not failed. Its listener registers
// again, does not avoid its server, and misses nothing.
func TestRunWithTickets(t *testing.T) {
	t.Parallel()
	for _, http2 := range []bool{false, true} {
		s := startFaulty(t, faults{tickets: true, cut: true})
		r, err := loadgen.Run(t.Context(), loadgen.Config{
			Server: s.url, HTTP2: http2, Rate: 400, Duration: time.Second, Connections: 4,
			Listeners: 3, Timeout: longTimeout, Drain: longTimeout, BalanceTimeout: longTimeout,
		})
		if err != nil {
			t.Fatal(err)
		}
		if got, want := balanceOf(t, r), (balance{Sent: 400, Accepted: 400, Counted: 400}); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		s.mu.Lock()
		registered, avoided := s.registered, s.avoided
		s.mu.Unlock()
		if r.Listeners.Reconnects == 0 || r.Listeners.Refused > 0 || len(r.Errors) > 0 || registered < 1+2*3 || avoided > 0 {
			t.Errorf("listeners %+v, errors %v, registered %d times, avoiding the server %d times", r.Listeners, r.Errors, registered, avoided)
		}
	}
}

// Another service gets a login of its own for posts and for the stream.
func TestRunWithLoginsOfAnotherService(t *testing.T) {
	t.Parallel()
	h := &hub{news: make(chan struct{})}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if want := map[string]string{"/pub": "ann s3cret", "/sub": "bob p@ss"}[r.URL.Path]; user+" "+password != want || r.Header.Get("X-Room") != "7" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	}))
	defer srv.Close()
	host := strings.TrimPrefix(srv.URL, "http://")
	r, err := loadgen.Run(t.Context(), loadgen.Config{
		Publish: &loadgen.Publish{PostURL: "http://ann:${TOKEN}@" + host + "/pub", StreamURLs: []string{"http://bob:p%40ss@" + host + "/sub"}},
		Headers: []string{"X-Room: 7"}, Variable: variables,
		Rate: 100, Duration: time.Second, Connections: 2, Listeners: 2, Timeout: longTimeout, Drain: longTimeout, BalanceTimeout: longTimeout,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := balanceOf(t, r), (balance{Sent: 100, Accepted: 100, Counted: 100}); got != want {
		t.Errorf("got %+v, want %+v: %v", got, want, r.Errors)
	}
}
