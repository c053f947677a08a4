package sse_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/sse"
)

// pipes is a network of in-memory pipes. With sockets, synctest could not tell that a
// goroutine waits.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- far:
		return near, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

// serve starts handler on pipes until the end of the test, and returns an HTTP client
// that reaches it.
func serve(t *testing.T, handler http.HandlerFunc) *http.Client {
	t.Helper()
	p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	srv := &http.Server{Handler: handler}
	done := make(chan error)
	go func() { done <- srv.Serve(p) }()
	transport := &http.Transport{DialContext: p.dial}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = srv.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("server: %v", err)
		}
	})
	return &http.Client{Transport: transport}
}

// stream sends an event stream of frames, and flushes after each.
func stream(w http.ResponseWriter, frames ...string) {
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	for _, frame := range frames {
		_, _ = io.WriteString(w, frame)
		_ = http.NewResponseController(w).Flush()
	}
	_ = http.NewResponseController(w).Flush()
}

var errEnough = errors.New("enough")

// within fails unless got is between asked and one and a half times asked.
func within(t *testing.T, got, asked time.Duration) {
	t.Helper()
	if got < asked || got > asked+asked/2+time.Millisecond {
		t.Errorf("waited %v, want %v to one and a half times that", got, asked)
	}
}

// The server's retry: holds for that connection and all later ones, and is never
// cut short.
func TestClientObeysRetry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		client := &sse.Client{URL: "http://emo/sub1", HTTP: serve(t, func(w http.ResponseWriter, _ *http.Request) {
			switch at = append(at, time.Now()); len(at) {
			case 1:
				stream(w)
			case 2:
				stream(w, "retry: 60000\n") // as ours send it: no blank line follows
			case 3:
				stream(w, "retry: soon\n\n", "data: the last retry still holds\n\n")
			case 4:
				stream(w, "retry: 250\n", "data: and is replaced\n\n")
			case 5:
				stream(w, "retry: 99999999999\n\n") // three years; an hour is waited
			default:
				stream(w, "data: done\n\n")
			}
		}), OnEvent: func(e sse.Event) error {
			if string(e.Data) == "done" {
				return errEnough
			}
			return nil
		}}
		if err := client.Run(t.Context()); !errors.Is(err, errEnough) {
			t.Fatalf("Run = %v, want OnEvent's error", err)
		}
		for i, asked := range []time.Duration{time.Second, time.Minute, time.Minute, 250 * time.Millisecond, time.Hour} {
			within(t, at[i+1].Sub(at[i]), asked)
		}
	})
}

func TestClientBacksOffWhileRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refusals := 0
		var asked, requested []string
		var states []sse.State
		client := &sse.Client{
			HTTP: serve(t, func(w http.ResponseWriter, r *http.Request) {
				switch requested = append(requested, r.URL.Path); len(requested) {
				case 1, 2, 3, 4, 5:
					w.WriteHeader(http.StatusBadGateway)
				case 6:
					w.Header().Set("Retry-After", "90")
					w.WriteHeader(http.StatusServiceUnavailable)
					_, _ = io.WriteString(w, `{"error":"every place is\u001b[31m taken","code":"full"}`)
				case 7:
					w.Header().Set("Content-Type", "text/html")
					_, _ = io.WriteString(w, "data: a\n\n")
				case 8:
					stream(w, "data: hello\n\n")
				case 9:
					w.WriteHeader(http.StatusNotFound)
				default:
					stream(w, "data: done\n\n")
				}
			}),
			Locate: func(context.Context, error) (string, error) {
				asked = append(asked, fmt.Sprint(len(requested)))
				if refusals++; refusals == 1 {
					return "", &sse.RefusedError{Status: 503, RetryAfter: 5 * time.Second}
				}
				return fmt.Sprintf("http://emo/sub%d", refusals), nil
			},
			MaxBackoff: 8 * time.Second,
			OnEvent: func(e sse.Event) error {
				if string(e.Data) == "done" {
					return errEnough
				}
				return nil
			},
			OnState: func(s sse.State) { states = append(states, s) },
		}
		if err := client.Run(t.Context()); !errors.Is(err, errEnough) {
			t.Fatalf("Run = %v, want OnEvent's error", err)
		}

		// The client calls Locate again after each refusal. After a live stream ended
		// (sub9), it first tries the same address, and calls Locate at once when that
		// refuses.
		wantRequested := strings.Fields("/sub2 /sub3 /sub4 /sub5 /sub6 /sub7 /sub8 /sub9 /sub9 /sub10")
		if diff := cmp.Diff(wantRequested, requested); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(strings.Fields("0 0 1 2 3 4 5 6 7 9"), asked); diff != "" {
			t.Errorf("requests before each Locate (-want +got):\n%s", diff)
		}

		var phases, why []string
		var waits []time.Duration
		for _, s := range states {
			phases = append(phases, s.Phase.String())
			if s.Phase == sse.Reconnecting {
				waits = append(waits, s.Wait)
				why = append(why, s.Err.Error())
			}
		}
		again := " reconnecting connecting"
		if diff := cmp.Diff(strings.Fields("connecting"+strings.Repeat(again, 8)+" live"+again+" live"), phases); diff != "" {
			t.Errorf("phases (-want +got):\n%s", diff)
		}
		s := time.Second
		for i, want := range []time.Duration{5 * s, 2 * s, 4 * s, 8 * s, 8 * s, 8 * s, 90 * s, 8 * s, s} {
			within(t, waits[i], want)
		}
		bad := "the server answered 502 Bad Gateway"
		if diff := cmp.Diff([]string{
			"find the stream: the server answered 503 Service Unavailable",
			bad, bad, bad, bad, bad,
			"the server answered 503 Service Unavailable: every place is[31m taken",
			`the server answered 200 OK: expected content type to have "text/event-stream", received "text/html"`,
			"the server ended the stream: EOF",
		}, why); diff != "" {
			t.Errorf("reasons (-want +got):\n%s", diff)
		}
		refused, ok := errors.AsType[*sse.RefusedError](states[13].Err)
		want := &sse.RefusedError{Status: 503, Code: "full", Message: "every place is[31m taken", RetryAfter: 90 * s}
		if diff := cmp.Diff(want, refused); !ok || diff != "" {
			t.Errorf("refusal (-want +got):\n%s", diff)
		}
	})
}

// A vanished server sends no FIN: only the silence shows it. A keep-alive is enough to
// keep a connection, and the time that OnEvent takes does not count.
func TestClientNoticesSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var began time.Time
		var resumed string
		connections := 0
		var lost []string
		var waits []time.Duration
		client := &sse.Client{
			URL:         "http://emo/sub1",
			ReadTimeout: 10 * time.Second,
			HTTP: serve(t, func(w http.ResponseWriter, r *http.Request) {
				switch connections++; connections {
				case 1: // silent before the first byte
				case 2: // silent after a while
					stream(w, "retry: 3000\n\n")
					for range 5 {
						<-time.After(9 * time.Second)
						stream(w, ": hb\n\n")
					}
					stream(w, "id: 1\ndata: slow\n\n")
				default:
					resumed = r.Header.Get("Last-Event-ID")
					stream(w, "data: done\n\n")
				}
				<-r.Context().Done()
			}),
			OnEvent: func(e sse.Event) error {
				if string(e.Data) == "done" {
					return errEnough
				}
				<-time.After(time.Minute)
				return nil
			},
			OnState: func(s sse.State) {
				switch s.Phase {
				case sse.Connecting:
					began = time.Now()
				case sse.Reconnecting:
					if !errors.Is(s.Err, sse.ErrStalled) {
						t.Errorf("reconnecting because %v, want ErrStalled", s.Err)
					}
					lost = append(lost, fmt.Sprintf("%v: %v", time.Since(began), s.Err))
					waits = append(waits, s.Wait)
				}
			},
		}
		if err := client.Run(t.Context()); !errors.Is(err, errEnough) {
			t.Fatalf("Run = %v, want OnEvent's error", err)
		}
		if diff := cmp.Diff([]string{
			"10s: the server is silent: nothing came for 10s",
			"1m55s: the server is silent: nothing came for 10s",
		}, lost); diff != "" {
			t.Errorf("when and why each connection was given up (-want +got):\n%s", diff)
		}
		within(t, waits[0], time.Second)
		within(t, waits[1], 3*time.Second) // the retry: of the stream that then fell silent
		if resumed != "1" {
			t.Errorf("came back with Last-Event-ID %q, want 1", resumed)
		}
	})
}

func TestClientBoundsEvents(t *testing.T) {
	const limit = 5000 // more than one read returns
	frame := func(n int) string {
		empty := len(sse.AppendEvent(nil, sse.Event{ID: "1", Data: []byte("x")})) - 1
		return string(sse.AppendEvent(nil, sse.Event{ID: "1", Data: []byte(strings.Repeat("x", n-empty))}))
	}
	for size, want := range map[int]error{limit - 1: errEnough, limit: errEnough, limit + 1: sse.ErrEventTooLarge} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := &sse.Client{
					URL:          "http://emo/sub1",
					MaxEventSize: limit,
					HTTP: serve(t, func(w http.ResponseWriter, r *http.Request) {
						stream(w, strings.Repeat(": hb\n", limit), frame(size)) // comments do not count
						<-r.Context().Done()
					}),
					OnEvent: func(sse.Event) error { return errEnough },
				}
				if err := client.Run(t.Context()); !errors.Is(err, want) {
					t.Errorf("an event of %d bytes: Run = %v, want %v", size, err, want)
				}
			})
		})
	}
}

// Whatever a client is doing when it is cancelled, it returns nil at once. The synctest
// bubble proves that it leaves no goroutine behind.
func TestClientEndsWhenCancelled(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for name, tt := range map[string]struct {
		handler http.HandlerFunc
		locate  func(context.Context, error) (string, error)
		event   func(context.Context) error
	}{
		"while it finds the address": {locate: func(ctx context.Context, _ error) (string, error) {
			<-ctx.Done()
			return "", ctx.Err()
		}},
		"while it connects": {handler: hang},
		"while it listens": {handler: func(w http.ResponseWriter, r *http.Request) {
			stream(w, ": hb\n\n")
			<-r.Context().Done()
		}},
		"while it waits": {handler: http.NotFound},
		"while it handles an event": {
			handler: func(w http.ResponseWriter, r *http.Request) {
				stream(w, "data: 1\n\ndata: 2\n\n")
				<-r.Context().Done()
			},
			event: func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				client := &sse.Client{URL: "http://emo/sub1", Locate: tt.locate}
				client.Reconnect = time.Hour
				client.HTTP = serve(t, tt.handler)
				events := 0
				client.OnEvent = func(sse.Event) error {
					events++
					return tt.event(ctx)
				}
				done := make(chan error, 1)
				go func() { done <- client.Run(ctx) }()
				synctest.Wait()
				cancelled := time.Now()
				cancel()
				if err := <-done; err != nil {
					t.Errorf("Run = %v, want nil", err)
				}
				if d := time.Since(cancelled); d > 0 {
					t.Errorf("ended %v after it was cancelled", d)
				}
				if tt.event != nil && events != 1 {
					t.Errorf("%d events, want none after the cancel", events)
				}
			})
		})
	}
}

func TestClientWithoutAddress(t *testing.T) {
	if err := (&sse.Client{}).Run(t.Context()); err == nil {
		t.Error("Run = nil, want an error that says what is missing")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := (&sse.Client{URL: "http://[", OnState: func(s sse.State) {
		if s.Phase == sse.Reconnecting && s.Err != nil {
			cancel()
		}
	}}).Run(ctx)
	if err != nil {
		t.Errorf("Run = %v, want nil: a caller stops a hopeless client by cancelling it", err)
	}
}

// Run may be called several times at once on one Client.
func TestClientIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &sse.Client{
			URL:     "http://emo/sub1",
			HTTP:    serve(t, func(w http.ResponseWriter, _ *http.Request) { stream(w, "data: a\n\n") }),
			OnEvent: func(sse.Event) error { return errEnough },
		}
		const runs = 10
		done := make(chan error, runs)
		for range runs {
			go func() { done <- client.Run(t.Context()) }()
		}
		for range runs {
			if err := <-done; !errors.Is(err, errEnough) {
				t.Errorf("Run = %v, want OnEvent's error", err)
			}
		}
	})
}
