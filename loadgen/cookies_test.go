package loadgen_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/emostream/emostream/loadgen"
)

func TestCookies(t *testing.T) {
	const first = "POST /a/b?c HTTP/1.1\r\n"
	for name, tt := range map[string]struct {
		set  []string
		next string // request; default that to which they were set
		want string
	}{
		"none":                 {nil, first + "Host: h\r\n\r\nx", first + "Host: h\r\n\r\nx"},
		"two":                  {[]string{"a=1; Path=/", "b=2; HttpOnly"}, first + "Host: h:5\r\n\r\nx", first + "Host: h:5\r\nCookie: b=2; a=1\r\n\r\nx"},
		"in quotes":            {[]string{`a="1 2"; Path=/`}, first + "Host: h\r\n\r\n", first + "Host: h\r\nCookie: a=\"1 2\"\r\n\r\n"},
		"beside one given":     {[]string{"a=1"}, first + "Host: h\r\nCookie: own=0\r\nX: y\r\n\r\nCookie: z", first + "Host: h\r\nCookie: own=0; a=1\r\nX: y\r\n\r\nCookie: z"},
		"of another path":      {[]string{"a=1; Path=/b", "b=2; Path=/a"}, first + "Host: h\r\n\r\n", first + "Host: h\r\nCookie: b=2\r\n\r\n"},
		"of another host":      {[]string{"a=1"}, first + "Host: other\r\n\r\n", first + "Host: other\r\n\r\n"},
		"over https alone":     {[]string{"a=1; Secure"}, first + "Host: h\r\n\r\n", first + "Host: h\r\n\r\n"},
		"set anew":             {[]string{"a=1", "a=2"}, first + "Host: h\r\n\r\n", first + "Host: h\r\nCookie: a=2\r\n\r\n"},
		"taken back":           {[]string{"a=1", "a=; Max-Age=0"}, first + "Host: h\r\n\r\n", first + "Host: h\r\n\r\n"},
		"what is no cookie":    {[]string{"", "=; x", "a b"}, first + "Host: h\r\n\r\n", first + "Host: h\r\n\r\n"},
		"a host of its domain": {[]string{"a=1; Domain=example.com"}, first + "Host: b.example.com\r\n\r\n", first + "Host: b.example.com\r\nCookie: a=1\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var c loadgen.Cookies
			host := "h"
			if name == "a host of its domain" {
				host = "a.example.com"
			}
			for _, line := range tt.set {
				c.Answered(first+"Host: "+host+"\r\n\r\n", line)
			}
			if got := c.AddTo(tt.next); got != tt.want {
				t.Errorf("got %q\nwant %q", got, tt.want)
			}
		})
	}
}

// Each connection and each listener is a client that keeps the cookie that it is given:
// those that come without one are as many as there are clients, also where every
// connection is closed after its answer.
func TestRunKeepsCookies(t *testing.T) {
	t.Parallel()
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runKeepsCookies(t, http2)
		})
	}
}

func runKeepsCookies(t *testing.T, http2 bool) {
	t.Helper()
	h := &hub{news: make(chan struct{})}
	var mu sync.Mutex
	without, with := map[string]int{}, map[string]int{}
	srv := serveBothVersions(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		if cookie, err := r.Cookie("server"); err == nil && cookie.Value == r.URL.Path {
			with[r.URL.Path]++
		} else {
			without[r.URL.Path]++
			http.SetCookie(w, &http.Cookie{Name: "server", Value: r.URL.Path})
		}
		mu.Unlock()
		if r.URL.Path == "/pub" {
			w.Header().Set("Connection", "close")
		}
		h.ServeHTTP(w, r)
	}))
	defer srv.Close()
	r, err := loadgen.Run(t.Context(), loadgen.Config{
		Publish: &loadgen.Publish{PostURL: srv.URL + "/pub", StreamURLs: []string{srv.URL + "/sub"}}, HTTP2: http2,
		Rate: 200, Duration: time.Second, Connections: 3, Listeners: 2, Timeout: longTimeout, Drain: longTimeout, BalanceTimeout: longTimeout,
	})
	if err != nil {
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if r.Accepted != 200 || without["/pub"] > 3 || with["/pub"]+without["/pub"] != 200 || without["/sub"] != 2 {
		t.Errorf("accepted %d, without a cookie %v, with one %v", r.Accepted, without, with)
	}
}

// The cookie that a listener is given when it registers is sent with its stream, and that
// of a stream when the listener comes back.
func TestListenersKeepCookies(t *testing.T) {
	t.Parallel()
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listenersKeepCookies(t, http2)
		})
	}
}

func listenersKeepCookies(t *testing.T, http2 bool) {
	t.Helper()
	s := startFaulty(t, faults{cookie: "session", cut: true})
	r, err := loadgen.Run(t.Context(), loadgen.Config{
		Server: s.url, HTTP2: http2, Rate: 200, Duration: time.Second, Connections: 2, Listeners: 3, Timeout: longTimeout, Drain: longTimeout, BalanceTimeout: longTimeout,
	})
	if err != nil {
		t.Fatal(err)
	}
	if r.Listeners.Refused > 0 || r.Listeners.Connected != 3 || r.Listeners.Reconnects == 0 {
		t.Errorf("listeners %+v, %v", r.Listeners, r.Notes)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.sessions) != 1+3 { // the first is that of the probe
		t.Errorf("%d sessions", len(s.sessions))
	}
}
