package server_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/server"
	"github.com/emostream/emostream/server/fanout"
)

// Both servers answer to their own names alone on every address, as in a container, and
// to health checks that give no name.
func TestHosts(t *testing.T) {
	hosts := httpserve.HostCheck{Names: []string{"emo.example"}}
	m := mainServer(taken)
	m.Hosts = hosts
	for name, s := range map[string]interface {
		Serve(ctx context.Context, ln net.Listener) error
	}{
		"main server":       m,
		"subscriber server": &server.Subscriber{Fanout: fanout.New(fanout.Config{Name: "sub1", Topic: "sub_1", Capacity: 1}), Hosts: hosts},
	} {
		t.Run(name, func(t *testing.T) {
			ln, err := httpserve.Listen(t.Context(), "0.0.0.0:0")
			if err != nil {
				t.Fatal(err)
			}
			_, port, err := net.SplitHostPort(ln.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- s.Serve(ctx, ln) }()
			for request, want := range map[string]int{
				"GET /healthz HTTP/1.0\r\n\r\n":                                                                     http.StatusOK,
				"GET /healthz HTTP/1.1\r\nHost: emo.example\r\nConnection: close\r\n\r\n":                           http.StatusOK,
				"GET /healthz HTTP/1.1\r\nHost: localhost:" + port + "\r\nConnection: close\r\n\r\n":                http.StatusOK,
				"GET /healthz HTTP/1.1\r\nHost: 192.0.2.7\r\nConnection: close\r\n\r\n":                             http.StatusOK,
				"GET /healthz HTTP/1.1\r\nHost: evil.example:" + port + "\r\nConnection: close\r\n\r\n":             http.StatusForbidden,
				"GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n":          http.StatusForbidden,
				"GET /v1/swarm HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n":                         http.StatusForbidden,
				"POST /send_emoji HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 0\r\nConnection: close\r\n\r\n": http.StatusForbidden,
			} {
				c, err := net.Dial("tcp", "127.0.0.1:"+port)
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
		})
	}
}
