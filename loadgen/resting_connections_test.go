package loadgen_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/loadgen/report"
)

// serveConnections starts a server that calls serve for each connection, which ends when
// serve returns.
func serveConnections(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serveConnectionsOf(t, l, serve)
	return "http://" + l.Addr().String()
}

// serveConnectionsOf calls serve for each connection of a listener.
func serveConnectionsOf(t *testing.T, l net.Listener, serve func(net.Conn)) {
	t.Helper()
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				serve(conn)
			}()
		}
	}()
}

// runInMemory makes a run against a server in memory, http://127.0.0.1. It is called in
// the time of a test.
func runInMemory(ctx context.Context, t *testing.T, serve func(net.Listener), cfg loadgen.Config) report.Report {
	t.Helper()
	network := &memoryNetwork{}
	serve(network.listen("127.0.0.1:80"))
	if cfg.Publish == nil {
		cfg.Publish = &loadgen.Publish{PostURL: "http://127.0.0.1/"}
	}
	r, err := loadgen.Run(loadgen.WithDialer(ctx, network.dial), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// serving returns what serves a listener with a handler, by HTTP/1.1 and HTTP/2, until the
// test ends.
func serving(t *testing.T, h http.Handler) func(net.Listener) {
	t.Helper()
	return func(l net.Listener) {
		srv := &http.Server{Handler: h, Protocols: versions(true, false, true)}
		t.Cleanup(func() { _ = srv.Close() })
		go func() { _ = srv.Serve(l) }()
	}
}

// readRequest reads one request. It returns false if none came in time.
func readRequest(conn net.Conn, from *bufio.Reader, within time.Duration) bool {
	_ = conn.SetReadDeadline(time.Now().Add(within))
	request, err := http.ReadRequest(from)
	if err != nil {
		return false
	}
	_, err = io.Copy(io.Discard, request.Body)
	return err == nil
}

const (
	answerOK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
	stale408 = "HTTP/1.1 408 Request Time-out\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
)

// However servers end connections that rest, no request is in doubt because of it. Nothing
// is sent while a server ends a connection, which only the time of a test can promise.
func TestConnectionsThatRest(t *testing.T) {
	t.Parallel()
	const rest = 300 * time.Millisecond // some way from the time between two requests on a connection, and from that between dialling and a request
	answerWhile := func(head string, idle time.Duration, last string) func(net.Conn) {
		return func(conn net.Conn) {
			for from := bufio.NewReader(conn); readRequest(conn, from, idle); {
				if _, err := io.WriteString(conn, head); err != nil {
					return
				}
			}
			_, _ = io.WriteString(conn, last)
		}
	}
	answerOnce := func(answer string) func(net.Conn) {
		return func(conn net.Conn) {
			if readRequest(conn, bufio.NewReader(conn), longTimeout) {
				_, _ = io.WriteString(conn, answer)
			}
		}
	}
	with := func(header string) string { return strings.Replace(answerOK, "\r\n\r\n", "\r\n"+header+"\r\n\r\n", 1) }
	for name, tt := range map[string]struct {
		serve  func(net.Conn)
		stages string
	}{
		"closed after a short rest":                  {answerWhile(answerOK, rest, ""), "3s:20"},
		"closed before the first request":            {answerWhile(answerOK, rest, ""), "2s:2"},
		"closed during a pause":                      {answerWhile(answerOK, rest, ""), "300ms:100,1s:0,300ms:100"},
		"ended with an answer that nobody asked for": {answerWhile(answerOK, rest, stale408), "3s:20"},
		"closed after each answer without a word":    {answerOnce(answerOK), "2s:20"},
		"an answer too many":                         {answerOnce(answerOK + answerOK), "2s:20"},
		"Connection: close among other options":      {answerOnce(with("Connection: close, x")), "1s:200"},
		"close beside keep-alive":                    {answerOnce(with("Connection: keep-alive\r\nConnection: close")), "1s:200"},
		"a rest that is announced":                   {answerWhile(with("Keep-Alive: timeout=1, max=100"), time.Second, ""), "3s:20"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := runInMemory(t.Context(), t, func(l net.Listener) { serveConnectionsOf(t, l, tt.serve) }, loadgen.Config{Stages: tt.stages, Connections: 20})
				if r.Sent == 0 || r.Accepted != r.Sent {
					t.Errorf("%d of %d accepted, %d in doubt: %v", r.Accepted, r.Sent, r.InDoubt, r.Errors)
				}
			})
		})
	}
}

// A request that reached the server is in doubt when its connection ends, and is not
// sent again.
func TestNothingIsSentTwice(t *testing.T) {
	t.Parallel()
	var received atomic.Int64
	url := serveConnections(t, func(conn net.Conn) {
		for from, n := bufio.NewReader(conn), 0; readRequest(conn, from, longTimeout); n++ {
			received.Add(1)
			if n == 1 {
				return // without an answer
			}
			if _, err := io.WriteString(conn, answerOK); err != nil {
				return
			}
		}
	})
	r, err := loadgen.Run(t.Context(), loadgen.Config{Publish: &loadgen.Publish{PostURL: url}, Rate: 200, Duration: 500 * time.Millisecond, Connections: 2})
	if err != nil {
		t.Fatal(err)
	}
	if r.Sent != 100 || received.Load() != 100 || r.Accepted+r.InDoubt != 100 || r.InDoubt < 49 {
		t.Errorf("sent %d, received %d, accepted %d, in doubt %d: want 100, 100 and about 50 each: %v", r.Sent, received.Load(), r.Accepted, r.InDoubt, r.Errors)
	}
}
