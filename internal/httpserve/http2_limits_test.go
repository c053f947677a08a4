package httpserve_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
)

// boundedHTTPS is bounded, for clients over HTTPS.
func boundedHTTPS(t *testing.T, limits httpserve.ConnectionLimits, h http.HandlerFunc) (*pipes, *httpserve.Connections) {
	t.Helper()
	p, conns, stop := untilStopped(t, limits, h)
	t.Cleanup(stop)
	return p, conns
}

// untilStopped is boundedHTTPS for a test that stops the server itself.
func untilStopped(t *testing.T, limits httpserve.ConnectionLimits, h http.HandlerFunc) (p *pipes, conns *httpserve.Connections, stop func()) {
	t.Helper()
	pair := certificate(t, time.Now(), time.Now().Add(time.Hour))
	c, err := httpserve.OpenCertificate((&files{pair: pair}).get, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	p = &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	srv := &http.Server{Handler: h, TLSConfig: c.TLSConfig(), ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	conns = httpserve.LimitConnections(httpserve.HTTPS(p, srv.TLSConfig), limits)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- httpserve.Serve(ctx, conns, srv, 0) }()
	return p, conns, func() {
		before := time.Now()
		cancel()
		if err := <-done; err != nil || time.Since(before) != 0 {
			t.Errorf("server: %v, after %v", err, time.Since(before))
		}
	}
}

// http2Frame is a frame of HTTP/2.
type http2Frame struct {
	kind, flags byte
	stream      uint32
	payload     []byte
}

// The kinds of frames that the tests send or count.
const (
	dataFrame     = 0
	headersFrame  = 1
	resetFrame    = 3
	settingsFrame = 4
)

// http2Client is one connection over HTTP/2, of a client that does what no good one does.
type http2Client struct {
	*tls.Conn
	answers, resets atomic.Int64
	deaf            chan struct{} // closed: it reads no more
}

// dialHTTP2 opens a connection from an address. Its client takes no body of an answer.
func (p *pipes) dialHTTP2(t *testing.T, address string) *http2Client {
	t.Helper()
	c := &http2Client{Conn: tls.Client(p.dial(t, address), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}}), deaf: make(chan struct{})} //nolint:gosec // it is our own
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	go c.listen()
	_, _ = io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
	noWindow := binary.BigEndian.AppendUint32([]byte{0, 4}, 0) // SETTINGS_INITIAL_WINDOW_SIZE
	c.send(http2Frame{kind: settingsFrame, payload: noWindow})
	return c
}

func (c *http2Client) send(f http2Frame) {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(f.payload))<<8|uint32(f.kind))
	b = binary.BigEndian.AppendUint32(append(b, f.flags), f.stream)
	_, _ = c.Write(append(b, f.payload...)) // the tests see what comes of it
}

// ask sends a GET on a stream.
func (c *http2Client) ask(stream uint32) {
	const endStream, endHeaders = 1, 4
	getRootOfHost := []byte{0x82, 0x87, 0x84, 0x41, 1, 'h'} // by indices of HPACK's static table
	c.send(http2Frame{kind: headersFrame, flags: endStream | endHeaders, stream: stream, payload: getRootOfHost})
}

// reset ends a stream.
func (c *http2Client) reset(stream uint32) {
	c.send(http2Frame{kind: resetFrame, stream: stream, payload: []byte{0, 0, 0, 8}})
}

// listen counts what comes.
func (c *http2Client) listen() {
	head := make([]byte, 9)
	for {
		select {
		case <-c.deaf:
			return
		default:
		}
		if _, err := io.ReadFull(c, head); err != nil {
			return
		}
		if _, err := io.CopyN(io.Discard, c, int64(binary.BigEndian.Uint32(head)>>8)); err != nil {
			return
		}
		switch head[3] {
		case headersFrame:
			c.answers.Add(1)
		case resetFrame:
			c.resets.Add(1)
		}
	}
}

// gauge counts those that are in a handler at the same time.
type gauge struct {
	now, most atomic.Int64
	mu        sync.Mutex // held while one enters
}

func (g *gauge) enter() (leave func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.most.Store(max(g.most.Load(), g.now.Add(1)))
	return func() { g.now.Add(-1) }
}

// One address opens as many streams as it can, and takes nothing of any answer. It holds no
// more requests than it may have connections, and others are served. What it holds ends
// when its time is over.
func TestRequestsOfOneAddressOverHTTP2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var in gauge
		p, conns := boundedHTTPS(t, httpserve.ConnectionLimits{Max: 40, MaxPerAddress: 10}, func(w http.ResponseWriter, _ *http.Request) {
			defer in.enter()()
			_, _ = w.Write(make([]byte, 100_000))
		})
		var strangers []*http2Client
		for range 3 {
			c := p.dialHTTP2(t, "192.0.2.1")
			strangers = append(strangers, c)
			for i := range uint32(90) {
				c.ask(1 + 2*i)
			}
		}
		synctest.Wait()
		if in.most.Load() != 10 || conns.Refused() != 3*90-10 {
			t.Errorf("%d requests were answered at once, %d were refused", in.most.Load(), conns.Refused())
		}
		other := p.dialHTTP2(t, "198.51.100.7")
		other.ask(1)
		synctest.Wait()
		if other.answers.Load() != 1 || in.now.Load() != 11 {
			t.Errorf("another address was answered %d times; %d requests are in work", other.answers.Load(), in.now.Load())
		}
		time.Sleep(time.Minute)
		if in.now.Load() != 0 {
			t.Errorf("a minute later %d requests are in work", in.now.Load())
		}
		var answers, resets int64
		for _, c := range strangers {
			answers, resets = answers+c.answers.Load(), resets+c.resets.Load()
			_ = c.Close()
		}
		if answers == 0 || resets != 3*90 {
			t.Errorf("%d answers began and %d streams were reset, want that all of 270 were", answers, resets)
		}
	})
}

// For all addresses together there may be as many requests as connections.
func TestRequestsOverHTTP2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var in gauge
		p, _ := boundedHTTPS(t, httpserve.ConnectionLimits{Max: 40, MaxPerAddress: 10}, func(_ http.ResponseWriter, r *http.Request) {
			defer in.enter()()
			<-r.Context().Done()
		})
		for _, address := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"} {
			c := p.dialHTTP2(t, address)
			for i := range uint32(20) {
				c.ask(1 + 2*i)
			}
			defer c.Close()
		}
		synctest.Wait()
		if in.most.Load() != 40 {
			t.Errorf("%d requests were answered at once", in.most.Load())
		}
	})
}

// Streams that are reset as soon as they are opened do not get around the limit.
func TestRapidReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var in gauge
		p, conns := boundedHTTPS(t, httpserve.ConnectionLimits{Max: 400, MaxPerAddress: 10}, func(http.ResponseWriter, *http.Request) {
			defer in.enter()()
			<-time.After(time.Second)
		})
		c := p.dialHTTP2(t, "192.0.2.1")
		for i := range uint32(2000) {
			c.ask(1 + 2*i)
			c.reset(1 + 2*i)
		}
		synctest.Wait()
		if in.most.Load() > 10 {
			t.Errorf("%d requests were answered at once", in.most.Load())
		}
		time.Sleep(time.Minute)
		_ = c.Close()
		synctest.Wait()
		if in.now.Load() != 0 || conns.Open() != 0 {
			t.Errorf("in the end %d requests are in work, and %d connections open", in.now.Load(), conns.Open())
		}
	})
}

// A client that reads nothing at all, not even that its streams are reset, loses its
// connection.
func TestDeafOverHTTP2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var in gauge
		p, conns := boundedHTTPS(t, httpserve.ConnectionLimits{Max: 400}, func(w http.ResponseWriter, _ *http.Request) {
			defer in.enter()()
			_, _ = w.Write(make([]byte, 100_000))
		})
		c := p.dialHTTP2(t, "192.0.2.1")
		synctest.Wait()
		close(c.deaf)
		c.ask(1)
		synctest.Wait()
		if in.now.Load() != 1 {
			t.Fatalf("%d requests are in work", in.now.Load())
		}
		time.Sleep(time.Minute)
		if in.now.Load() != 0 || conns.Open() != 0 {
			t.Errorf("a minute later %d requests are in work, and %d connections are open", in.now.Load(), conns.Open())
		}
	})
}

// A connection that makes way is closed without waiting for its client, which would be told
// of the end over TLS, and does not read.
func TestDeafMakesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, conns := boundedHTTPS(t, httpserve.ConnectionLimits{Max: 1}, func(http.ResponseWriter, *http.Request) {})
		for _, address := range []string{"192.0.2.1", "198.51.100.7", "198.51.100.8"} {
			before := time.Now()
			c := tls.Client(p.dial(t, address), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}) //nolint:gosec // it is our own
			if status := statusOn(t, c); status != http.StatusOK || time.Since(before) != 0 {
				t.Errorf("%s is answered %d after %v", address, status, time.Since(before))
			}
			time.Sleep(2 * time.Second) // and reads no more
		}
		if conns.ClosedIdle() != 2 {
			t.Errorf("%d have made way", conns.ClosedIdle())
		}
	})
}

// A server that stops does not wait for idle clients who do not read.
func TestStopBesideDeaf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, stop := untilStopped(t, httpserve.ConnectionLimits{Max: 10}, func(http.ResponseWriter, *http.Request) {})
		for range 3 {
			c := tls.Client(p.dial(t, "192.0.2.1"), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}}) //nolint:gosec // it is our own
			if status := statusOn(t, c); status != http.StatusOK {
				t.Errorf("answered %d", status)
			}
		}
		synctest.Wait()
		stop()
	})
}
