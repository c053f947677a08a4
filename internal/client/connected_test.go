package client_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/client"
)

// A server that reads a request and then breaks the connection off, with bytes that are
// no TLS, may have counted its reactions.
func TestBrokenOffAfterTheHandshake(t *testing.T) {
	const http1, http2 = false, true
	for name, tt := range map[string]struct {
		protocol   bool
		raw, plain string // what is written below and above TLS
	}{
		"a proxy's answer":            {http1, "HTTP/1.1 504 Gateway Timeout\r\n\r\n", ""},
		"a proxy's answer to HTTP/2":  {http2, "HTTP/1.1 504 Gateway Timeout\r\n\r\n", ""},
		"a bad record":                {http1, "SSH-2.0-OpenSSH_9.6\r\n", ""},
		"a bad record in HTTP/2":      {http2, "SSH-2.0-OpenSSH_9.6\r\n", ""},
		"a record of another version": {http1, "\x17\x09\x09\x00\x01x", ""},
		"what looks like an alert":    {http1, "", "\x15\x03\x01\x00\x02\x02\x16"},
	} {
		t.Run(name, func(t *testing.T) {
			type key struct{}
			read := ""
			srv := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				read += string(body)
				conn, ok := r.Context().Value(key{}).(*tls.Conn)
				if !ok {
					t.Error("the request came without TLS")
					return
				}
				_, _ = io.WriteString(conn, tt.plain)
				_, _ = io.WriteString(conn.NetConn(), tt.raw)
				_ = conn.NetConn().Close()
			}))
			srv.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, key{}, c) }
			srv.EnableHTTP2 = tt.protocol
			srv.StartTLS()
			defer srv.Close()
			c := client.Client{Server: srv.URL, HTTP: srv.Client()}
			_, err := c.Send(t.Context(), []client.Reaction{{UserID: "ann", Emoji: "🔥"}})
			if client.OutcomeOf(err) != client.InDoubt || client.Unreached(err) || client.WrongScheme(err) {
				t.Errorf("outcome %d of %v, want %d", client.OutcomeOf(err), err, client.InDoubt)
			}
			if !strings.HasPrefix(err.Error(), srv.URL+" did not answer: ") {
				t.Error(err)
			}
			if read != `[{"user_id":"ann","emoji_type":"🔥"}]` {
				t.Errorf("the server read %s", read)
			}
		})
	}
}
