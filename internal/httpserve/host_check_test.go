package httpserve_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/httpserve"
)

var (
	onLoopback  = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5000}
	onLoopback6 = &net.TCPAddr{IP: net.IPv6loopback, Port: 5000}
	onAll       = &net.TCPAddr{IP: net.IPv4zero, Port: 5000}
	onAll6      = &net.TCPAddr{IP: net.IPv6unspecified, Port: 5000}
	onLAN       = &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 5000}
)

func TestHostCheck(t *testing.T) {
	check := httpserve.HostCheck{Names: []string{"emo.example", "192.0.2.7"}}
	for host, served := range map[string]struct{ onLoopback, elsewhere bool }{
		"":                          {true, true}, // HTTP/1.0
		"localhost":                 {true, true},
		"localhost:5000":            {true, true},
		"localhost:1":               {true, true}, // through a forwarded port
		"LocalHost.:5000":           {true, true},
		"emo.localhost:5000":        {true, true},
		"127.0.0.1":                 {true, true},
		"127.0.0.1:5000":            {true, true},
		"127.9.8.7:5000":            {true, true},
		"[::1]":                     {true, true},
		"[::1]:5000":                {true, true},
		"[::ffff:127.0.0.1]:5000":   {true, true},
		"emo.example":               {true, true},
		"emo.example:443":           {true, true},
		"EMO.Example.:5000":         {true, true},
		"192.0.2.7:5000":            {true, true},
		"[::ffff:192.0.2.7]:5000":   {true, true},
		"192.168.1.8:5000":          {false, true},
		"10.1.2.3":                  {false, true},
		"0.0.0.0:5000":              {false, true},
		"[fe80::1]:5000":            {false, true},
		"[::]:5000":                 {false, true},
		":5000":                     {},
		"evil.example":              {},
		"evil.example:5000":         {},
		"sub.emo.example":           {},
		"xemo.example":              {},
		"example":                   {},
		"emo.example.evil.example":  {},
		"emo.example:5000:evil":     {},
		"emo.example, evil.example": {},
		"localhost.evil.example":    {},
		"evillocalhost":             {},
		"127.0.0.1.evil.example":    {},
		"192.168.1.8.evil.example":  {},
		"localhost:5000:evil":       {},
		"localhost, evil.example":   {},
		"[localhost].evil.example":  {},
		"[127.0.0.1].evil.example":  {},
		"xn--lcalhost-7ya.example.": {},
	} {
		for _, addr := range []net.Addr{onLoopback, onLoopback6} {
			if got := ask(check, host, addr).Code == http.StatusNoContent; got != served.onLoopback {
				t.Errorf("Host %q on %v: served is %v, want %v", host, addr, got, served.onLoopback)
			}
		}
		for _, addr := range []net.Addr{onAll, onAll6, onLAN} {
			if got := ask(check, host, addr).Code == http.StatusNoContent; got != served.elsewhere {
				t.Errorf("Host %q on %v: served is %v, want %v", host, addr, got, served.elsewhere)
			}
		}
	}
}

// With All, and where no name leads, every host is served.
func TestHostCheckOff(t *testing.T) {
	for _, addr := range []net.Addr{onLoopback, onAll} {
		if code := ask(httpserve.HostCheck{All: true}, "evil.example", addr).Code; code != http.StatusNoContent {
			t.Errorf("on %v: %d", addr, code)
		}
	}
	if code := ask(httpserve.HostCheck{}, "emo.example", &net.UnixAddr{Name: "/run/emostream.sock", Net: "unix"}).Code; code != http.StatusNoContent {
		t.Errorf("on a socket of the file system: %d", code)
	}
}

// Over HTTP/2 a browser may ask a server by the name of another one with the same
// certificate. It is told to ask that one.
func TestHostCheckOverHTTP2(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Host, r.ProtoMajor = "sub1.emo.example", 2
	w := httptest.NewRecorder()
	httpserve.HostCheck{Names: []string{"emo.example"}}.Wrap(http.NotFoundHandler(), onAll).ServeHTTP(w, r)
	if w.Code != http.StatusMisdirectedRequest || !strings.Contains(w.Body.String(), "host_not_allowed") {
		t.Errorf("answered %d %s", w.Code, w.Body)
	}
}

func TestHostCheckSaysWhatToDo(t *testing.T) {
	for addr, where := range map[net.Addr]string{onLoopback: "http://127.0.0.1:5000", onAll: "localhost or the address of this server"} {
		var log bytes.Buffer
		check := httpserve.HostCheck{Advice: "use another flag", Logger: slog.New(slog.NewTextHandler(&log, nil))}
		h := check.Wrap(http.NotFoundHandler(), addr)
		for range 3 {
			res := serveHost(h, "<evil>\x1b.example"+strings.Repeat("x", 1000))
			if res.Code != http.StatusForbidden || res.Header().Get("Content-Type") != "application/json" {
				t.Errorf("answer %d, %s", res.Code, res.Header().Get("Content-Type"))
			}
			body := res.Body.String()
			var said struct{ Error, Code string }
			if err := json.Unmarshal([]byte(body), &said); err != nil || said.Code != "host_not_allowed" {
				t.Fatalf("body %s, %v", body, err)
			}
			if !strings.Contains(said.Error, where) || !strings.HasSuffix(said.Error, "use another flag") {
				t.Errorf("error %q does not say where to go and what to do", said.Error)
			}
			if len(body) > 400 || strings.ContainsAny(body, "<\x1b") {
				t.Errorf("the answer echoes too much: %s", body)
			}
		}
		if n := strings.Count(log.String(), "\n"); n != 1 || log.Len() > 300 || strings.Contains(log.String(), "\x1b") {
			t.Errorf("the log has %d lines for three refusals: %s", n, log.String())
		}
	}
}

func TestParseHost(t *testing.T) {
	for s, want := range map[string]string{
		"emo.example":             "emo.example",
		"EMO.Example.":            "emo.example",
		"serve":                   "serve",
		"my_host":                 "my_host",
		"192.0.2.1":               "192.0.2.1",
		"::1":                     "::1",
		"[2001:DB8::1]":           "2001:db8::1",
		"::ffff:192.0.2.1":        "192.0.2.1",
		"emo.example:5000":        "",
		"192.0.2.1:5000":          "",
		strings.Repeat("a", 63):   strings.Repeat("a", 63),
		strings.Repeat("a", 64):   "",
		"":                        "",
		".":                       "",
		"*.emo.example":           "",
		"http://emo.example":      "",
		"emo.example/sub1":        "",
		"user@emo.example":        "",
		"emo..example":            "",
		"émo.example":             "",
		"emo.example evil.exampl": "",
	} {
		got, err := httpserve.ParseHost(s)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("ParseHost(%q) = %q, %v, want %q", s, got, err, want)
		}
	}
}

// A server answers to requests of HTTP/1.0, which need no Host.
func TestRequestWithoutHost(t *testing.T) {
	ln, err := httpserve.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	check := httpserve.HostCheck{}
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	go func() { ended <- httpserve.Serve(ctx, ln, &http.Server{Handler: check.Wrap(h, ln.Addr())}, 0) }()
	for request, want := range map[string]int{
		"GET /readyz HTTP/1.0\r\n\r\n":                       http.StatusNoContent,
		"GET /readyz HTTP/1.0\r\nHost: evil.example\r\n\r\n": http.StatusForbidden,
		"GET http://evil.example/ HTTP/1.0\r\n\r\n":          http.StatusForbidden,
		"GET /readyz HTTP/1.1\r\n\r\n":                       http.StatusBadRequest,
	} {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, request); err != nil {
			t.Fatal(err)
		}
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if res.StatusCode != want {
			t.Errorf("%q: %d, want %d", request, res.StatusCode, want)
		}
		if err := errors.Join(res.Body.Close(), c.Close()); err != nil {
			t.Error(err)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// ask sends a request with this Host to a checked handler that answers 204.
func ask(check httpserve.HostCheck, host string, addr net.Addr) *httptest.ResponseRecorder {
	return serveHost(check.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }), addr), host)
}

func serveHost(h http.Handler, host string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/send_emoji", nil)
	r.Host = host
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
