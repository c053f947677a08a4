package httpserve_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
)

// refusing refuses every request, but those for /ok, and those for /away as a server does
// that has trouble of its own.
func refusing(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/ok":
	case "/away":
		httpserve.Refusalf(http.StatusServiceUnavailable, "not_written", "kafka is away").ServeHTTP(w, r)
	default:
		httpserve.Refusalf(http.StatusTooManyRequests, "rate_limited", "too much").ServeHTTP(w, r)
	}
}

// patient is a client with a connection of its own for each request at a time.
func patient(t *testing.T, p *pipes, address string) *http.Client {
	t.Helper()
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return p.dial(t, address), nil }}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// take returns how long an answer takes.
func take(t *testing.T, c *http.Client, path string) time.Duration {
	t.Helper()
	begun := time.Now()
	res, err := c.Get("http://emo" + path)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return time.Since(begun)
}

// Whoever asks again as soon as he is refused is refused a hundred times at once, and then
// at a pace of 50 a second, but each time within half a second. Answers that are no
// refusal, the server's own trouble and other addresses' refusals never wait.
func TestRefusalsThatAreHeldBack(t *testing.T) {
	proxies, err := httpserve.ParseProxies([]string{"10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	for address, held := range map[string]bool{"192.0.2.1": true, "2001:db8::1": true, "127.0.0.1": false, "10.1.2.3": false} {
		t.Run(address, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, conns := bounded(t, httpserve.ConnectionLimits{Max: 100, Proxies: proxies}, refusing)
				c := patient(t, p, address)
				for n := range 100 {
					if took := take(t, c, "/"); took != 0 {
						t.Fatalf("refusal %d took %v", n+1, took)
					}
				}
				var all sync.WaitGroup
				for range 64 {
					all.Go(func() {
						took := take(t, c, "/")
						if held && (took < 100*time.Millisecond || took > httpserve.MaxRefusalDelay) || !held && took != 0 {
							t.Errorf("a refusal above the pace took %v", took)
						}
					})
				}
				synctest.Wait()
				if took := take(t, patient(t, p, "198.51.100.7"), "/"); took != 0 {
					t.Errorf("the refusal of another address took %v", took)
				}
				if took := take(t, c, "/ok") + take(t, c, "/away"); took != 0 {
					t.Errorf("an answer and the server's own trouble took %v", took)
				}
				all.Wait()
				if want := map[bool]int64{true: 64}[held]; conns.DelayedRefusals() != want {
					t.Errorf("%d refusals were held back, want %d", conns.DelayedRefusals(), want)
				}
				<-time.After(2 * time.Second)
				if took := take(t, c, "/"); took != 0 {
					t.Errorf("a refusal two seconds later took %v", took)
				}
			})
		})
	}
}

// A refusal that is held back is sent at once when the server drains.
func TestHeldRefusalsWhenTheServerDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- httpserve.Serve(ctx, httpserve.LimitConnections(p, httpserve.ConnectionLimits{Max: 100}), &http.Server{Handler: http.HandlerFunc(refusing)}, time.Minute)
		}()
		c := patient(t, p, "192.0.2.1")
		for range 100 {
			take(t, c, "/")
		}
		took := make(chan time.Duration)
		go func() { took <- take(t, c, "/") }()
		<-time.After(10 * time.Millisecond)
		stop()
		if got := <-took; got != 10*time.Millisecond {
			t.Errorf("the refusal was sent after %v", got)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// What a refusal that is held back holds ends when its client leaves.
func TestHeldRefusalsWhoseClientLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var last time.Duration
		p, _ := bounded(t, httpserve.ConnectionLimits{Max: 100}, func(w http.ResponseWriter, r *http.Request) {
			begun := time.Now()
			refusing(w, r)
			mu.Lock()
			defer mu.Unlock()
			last = time.Since(begun)
		})
		c := patient(t, p, "192.0.2.1")
		for range 100 {
			take(t, c, "/")
		}
		leaving := p.dial(t, "192.0.2.1")
		go func() { _, _ = io.WriteString(leaving, "GET / HTTP/1.1\r\nHost: emo\r\n\r\n") }()
		<-time.After(10 * time.Millisecond)
		_ = leaving.Close()
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if last != 10*time.Millisecond {
			t.Errorf("the refusal was given up after %v", last)
		}
	})
}

// A request without a use for a body that announces one is answered as ever, and counts as
// a refusal: its connection is of no more use.
func TestBodiesThatNobodyWantsAreHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := bounded(t, httpserve.ConnectionLimits{Max: 1000}, httpserve.Methods(ok, http.MethodGet, http.MethodPost).ServeHTTP)
		send := func(method string) time.Duration {
			begun := time.Now()
			c := p.dial(t, "192.0.2.1")
			go func() { _, _ = io.WriteString(c, method+" / HTTP/1.1\r\nHost: emo\r\nContent-Length: 1000000\r\n\r\n") }()
			line := make([]byte, len("HTTP/1.1 200 OK"))
			if _, err := io.ReadFull(c, line); err != nil || string(line) != "HTTP/1.1 200 OK" {
				t.Errorf("answered %q, %v", line, err)
			}
			return time.Since(begun)
		}
		for range 100 {
			if took := send(http.MethodPost) + send(http.MethodGet); took != 0 {
				t.Fatalf("it took %v", took)
			}
		}
		if took := send(http.MethodPost); took != 0 {
			t.Errorf("a POST took %v", took)
		}
		if took := send(http.MethodGet); took != 100*time.Millisecond {
			t.Errorf("the next one took %v", took)
		}
		<-time.After(time.Minute) // until the connections are closed
	})
}
