package httpserve_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/httpserve"
)

// ample is a drain time that no test uses up.
const ample = time.Minute

// start serves handler on a free port. stop begins to drain; done receives the error of
// Serve.
func start(t *testing.T, handler http.Handler, drain time.Duration) (addr string, stop func(), done <-chan error) {
	t.Helper()
	ln, err := httpserve.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- httpserve.Serve(ctx, ln, &http.Server{Handler: handler}, drain) }()
	return ln.Addr().String(), cancel, ended
}

// get returns the answer to a GET. An answer that is cut off is an error.
func get(client *http.Client, url string) (string, error) {
	res, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return string(body), err
}

func TestServeUntilCancelled(t *testing.T) {
	addr, stop, done := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "hello")
	}), ample)
	// This leaves an idle connection, for which the server must not wait.
	if got, err := get(&http.Client{Transport: &http.Transport{}}, "http://"+addr); got != "hello" || err != nil {
		t.Fatalf("GET = %q, %v", got, err)
	}
	stop()
	if err := <-done; err != nil {
		t.Errorf("Serve = %v, want nil", err)
	}
	if c, err := net.Dial("tcp", addr); err == nil {
		_ = c.Close()
		t.Error("the listener is still open")
	}
}

func TestServeCancelledBeforeItBegan(t *testing.T) {
	ln, err := httpserve.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := httpserve.Serve(ctx, ln, &http.Server{}, ample); err != nil {
		t.Errorf("Serve = %v, want nil", err)
	}
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept = %v, want a closed listener", err)
	}
}

func TestServeWithoutListener(t *testing.T) {
	ln, err := httpserve.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	if err := httpserve.Serve(t.Context(), ln, &http.Server{}, ample); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve = %v, want why it could not accept", err)
	}
}

// Draining ends streams, also hijacked ones, and lets other requests finish.
func TestServeDrains(t *testing.T) {
	begun := make(chan struct{})
	draining := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/request", func(w http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		<-draining
		if r.Context().Err() != nil {
			t.Errorf("the request was cancelled: %v", context.Cause(r.Context()))
		}
		_, _ = io.WriteString(w, "done")
	})
	mux.Handle("/stream", httpserve.Streaming(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		<-r.Context().Done()
		if cause := context.Cause(r.Context()); !errors.Is(cause, httpserve.ErrDraining) {
			t.Errorf("the stream was cancelled because %v, want ErrDraining", cause)
		}
		_, _ = io.WriteString(w, "bye")
		close(draining)
	})))
	mux.Handle("/hijacked", httpserve.Streaming(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Errorf("hijack: %v", err)
			return
		}
		defer func() { _ = c.Close() }()
		begun <- struct{}{}
		<-r.Context().Done()
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nso long")
	})))
	addr, stop, done := start(t, mux, ample)

	want := map[string]string{"/request": "done", "/stream": "bye", "/hijacked": "so long"}
	answers := make(chan func(), len(want))
	for path, body := range want {
		go func() {
			got, err := get(http.DefaultClient, "http://"+addr+path)
			answers <- func() {
				if got != body || err != nil {
					t.Errorf("GET %s = %q, %v, want %q", path, got, err, body)
				}
			}
		}()
	}
	for range want {
		<-begun
	}
	stop()
	for range want {
		(<-answers)()
	}
	if err := <-done; err != nil {
		t.Errorf("Serve = %v, want nil", err)
	}
}

// A request that does not finish within the drain time is cancelled, and its connection
// is closed.
func TestServeBoundsDraining(t *testing.T) {
	for name, drain := range map[string]time.Duration{"a short drain": 20 * time.Millisecond, "none": 0} {
		t.Run(name, func(t *testing.T) {
			begun := make(chan struct{})
			cause := make(chan error, 1)
			closed := make(chan struct{}) // before that the handler does not return, or there would be an answer
			addr, stop, done := start(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				close(begun)
				<-r.Context().Done()
				cause <- context.Cause(r.Context())
				<-closed
			}), drain)
			defer close(closed)
			c, err := net.Dial("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
			<-begun
			stopped := time.Now()
			stop()
			if err := <-done; err != nil {
				t.Errorf("Serve = %v, want nil", err)
			}
			if d := time.Since(stopped); d < drain {
				t.Errorf("drained for %v, want %v", d, drain)
			}
			if err := <-cause; !errors.Is(err, httpserve.ErrDraining) {
				t.Errorf("cancelled because %v, want ErrDraining", err)
			}
			if _, err := bufio.NewReader(c).ReadByte(); err == nil {
				t.Error("got an answer, want a closed connection")
			}
		})
	}
}

func TestServeFillsInBounds(t *testing.T) {
	for name, tt := range map[string]struct{ srv, want *http.Server }{
		"defaults": {
			srv:  &http.Server{},
			want: &http.Server{ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 12 << 10},
		},
		"what was chosen stays": {
			srv:  &http.Server{ReadHeaderTimeout: 1, IdleTimeout: 2, MaxHeaderBytes: 3, WriteTimeout: 4},
			want: &http.Server{ReadHeaderTimeout: 1, IdleTimeout: 2, MaxHeaderBytes: 3, WriteTimeout: 4},
		},
	} {
		t.Run(name, func(t *testing.T) {
			ln, err := httpserve.Listen(t.Context(), "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := httpserve.Serve(ctx, ln, tt.srv, 0); err != nil {
				t.Fatal(err)
			}
			if tt.srv.ReadHeaderTimeout != tt.want.ReadHeaderTimeout || tt.srv.IdleTimeout != tt.want.IdleTimeout ||
				tt.srv.MaxHeaderBytes != tt.want.MaxHeaderBytes || tt.srv.ReadTimeout != 0 || tt.srv.WriteTimeout != tt.want.WriteTimeout {
				t.Errorf("bounds: header %v, idle %v, %d bytes, read %v, write %v", tt.srv.ReadHeaderTimeout,
					tt.srv.IdleTimeout, tt.srv.MaxHeaderBytes, tt.srv.ReadTimeout, tt.srv.WriteTimeout)
			}
		})
	}
}

// Streaming also works on a server that does not drain. Its context then ends when the
// client leaves.
func TestStreamingElsewhere(t *testing.T) {
	begun := make(chan struct{})
	cause := make(chan error)
	srv := httptest.NewServer(httpserve.Streaming(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
		cause <- context.Cause(r.Context())
	})))
	defer srv.Close()
	ctx, leave := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		<-begun
		leave()
	}()
	if res, err := http.DefaultClient.Do(req); err == nil {
		_ = res.Body.Close()
		t.Error("got an answer, want none")
	}
	if err := <-cause; !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled because %v, want the client's leaving", err)
	}
}
