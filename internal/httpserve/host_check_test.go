package httpserve_test

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/httpserve"
)

func TestLoopbackHost(t *testing.T) {
	v4 := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5000}
	v6 := &net.TCPAddr{IP: net.IPv6loopback, Port: 5000}
	for host, allowed := range map[string]bool{
		"localhost":                 true,
		"localhost:5000":            true,
		"localhost:1":               true, // through a forwarded port
		"LocalHost.:5000":           true,
		"emo.localhost:5000":        true,
		"127.0.0.1":                 true,
		"127.0.0.1:5000":            true,
		"127.9.8.7:5000":            true,
		"[::1]":                     true,
		"[::1]:5000":                true,
		"[::ffff:127.0.0.1]:5000":   true,
		"":                          false,
		":5000":                     false,
		"evil.example":              false,
		"evil.example:5000":         false,
		"localhost.evil.example":    false,
		"evillocalhost":             false,
		"127.0.0.1.evil.example":    false,
		"0.0.0.0:5000":              false,
		"192.168.1.7:5000":          false,
		"[fe80::1]:5000":            false,
		"[::]:5000":                 false,
		"localhost:5000:evil":       false,
		"localhost, evil.example":   false,
		"[localhost].evil.example":  false,
		"xn--lcalhost-7ya.example.": false,
	} {
		for _, ln := range []net.Addr{v4, v6} {
			if got := ask(host, ln).Code == http.StatusNoContent; got != allowed {
				t.Errorf("Host %q on %v: served is %v, want %v", host, ln, got, allowed)
			}
		}
	}
}

func TestLoopbackHostSaysWhatToDo(t *testing.T) {
	ln := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5000}
	res := ask("<evil>\x1b.example"+strings.Repeat("x", 1000), ln)
	if res.Code != http.StatusForbidden || res.Header().Get("Content-Type") != "application/json" {
		t.Errorf("answer %d, %s", res.Code, res.Header().Get("Content-Type"))
	}
	body := res.Body.String()
	var said struct{ Error, Code string }
	if err := json.Unmarshal([]byte(body), &said); err != nil || said.Code != "host_not_allowed" {
		t.Fatalf("body %s, %v", body, err)
	}
	if !strings.Contains(said.Error, "http://127.0.0.1:5000") {
		t.Errorf("error %q does not say where to go", said.Error)
	}
	if len(body) > 400 || strings.ContainsAny(body, "<\x1b") {
		t.Errorf("the answer echoes too much: %s", body)
	}
}

func TestLoopbackHostElsewhere(t *testing.T) {
	for _, ln := range []net.Addr{
		&net.TCPAddr{Port: 5000},
		&net.TCPAddr{IP: net.IPv6unspecified, Port: 5000},
		&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 5000},
		&net.UnixAddr{Name: "/run/emostream.sock", Net: "unix"},
	} {
		if code := ask("emo.example", ln).Code; code != http.StatusNoContent {
			t.Errorf("on %v: %d, want every name served", ln, code)
		}
	}
}

// ask sends a request with this Host to a handler that answers 204.
func ask(host string, ln net.Addr) *httptest.ResponseRecorder {
	next := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	r := httptest.NewRequest(http.MethodPost, "/send_emoji", nil)
	r.Host = host
	w := httptest.NewRecorder()
	httpserve.LoopbackHost(next, ln).ServeHTTP(w, r)
	return w
}
