package httpserve_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
)

// secured runs a server with HTTPS until the test ends. Its client trusts it, and makes a
// connection of its own for each request.
func secured(t *testing.T, limits httpserve.ConnectionLimits, h http.HandlerFunc) (conns *httpserve.Connections, newClient func(http2 bool) *http.Client) {
	t.Helper()
	ln, err := httpserve.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	pair := certificate(t, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	c, err := httpserve.OpenCertificate((&files{pair: pair}).get, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h, TLSConfig: c.TLSConfig(), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	conns = httpserve.LimitConnections(httpserve.HTTPS(ln, srv.TLSConfig), limits)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- httpserve.Serve(ctx, conns, srv, 0) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("server: %v", err)
		}
	})
	trusted := x509.NewCertPool()
	trusted.AddCert(pair.Leaf)
	return conns, func(http2 bool) *http.Client {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}, ForceAttemptHTTP2: http2}
		t.Cleanup(transport.CloseIdleConnections)
		return &http.Client{Transport: transport}
	}
}

func hello(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "hello by "+r.Proto) }

// fetch returns the status and the body of an answer.
func fetch(t *testing.T, c *http.Client, url string) (int, string) {
	t.Helper()
	res, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// begun returns the body of an answer that has begun.
func begun(t *testing.T, c *http.Client, url string) io.Reader {
	t.Helper()
	res, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = res.Body.Close() })
	if res.StatusCode != http.StatusOK {
		t.Errorf("within the bound: %d", res.StatusCode)
	}
	return res.Body
}

// eventually waits for a condition, and fails the test after half a minute.
func eventually(t *testing.T, what string, come func() bool) {
	t.Helper()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for range 6000 {
		if come() {
			return
		}
		<-poll.C
	}
	t.Fatalf("in half a minute it did not come about that %s", what)
}

// The limit on connections holds over HTTPS, by either version of HTTP: those over it are
// told so, and one that has ended makes room.
func TestConnectionsBeyondTheBoundByHTTPS(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		refused := make(chan struct{})
		conns, newClient := secured(t, httpserve.ConnectionLimits{Max: 2}, func(w http.ResponseWriter, r *http.Request) {
			hello(w, r)
			_ = http.NewResponseController(w).Flush()
			select {
			case <-refused: // until then the connection is not idle, so that it does not make way
			case <-r.Context().Done():
			}
		})
		url := "https://" + conns.Addr().String()
		want := map[bool]string{false: "hello by HTTP/1.1", true: "hello by HTTP/2.0"}[http2]
		first, second := newClient(http2), newClient(http2)
		within := []io.Reader{begun(t, first, url), begun(t, second, url)}
		if status, body := fetch(t, newClient(false), url); status != http.StatusServiceUnavailable || !strings.Contains(body, "overloaded") {
			t.Errorf("beyond the bound: %d %s", status, body)
		}
		close(refused)
		for _, body := range within {
			if b, err := io.ReadAll(body); string(b) != want || err != nil {
				t.Errorf("within the bound: %s, %v", b, err)
			}
		}
		eventually(t, "the connection that has ended counts no more", func() bool {
			first.CloseIdleConnections() // over HTTP/2 it is idle some time after the answer
			return conns.Open() == 1
		})
		if status, body := fetch(t, newClient(http2), url); status != http.StatusOK || body != want {
			t.Errorf("with room again: %d %s", status, body)
		}
		if conns.Refused() != 1 {
			t.Errorf("%d were refused", conns.Refused())
		}
	}
}

// A client that speaks HTTP without TLS is told so.
func TestHTTPWithoutTLS(t *testing.T) {
	conns, _ := secured(t, httpserve.ConnectionLimits{Max: 1000}, hello)
	for request, want := range map[string]string{
		"GET / HTTP/1.1\r\nHost: emo.example:5000\r\n\r\n":                                                    "use https://emo.example:5000",
		"GET / HTTP/1.1\r\nHost: " + strings.Repeat("x", 5000) + "\r\n\r\n":                                   "use https://",
		"POST /send_emoji HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n" + strings.Repeat("x", 50_000): "use https://a",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n":                                                                    "use https://",
		"GET / HTTP/1.1\r\nHost: <\"\x1b\u202e>\r\n\r\n":                                                      "use https://",
		"GARBAGE\r\n\r\n": "use https://",
	} {
		c, err := net.Dial("tcp", conns.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.WriteString(c, request) }()
		res, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatalf("%.30q: %v", request, err)
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		_ = c.Close()
		var said struct{ Error, Code string }
		if jsonErr := json.Unmarshal(body, &said); err != nil || jsonErr != nil {
			t.Errorf("%.30q: %q, %v, %v", request, body, err, jsonErr)
		}
		if said.Code != "https_required" || !strings.HasSuffix(said.Error, want) || res.StatusCode != http.StatusBadRequest {
			t.Errorf("%.30q was answered with %d %q, want that it ends with %s", request, res.StatusCode, said, want)
		}
	}
	eventually(t, "none is left", func() bool { return conns.Open() == 0 })
}

// A connection whose client does not finish the handshake, or does not begin it, makes way
// for another one as an idle one does.
func TestSlowHandshake(t *testing.T) {
	conns, newClient := secured(t, httpserve.ConnectionLimits{Max: 2}, hello)
	for _, said := range []string{"", "\x16\x03\x01\x02\x00\x01"} {
		c, err := net.Dial("tcp", conns.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = io.WriteString(c, said)
	}
	eventually(t, "one of them makes way", func() bool {
		res, err := newClient(true).Get("https://" + conns.Addr().String())
		if err != nil {
			return false
		}
		_ = res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	if conns.ClosedIdle() == 0 {
		t.Error("none has made way")
	}
}
