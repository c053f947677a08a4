package fanout_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/fanout"
)

// network is a subscriber server on real sockets, with one of the transports.
type network struct {
	*installation
	url string
	tcp func() (*net.TCPConn, error) // a connection to it
}

// way is a way for streams to reach clients: a transport, and the protocols below it.
type way struct {
	name      string
	protocols []string            // with TLS
	hidden    bool                // the connections hide their sockets, so that net/http keeps them
	accepted  chan<- *net.TCPConn // is told of the first one; may be nil
}

// sockets returns the way of plain HTTP/1.1, on which streams take the socket from
// net/http. On all other ways net/http keeps it.
func sockets() way { return way{name: "sockets"} }

// onEach runs a test on every way.
func onEach(t *testing.T, test func(t *testing.T, w way)) {
	t.Helper()
	t.Parallel()
	for _, w := range []way{sockets(), {name: "net/http", hidden: true}, {name: "TLS", protocols: []string{"http/1.1"}}, {name: "HTTP/2", protocols: []string{"h2"}}} {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			test(t, w)
		})
	}
}

// start starts sub1, and waits until it has read its topic.
func (w way) start(t *testing.T, log *topic, cfg fanout.Config) *network {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr, scheme := ln.Addr().String(), "http"
	ln = tight{ln, w.accepted}
	if w.hidden {
		ln = shy{ln}
	}
	if w.protocols != nil {
		ln, scheme = httpserve.HTTPS(ln, &tls.Config{Certificates: certificates(), NextProtos: w.protocols}), "https"
	}
	transport := &http.Transport{
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return dialTCP(addr) },
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // it is our own
		ForceAttemptHTTP2: true,
		HTTP2:             &http.HTTP2Config{MaxReceiveBufferPerStream: buffer},
	}
	n := &network{installation: serve(t, log, cfg, ln), url: scheme + "://localhost"}
	n.client = &http.Client{Transport: transport}
	n.tcp = func() (*net.TCPConn, error) { return dialTCP(addr) }
	t.Cleanup(transport.CloseIdleConnections)
	eventually(t, "the ring is filled", func() bool { return n.Ready() == nil })
	return n
}

// certificates returns the certificates of the standard library for tests.
func certificates() []tls.Certificate {
	srv := httptest.NewUnstartedServer(nil)
	srv.StartTLS()
	defer srv.Close()
	return srv.TLS.Certificates
}

// buffer is how many bytes each system and library is told to keep for a client that
// does not read. They keep a little more.
const buffer = 32 << 10

func dialTCP(addr string) (*net.TCPConn, error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return c.(*net.TCPConn), c.(*net.TCPConn).SetReadBuffer(buffer)
}

// tight is a net.Listener whose connections have small buffers.
type tight struct {
	net.Listener
	accepted chan<- *net.TCPConn
}

func (l tight) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	select {
	case l.accepted <- c.(*net.TCPConn):
	default:
	}
	return c, c.(*net.TCPConn).SetWriteBuffer(buffer)
}

// shy is a net.Listener whose connections hide their sockets.
type shy struct{ net.Listener }

func (l shy) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return struct{ net.Conn }{c}, err
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

// ear is a listener on a real network. It reads only when a test calls its methods.
type ear struct {
	header http.Header
	proto  string
	in     *bufio.Reader
	leave  context.CancelFunc
}

// hear opens a stream and reads its first frame.
func (n *network) hear(t *testing.T, path, lastEventID string) *ear {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if lastEventID != "" {
		req.Header.Set("Last-Event-ID", lastEventID)
	}
	res, err := n.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		leave()
		_ = res.Body.Close()
	})
	if res.StatusCode != http.StatusOK {
		t.Fatalf("%s answered %d", path, res.StatusCode)
	}
	e := &ear{header: res.Header, proto: res.Proto, in: bufio.NewReader(res.Body), leave: leave}
	if first, err := e.next(); err != nil || !strings.HasPrefix(first, "retry:") {
		t.Fatalf("%s began with %s, %v", path, first, err)
	}
	return e
}

// next reads the next frame, and returns it in the short form of the tests. A stream
// that ends within a frame is an error.
func (e *ear) next() (string, error) {
	var frames frames
	for {
		line, err := e.in.ReadString('\n')
		frame := frames.line(line)
		switch {
		case err == io.EOF && frames.unfinished != "":
			return "", fmt.Errorf("the stream ended after %q", frames.unfinished)
		case err != nil:
			return "", err
		case frame != "":
			return frame, nil
		}
	}
}

// until reads frames up to the given one. It returns all of them but the keep-alives.
func (e *ear) until(t *testing.T, last string) []string {
	t.Helper()
	var got []string
	for {
		frame, err := e.next()
		if err != nil {
			t.Fatalf("%v, after %v", err, got)
		}
		if frame != ":" || last == ":" {
			got = append(got, frame)
		}
		if frame == last {
			return got
		}
	}
}

// hears fails unless exactly these frames come next. It ignores keep-alives.
func (e *ear) hears(t *testing.T, want ...string) {
	t.Helper()
	for _, frame := range want {
		if got := e.until(t, frame); len(got) != 1 {
			t.Errorf("heard %v, want %s", got, frame)
		}
	}
}

// large returns a swarm of window n with some 30 KB, so that a few of them fill the
// buffers of a client that does not read.
func large(n int) wire.Swarm {
	var emojis []wire.EmojiCount
	for i := range 50 {
		emojis = append(emojis, wire.EmojiCount{Emoji: strings.Repeat(strconv.Itoa(i%10), 600), Count: 1, Scaled: 0})
	}
	return swarm(n, int64(n), emojis...)
}
