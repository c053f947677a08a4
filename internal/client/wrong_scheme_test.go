package client_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/client"
)

// If one end speaks TLS and the other does not, the error says which address it may be.
func TestWrongScheme(t *testing.T) {
	there, _ := mainServer(t, 200, oneAccepted)
	plain := strings.TrimPrefix(strings.TrimRight(there.Server, "/"), "http://")
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	private := strings.TrimPrefix(secure.URL, "https://")
	for name, tt := range map[string]struct {
		server, says string
		outcome      client.Outcome
	}{
		"https to a plain port": {"https://" + plain, "https://" + plain + " speaks no TLS there: is it http://" + plain + "?", client.NotWritten},
		"http to Go's TLS":      {"http://" + private, "http://" + private + " speaks TLS: is it https://" + private + "?", client.Refused},
		"http to nginx's TLS":   {"http://" + answering(t, "HTTP/1.1 400 Bad Request\r\nContent-Length: 61\r\n\r\n<center>The plain HTTP request was sent to HTTPS port</center>"), "speaks TLS: is it https://", client.Refused},
		"http to our TLS":       {"http://" + answering(t, "HTTP/1.1 400 Bad Request\r\nContent-Length: 95\r\n\r\n{\"error\":\"an HTTP request was sent to an HTTPS server: use https://a\",\"code\":\"https_required\"}\n"), "speaks TLS: is it https://", client.Refused},
		"http to a TLS alert":   {"http://" + answering(t, "\x15\x03\x01\x00\x02\x02\x16"), "speaks TLS: is it https://", client.Refused},
		"https to no HTTP":      {"https://" + answering(t, "SSH-2.0-OpenSSH_9.6\r\n"), "speaks no TLS there: is it http://", client.NotWritten},
		"an untrusted name":     {secure.URL, "certificate", client.NotWritten},
	} {
		t.Run(name, func(t *testing.T) {
			c := client.Client{Server: tt.server, HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
			_, err := c.Send(t.Context(), []client.Reaction{{UserID: "ann", Emoji: "🔥"}})
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v, want %s", err, tt.says)
			}
			if got := client.OutcomeOf(err); got != tt.outcome {
				t.Errorf("outcome %d, want %d", got, tt.outcome)
			}
		})
	}
}

// answering starts a server that gives these bytes to whatever it is sent first.
func answering(t *testing.T, bytes string) (addr string) {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4096))
			_, _ = io.WriteString(conn, bytes)
			_ = conn.Close()
		}
	}()
	return ln.Addr().String()
}
