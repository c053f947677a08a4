package httpserve_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
)

// pipes is a network without sockets, so that synctest sees its goroutines wait. Its
// connections come from whatever address a test says.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// from is a connection with the address of its peer.
type from struct {
	net.Conn
	addr net.Addr
}

func (c *from) RemoteAddr() net.Addr { return c.addr }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

// dial returns a connection from an address, without a port.
func (p *pipes) dial(t *testing.T, address string) net.Conn {
	t.Helper()
	near, far := net.Pipe()
	p.conns <- &from{far, &net.TCPAddr{IP: net.ParseIP(address), Port: 1}}
	t.Cleanup(func() { _ = near.Close() })
	return near
}

// bounded serves with limits until the end of the bubble.
func bounded(t *testing.T, limits httpserve.ConnectionLimits, h http.HandlerFunc) (*pipes, *httpserve.Connections) {
	t.Helper()
	p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	conns := httpserve.LimitConnections(p, limits)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- httpserve.Serve(ctx, conns, &http.Server{Handler: h}, 0) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if n := conns.Open(); n != 0 {
			t.Errorf("%d connections count as open after the end", n)
		}
	})
	return p, conns
}

// statusOn makes a request on a connection, and returns the status of the answer; 0: the
// connection was closed.
func statusOn(t *testing.T, c net.Conn) int {
	t.Helper()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	defer func() { _ = c.SetDeadline(time.Time{}) }()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: emo\r\n\r\n"); err != nil {
		return 0
	}
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

func ok(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }

// One address opens connections and sends nothing. It gets as many as its share, and
// others get the rest. Peers on this machine and trusted proxies get any number.
func TestConnectionsOfOneAddress(t *testing.T) {
	proxies, err := httpserve.ParseProxies([]string{"10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]int{"192.0.2.1": 25, "2001:db8::1": 25, "127.0.0.1": 99, "::1": 99, "10.1.2.3": 99} {
		t.Run(address, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, conns := bounded(t, httpserve.ConnectionLimits{Max: 100, MaxPerAddress: 25, Proxies: proxies}, ok)
				var held []net.Conn
				for range 99 {
					held = append(held, p.dial(t, address))
				}
				synctest.Wait()
				if conns.Open() != want || conns.Refused() != int64(99-want) || conns.ClosedIdle() != 0 {
					t.Errorf("%d are open, %d were refused, %d made way; want %d open", conns.Open(), conns.Refused(), conns.ClosedIdle(), want)
				}
				if status := statusOn(t, p.dial(t, "198.51.100.7")); status != http.StatusOK {
					t.Errorf("another address is answered %d", status)
				}
				if got := statusOn(t, p.dial(t, address)); (got == http.StatusOK) != (want == 99) && want != 99 {
					t.Errorf("one more of the address is answered %d", got)
				}
				_ = held[0].Close()
				synctest.Wait()
				if status := statusOn(t, p.dial(t, address)); status != http.StatusOK {
					t.Errorf("one more of the address, after one has left, is answered %d", status)
				}
			})
		})
	}
}

// When a server is full, the connection that has been idle for longest makes way, and
// none that was idle for less than a second, nor one whose request is being answered.
func TestIdleConnectionsMakeWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan struct{})
		p, conns := bounded(t, httpserve.ConnectionLimits{Max: 4}, func(_ http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Wait") != "" {
				<-answer
			}
		})
		busy := p.dial(t, "192.0.2.1")
		go func() { _, _ = io.WriteString(busy, "GET / HTTP/1.1\r\nHost: emo\r\nWait: yes\r\n\r\n") }()
		idle := p.dial(t, "192.0.2.2")
		if status := statusOn(t, idle); status != http.StatusOK {
			t.Fatalf("the idle one was answered %d", status)
		}
		slow := p.dial(t, "192.0.2.3")
		go func() { _, _ = io.WriteString(slow, "GET / HTTP/1.1\r\nHost:") }() // and no more
		silent := p.dial(t, "192.0.2.4")
		<-time.After(999 * time.Millisecond)
		if status := statusOn(t, p.dial(t, "192.0.2.5")); status != http.StatusServiceUnavailable {
			t.Errorf("while all are young, one more is answered %d", status)
		}
		<-time.After(time.Millisecond)
		for _, address := range []string{"192.0.2.5", "192.0.2.6", "192.0.2.7"} {
			if status := statusOn(t, p.dial(t, address)); status != http.StatusOK {
				t.Errorf("a new one is answered %d", status)
			}
		}
		for name, c := range map[string]net.Conn{"idle": idle, "slow": slow, "silent": silent} {
			if _, err := c.Read(make([]byte, 1)); err == nil {
				t.Errorf("the %s one has not made way", name)
			}
		}
		close(answer)
		if line, err := bufio.NewReader(busy).ReadString('\n'); line != "HTTP/1.1 200 OK\r\n" {
			t.Errorf("the busy one is answered %q, %v", line, err)
		}
		if conns.ClosedIdle() != 3 || conns.Refused() != 1 || conns.Open() != 4 {
			t.Errorf("%d made way, %d were refused, %d are open", conns.ClosedIdle(), conns.Refused(), conns.Open())
		}
	})
}

// Ten thousand connections that say nothing, from four addresses at once, do not keep
// out a client of another one.
func TestConnectionsOfFourAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, conns := bounded(t, httpserve.ConnectionLimits{Max: 1000, MaxPerAddress: 250}, ok)
		for i := range 1000 {
			p.dial(t, []string{"192.0.2.1", "192.0.2.2", "2001:db8::1", "198.51.100.1"}[i%4])
		}
		synctest.Wait()
		if conns.Open() != 1000 {
			t.Fatalf("%d are open", conns.Open())
		}
		<-time.After(time.Second)
		for range 10 {
			if status := statusOn(t, p.dial(t, "203.0.113.1")); status != http.StatusOK {
				t.Errorf("answered %d", status)
			}
		}
	})
}

// A body that was announced and does not come holds a request for five seconds,
// whether the handler reads it or not.
func TestAnnouncedBodies(t *testing.T) {
	for name, request := range map[string]string{
		"GET with a length": "GET / HTTP/1.1\r\nHost: emo\r\nContent-Length: 10\r\n\r\n",
		"HEAD":              "HEAD / HTTP/1.1\r\nHost: emo\r\nContent-Length: 10\r\n\r\n",
		"GET in chunks":     "GET / HTTP/1.1\r\nHost: emo\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
		"POST":              "POST / HTTP/1.1\r\nHost: emo\r\nContent-Length: 10\r\n\r\nabc",
		"read by a handler": "POST /read HTTP/1.1\r\nHost: emo\r\nContent-Length: 10\r\n\r\nabc",
		"a second request":  "GET / HTTP/1.1\r\nHost: emo\r\n\r\nGET / HTTP/1.1\r\nHost: emo\r\nContent-Length: 10\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, _ := bounded(t, httpserve.ConnectionLimits{Max: 10}, func(_ http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/read" {
						_, _ = io.Copy(io.Discard, r.Body)
					}
				})
				c := p.dial(t, "192.0.2.1")
				start := time.Now()
				go func() { _, _ = io.WriteString(c, request) }()
				_, _ = io.Copy(io.Discard, c)
				if took := time.Since(start); took < 5*time.Second || took > 6*time.Second {
					t.Errorf("closed after %v, want 5 s", took)
				}
			})
		})
	}
}

// A request without a body may take as long as it likes.
func TestLongRequests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := bounded(t, httpserve.ConnectionLimits{Max: 10}, func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(8 * time.Second):
			case <-r.Context().Done():
				t.Error("cut off")
			}
		})
		if status := statusOn(t, p.dial(t, "192.0.2.1")); status != http.StatusOK {
			t.Errorf("answered %d", status)
		}
	})
}

// A client that sends request after request and never reads an answer is cut off after
// ten seconds.
func TestAnswersThatNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := bounded(t, httpserve.ConnectionLimits{Max: 10}, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("x", 10_000))
		})
		c := p.dial(t, "192.0.2.1")
		start := time.Now()
		var err error
		for err == nil {
			_, err = io.WriteString(c, "GET / HTTP/1.1\r\nHost: emo\r\n\r\n")
		}
		if took := time.Since(start); took > 11*time.Second {
			t.Errorf("cut off after %v", took)
		}
	})
}
