package httpserve_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/emostream/emostream/internal/httpserve"
)

// limited runs an HTTP server until the test ends. Its net.Listener accepts at most
// limit connections at the same time.
func limited(t *testing.T, limit int, h http.HandlerFunc) *httpserve.Connections {
	t.Helper()
	return limitedBy(t, httpserve.ConnectionLimits{Max: limit}, h)
}

// limitedBy is limited, with all limits.
func limitedBy(t *testing.T, limits httpserve.ConnectionLimits, h http.HandlerFunc) *httpserve.Connections {
	t.Helper()
	ln, err := httpserve.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	conns := httpserve.LimitConnections(ln, limits)
	srv := &http.Server{Handler: h, ConnState: conns.ConnState}
	done := make(chan error)
	go func() { done <- srv.Serve(conns) }()
	t.Cleanup(func() {
		_ = srv.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("server: %v", err)
		}
	})
	return conns
}

// client returns an HTTP client that shares no connections with others.
func client(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// Connections over the limit get an answer, however much they post. Those within it are
// served normally, and a connection that is closed makes room for another.
func TestConnectionsBeyondTheBound(t *testing.T) {
	conns := limited(t, 2, func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	url := "http://" + conns.Addr().String()
	post := func(c *http.Client, body string) (int, string, http.Header) {
		res, err := c.Post(url, "text/plain", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(b), res.Header
	}
	first, second := client(t), client(t)
	for _, c := range []*http.Client{first, second} {
		if status, body, _ := post(c, "hello"); status != http.StatusOK || body != "hello" {
			t.Errorf("within the bound: %d %s", status, body)
		}
	}
	for _, body := range []string{"hello", strings.Repeat("x", 50_000)} {
		for range 20 {
			status, said, header := post(client(t), body)
			var p struct{ Error, Code string }
			if err := json.Unmarshal([]byte(said), &p); err != nil || status != http.StatusServiceUnavailable || p.Code != "overloaded" || header.Get("Retry-After") != "1" {
				t.Errorf("beyond the bound: %d %s %v, %v", status, said, header, err)
			}
		}
	}
	if status, body, _ := post(first, "again"); status != http.StatusOK || body != "again" {
		t.Errorf("the first one again: %d %s", status, body)
	}
	if conns.Open() != 2 || conns.Refused() != 40 {
		t.Errorf("%d are open, %d were refused", conns.Open(), conns.Refused())
	}
	second.CloseIdleConnections()
	for conns.Open() == 2 { // until the server has noticed it
		second.CloseIdleConnections()
	}
	if status, _, _ := post(client(t), "me now"); status != http.StatusOK {
		t.Errorf("after one has left: %d", status)
	}
}

// Connections over the limit that send nothing do not count as open, and are closed
// soon.
func TestSilentConnectionsBeyondTheBound(t *testing.T) {
	conns := limited(t, 1, func(http.ResponseWriter, *http.Request) {})
	held := client(t)
	get := func(c *http.Client) int {
		res, err := c.Get("http://" + conns.Addr().String())
		if err != nil {
			return 0
		}
		_ = res.Body.Close()
		return res.StatusCode
	}
	if status := get(held); status != http.StatusOK {
		t.Fatalf("the first one: %d", status)
	}
	var wg sync.WaitGroup
	for range 200 { // more than can get an answer at the same time
		wg.Go(func() {
			c, err := net.Dial("tcp", conns.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			if b, err := bufio.NewReader(c).ReadBytes('\n'); len(b) > 0 || err == nil {
				t.Errorf("one that asked for nothing was told %q", b)
			}
		})
	}
	wg.Wait()
	if status := get(held); status != http.StatusOK {
		t.Errorf("the first one again: %d", status)
	}
	if status := get(client(t)); status != http.StatusServiceUnavailable {
		t.Errorf("one more: %d", status)
	}
}

// A page of an origin that is invited may read that there is no room.
func TestPagesBeyondTheBound(t *testing.T) {
	origins, err := httpserve.ParseOrigins([]string{"https://example.com"})
	if err != nil {
		t.Fatal(err)
	}
	conns := limitedBy(t, httpserve.ConnectionLimits{Origins: origins}, nil)
	for origin, want := range map[string]string{"https://example.com": "https://example.com", "https://evil.example": "", "": ""} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+conns.Addr().String(), strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		if origin != "" {
			req.Header.Set("Origin", origin)
		}
		res, err := client(t).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if h := res.Header; res.StatusCode != http.StatusServiceUnavailable || h.Get("Access-Control-Allow-Origin") != want ||
			h.Get("Retry-After") != "1" || strings.Contains(h.Get("Access-Control-Expose-Headers"), "Retry-After") != (want != "") {
			t.Errorf("a page of %q was answered %s %v", origin, res.Status, h)
		}
	}
}

// The body of the refusal is as long as its Content-Length says.
func TestConnectionsAnswerIsWhole(t *testing.T) {
	conns := limited(t, 0, nil)
	c, err := net.Dial("tcp", conns.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
	all, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(bytes.NewReader(all))
	res, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || !json.Valid(body) || in.Buffered() != 0 || !res.Close {
		t.Errorf("answered %q, %v", all, err)
	}
}
