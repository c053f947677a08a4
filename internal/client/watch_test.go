package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/wire"
)

// network is a network of hosts without sockets. With sockets, synctest could not tell
// that a goroutine waits.
type network struct {
	hosts map[string]chan net.Conn
	http  *http.Client

	mu    sync.Mutex
	asked []string // host, path and Last-Event-ID of every request
}

type host struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (h host) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.closed:
		return nil, net.ErrClosed
	}
}

func (h host) Close() error   { close(h.closed); return nil }
func (h host) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

// newNetwork runs an HTTP server for each host until the end of the test.
func newNetwork(t *testing.T, hosts map[string]http.HandlerFunc) *network {
	t.Helper()
	n := &network{hosts: map[string]chan net.Conn{}}
	transport := &http.Transport{DialContext: n.dial}
	n.http = &http.Client{Transport: transport}
	for name, handler := range hosts {
		h := host{conns: make(chan net.Conn), closed: make(chan struct{})}
		n.hosts[name+":80"] = h.conns
		srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n.mu.Lock()
			n.asked = append(n.asked, strings.TrimSpace(r.Host+r.URL.String()+" "+r.Header.Get("Last-Event-ID")))
			n.mu.Unlock()
			handler(w, r)
		})}
		done := make(chan error)
		go func() { done <- srv.Serve(h) }()
		t.Cleanup(func() {
			_ = srv.Close()
			if err := <-done; !errors.Is(err, http.ErrServerClosed) {
				t.Errorf("%s: %v", name, err)
			}
			transport.CloseIdleConnections()
		})
	}
	return n
}

func (n *network) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	conns, ok := n.hosts[addr]
	if !ok {
		return nil, &net.OpError{Op: "dial", Err: errors.New("connection refused")} // as net.Dialer says it
	}
	near, far := net.Pipe()
	select {
	case conns <- far:
		return near, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (n *network) client() *client.Client { return &client.Client{Server: "http://main", HTTP: n.http} }

func (n *network) requests() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.asked)
}

// assigning is a main server that assigns the given servers one after the other, and
// the last one again and again.
func assigning(servers ...string) http.HandlerFunc {
	next := 0
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/register" {
			_, _ = io.WriteString(w, `{}`)
			return
		}
		name := servers[min(next, len(servers)-1)]
		next++
		if name == "full" {
			w.Header().Set("Retry-After", "5")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, `{"error":"all are full","code":"full"}`)
			return
		}
		_, _ = fmt.Fprintf(w, `{"server_url":"http://%[1]s/%[1]s","server_name":%[1]q,"user_id":"u","stream_url":"http://%[1]s/v1/swarm"}`, name)
	}
}

// window returns the event of the n-th window, as a server sends it.
func window(n int, total int64) string {
	end := int64(2000 * n)
	b, err := json.Marshal(wire.Swarm{Channel: "main", Window: wire.Window{Start: end - 2000, End: end}, Total: total, Emojis: []wire.EmojiCount{}})
	if err != nil {
		panic(err) // a mistake in the test
	}
	return string(sse.AppendEvent(nil, sse.Event{ID: fmt.Sprint(end), Name: "swarm", Data: b}))
}

// streaming answers the n-th request with the n-th stream, and then ends the answer.
// The last stream answers all further requests too, and stays open until the client
// leaves.
func streaming(streams ...string) http.HandlerFunc {
	next := 0
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "retry: 1000\n\n"+streams[next])
		_ = http.NewResponseController(w).Flush()
		if next++; next == len(streams) {
			next--
			<-r.Context().Done()
		}
	}
}

var errEnough = errors.New("enough")

// watch follows a channel until it has seen a total of 99. It returns all swarms seen,
// as window=total.
func watch(t *testing.T, c *client.Client, channel string) (saw []string) {
	t.Helper()
	err := c.Watch(t.Context(), channel, func(s wire.Swarm, raw []byte) error {
		if again, err := wire.DecodeSwarm(raw); err != nil || again.Window != s.Window || again.Total != s.Total {
			t.Errorf("the JSON as it came: %s, %v", raw, err)
		}
		saw = append(saw, fmt.Sprintf("%d=%d", s.Window.End/2000, s.Total))
		if s.Total == 99 {
			return errEnough
		}
		return nil
	}, nil)
	if !errors.Is(err, errEnough) {
		t.Errorf("Watch = %v", err)
	}
	return saw
}

// Watch leaves out a swarm whose total is not greater than that of an earlier swarm of
// the same window, on the same connection or an earlier one.
func TestWatchTellsWhatIsNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, map[string]http.HandlerFunc{"main": assigning("sub1"), "sub1": streaming(
			window(1, 0)+window(2, 5)+window(2, 5)+window(2, 4)+window(1, 3),
			window(2, 5)+window(1, 3)+": hello\n\nevent: other\ndata: {}\n\nevent: swarm\ndata: nonsense\n\n"+window(2, 6)+window(3, 1),
			window(3, 1)+window(3, 99),
		)})
		if diff := cmp.Diff([]string{"1=0", "2=5", "1=3", "2=6", "3=1", "3=99"}, watch(t, n.client(), "main")); diff != "" {
			t.Errorf("saw (-want +got):\n%s", diff)
		}
		// After a stream breaks, the client connects to the same server again without
		// registering, and resumes after the last event it got.
		if diff := cmp.Diff([]string{"main/register", "sub1/v1/swarm", "sub1/v1/swarm 2000", "sub1/v1/swarm 6000", "main/unregister"}, n.requests()); diff != "" {
			t.Errorf("asked (-want +got):\n%s", diff)
		}
	})
}

// When a subscriber server refuses, is full or is gone, Watch asks the main server for
// another one, and resumes there.
func TestWatchRegistersAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refusing := func(status int) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
		}
		once := streaming(window(1, 1), "")
		n := newNetwork(t, map[string]http.HandlerFunc{
			"main": assigning("sub1", "full", "sub2", "sub3", "sub4"),
			"sub1": func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Last-Event-ID") == "" {
					once(w, r)
					return
				}
				refusing(http.StatusServiceUnavailable)(w, r)
			},
			"sub2": refusing(http.StatusNotFound),
			// nothing listens at sub3
			"sub4": streaming(window(2, 99)),
		})
		if diff := cmp.Diff([]string{"1=1", "2=99"}, watch(t, n.client(), "b")); diff != "" {
			t.Errorf("saw (-want +got):\n%s", diff)
		}
		want := []string{
			"main/register?channel=b", "sub1/v1/swarm?channel=b", "sub1/v1/swarm?channel=b 2000",
			"main/register?avoid=sub1&channel=b", "main/register?avoid=sub1&channel=b", "sub2/v1/swarm?channel=b 2000", "main/register?avoid=sub2&channel=b",
			"main/register?avoid=sub3&channel=b", "sub4/v1/swarm?channel=b 2000", "main/unregister",
		}
		if diff := cmp.Diff(want, n.requests()); diff != "" {
			t.Errorf("asked (-want +got):\n%s", diff)
		}
	})
}

// onState is called with every change of the connection, the server, and why the last
// connection ended.
func TestWatchTellsItsState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, map[string]http.HandlerFunc{"main": assigning("full", "sub1"), "sub1": streaming("", window(1, 99))})
		var states []string
		start := time.Now()
		err := n.client().Watch(t.Context(), "", func(wire.Swarm, []byte) error { return errEnough }, func(s sse.State, at wire.Assignment) {
			states = append(states, strings.TrimSpace(fmt.Sprintf("%v %s %v", s.Phase, at.ServerName, s.Err)))
			if r, ok := errors.AsType[*sse.RefusedError](s.Err); ok && (r.Code != "full" || s.Wait < 5*time.Second) {
				t.Errorf("refused with %+v, tries again in %v", r, s.Wait)
			}
		})
		if !errors.Is(err, errEnough) {
			t.Errorf("Watch = %v", err)
		}
		if diff := cmp.Diff([]string{
			"connecting  <nil>",
			"reconnecting  find the stream: the server answered 503 Service Unavailable: all are full",
			"connecting  <nil>",
			"live sub1 <nil>",
			"reconnecting sub1 the server ended the stream: EOF",
			"connecting sub1 <nil>",
			"live sub1 <nil>",
		}, states); diff != "" {
			t.Errorf("states (-want +got):\n%s", diff)
		}
		if d := time.Since(start); d < 6*time.Second {
			t.Errorf("was asked to wait for 5 s and for 1 s, and was done after %v", d)
		}
	})
}

// Where nothing listens, Watch keeps trying and says why. It ends at once when it is
// cancelled.
func TestWatchWhereNothingListens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNetwork(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		tries := 0
		var cancelled time.Time
		err := n.client().Watch(ctx, "main", func(wire.Swarm, []byte) error { return nil }, func(s sse.State, _ wire.Assignment) {
			if s.Phase != sse.Reconnecting {
				return
			}
			if !strings.Contains(s.Err.Error(), "connection refused") || !strings.Contains(s.Err.Error(), "try emostream up") {
				t.Errorf("lost because of %v", s.Err)
			}
			if tries++; tries == 5 {
				cancelled = time.Now()
				cancel()
			}
		})
		if err != nil || tries != 5 || !time.Now().Equal(cancelled) {
			t.Errorf("Watch = %v after %d tries, %v after it was cancelled", err, tries, time.Since(cancelled))
		}
	})
}

// Watch ends at once even if the main server never answers the Unregister request.
func TestWatchLeavesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		assign := assigning("sub1")
		n := newNetwork(t, map[string]http.HandlerFunc{"sub1": streaming(window(1, 99)), "main": func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/unregister" {
				_, _ = io.Copy(io.Discard, r.Body) // otherwise the server does not notice that the client left
				<-r.Context().Done()
				return
			}
			assign(w, r)
		}})
		start := time.Now()
		watch(t, n.client(), "main")
		if d := time.Since(start); d > time.Second {
			t.Errorf("left after %v", d)
		}
	})
}

// Watch remembers a thousand windows. A swarm of an older window is delivered again.
func TestWatchRemembersRecentWindows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first, again strings.Builder
		var want []string
		for i := 1; i <= 1500; i++ {
			first.WriteString(window(i, 2))
			want = append(want, fmt.Sprintf("%d=2", i))
			if i > 500 {
				again.WriteString(window(i, 1))
			}
		}
		n := newNetwork(t, map[string]http.HandlerFunc{"main": assigning("sub1"), "sub1": streaming(first.String(), again.String()+window(500, 2)+window(1501, 99))})
		if diff := cmp.Diff(append(want, "500=2", "1501=99"), watch(t, n.client(), "main")); diff != "" {
			t.Errorf("saw (-want +got):\n%s", diff)
		}
	})
}
