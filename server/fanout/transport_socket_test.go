//go:build unix

package fanout_test

import (
	"bufio"
	"io"
	"net"
	"net/http/httputil"
	"runtime"
	"strings"
	"testing"

	"github.com/emostream/emostream/server/fanout"
)

// request sends the lines of a request as they are. It reads the head of the answer and
// the first frame.
func (n *network) request(t *testing.T, lines string) (c *net.TCPConn, in *bufio.Reader, head string) {
	t.Helper()
	c, err := n.tcp()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if _, err := io.WriteString(c, strings.ReplaceAll(lines, "\n", "\r\n")); err != nil {
		t.Fatal(err)
	}
	in = bufio.NewReaderSize(c, 512)
	for !strings.HasSuffix(head, "\r\n\r\n") {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatalf("%v after %q", err, head)
		}
		head += line
	}
	if strings.Contains(head, "\r\nTransfer-Encoding: chunked\r\n") {
		in = bufio.NewReaderSize(httputil.NewChunkedReader(in), 512)
	}
	if frame, err := (&ear{in: in}).next(); frame != "retry:2000" {
		t.Fatalf("the stream began with %s, %v", frame, err)
	}
	return c, in, head
}

const get = "GET /v1/swarm HTTP/1.1\nHost: localhost\n\n"

// The head of the answer says that the connection ends with the stream. It says that
// the stream comes in chunks, if the client knows chunks.
func TestHeadOfSockets(t *testing.T) {
	t.Parallel()
	n := sockets().start(t, newTopic(), fanout.Config{})
	for _, lines := range []string{get, "GET /v1/swarm HTTP/1.0\nHost: localhost\n\n", "GET /v1/swarm HTTP/1.0\nHost: localhost\nConnection: keep-alive\n\n"} {
		_, _, head := n.request(t, lines)
		for _, want := range []string{"HTTP/1.1 200 OK\r\n", "\r\nConnection: close\r\n", "\r\nContent-Type: text/event-stream; charset=utf-8\r\n", "\r\nVary: Origin\r\n"} {
			if !strings.Contains(head, want) {
				t.Errorf("%q was answered with %q, without %q", lines, head, want)
			}
		}
		chunks := strings.Contains(head, "\r\nTransfer-Encoding: chunked\r\n")
		if chunks != strings.Contains(lines, "HTTP/1.1") || strings.Contains(head, "Content-Length") {
			t.Errorf("%q was answered with %q", lines, head)
		}
	}
}

// What a client sends after its request is ignored. A client that does not stop sending
// is cut off. One that closes its side has left.
func TestWhatClientsSayLater(t *testing.T) {
	t.Parallel()
	n := sockets().start(t, newTopic(), fanout.Config{})
	asks, in, _ := n.request(t, get+get)
	_, _ = io.WriteString(asks, "and more")
	floods, _, _ := n.request(t, get)
	ends, _, _ := n.request(t, get)
	_ = ends.CloseWrite()
	for junk := make([]byte, 64<<10); ; {
		if _, err := floods.Write(junk); err != nil {
			break
		}
	}
	eventually(t, "one is left", func() bool { return n.Clients() == 1 })
	n.topic.publish(windowsOf(1, 2)...)
	(&ear{in: in}).hears(t, "1=1", "2=2")
}

// A client whose system resets the connection has left.
func TestReset(t *testing.T) {
	t.Parallel()
	n := sockets().start(t, newTopic(), fanout.Config{})
	for range 5 {
		c, _, _ := n.request(t, get)
		_ = c.SetLinger(0)
		_ = c.Close()
	}
	eventually(t, "none is left", func() bool { return n.Clients() == 0 })
}

// A stream on a socket needs no goroutine of its own.
func TestNoGoroutineEach(t *testing.T) { // not in parallel: other tests start goroutines
	n := sockets().start(t, newTopic(), fanout.Config{})
	n.request(t, get)
	before := runtime.NumGoroutine()
	for range 100 {
		n.request(t, get)
	}
	eventually(t, "the goroutines of the requests have ended", func() bool { return runtime.NumGoroutine() < before+10 })
	if n.Clients() != 101 {
		t.Errorf("%d clients", n.Clients())
	}
}
