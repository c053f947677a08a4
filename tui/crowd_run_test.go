package tui_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/tui"
)

// fakeServer is a main server and a subscriber server in one. It records the requests.
type fakeServer struct {
	*httptest.Server
	mu     sync.Mutex
	posted []string
}

func newFakeServer(t *testing.T, stream string) *fakeServer {
	t.Helper()
	h := &fakeServer{}
	mux := http.NewServeMux()
	mux.HandleFunc("/register", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"server_url":%[1]q,"server_name":"sub1","stream_url":%[1]q}`, h.URL+"/stream")
	})
	mux.HandleFunc("/unregister", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{}`) })
	mux.HandleFunc("/v1/servers", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"servers":[]}`) })
	mux.HandleFunc("/v1/reactions", func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		h.mu.Lock()
		h.posted = append(h.posted, string(b))
		h.mu.Unlock()
		_, _ = fmt.Fprintf(w, `{"results":[{"accepted_at":%q}]}`, time.Now().Format(time.RFC3339Nano))
	})
	mux.HandleFunc("/stream", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, stream)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	h.Server = httptest.NewServer(mux)
	t.Cleanup(func() { h.CloseClientConnections(); h.Close() })
	return h
}

func (h *fakeServer) requests() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.posted, "\n")
}

// waitFor waits until text was written to the terminal.
func waitFor(t *testing.T, s *fakeTerminal, text string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	give := time.After(time.Minute)
	for !strings.Contains(s.String(), text) {
		select {
		case <-tick.C:
		case <-give:
			t.Fatalf("the screen never showed %q but %q", text, s.String())
		}
	}
}

// terminal80x24 returns a terminal of 80x24.
func terminal80x24(s *fakeTerminal) tui.Terminal {
	t := s.terminal()
	t.Width, t.Height = 80, 24
	return t
}

const oneWindow = `id: 2000
event: swarm
data: {"channel":"main","window":{"start":"2026-11-23T12:00:00.000Z","end":"2026-11-23T12:00:02.000Z"},"total":4711,"emojis":[{"emoji_type":"🔥","emoji_count":4711,"emoji_count_aggregated":471.1}]}

`

// Windows of the stream are shown, taps are sent, and the terminal is restored.
func TestShowCrowd(t *testing.T) {
	h, s := newFakeServer(t, oneWindow), new(fakeTerminal)
	keys, typed := io.Pipe()
	defer typed.Close()
	terminal := terminal80x24(s)
	terminal.In = keys
	type ended struct {
		taps tui.TapQueue
		err  error
	}
	done := make(chan ended, 1)
	go func() {
		o, err := tui.ShowCrowd(t.Context(), tui.CrowdConfig{}, client.Client{Server: h.URL, UserID: "ann"}, terminal)
		done <- ended{o, err}
	}()
	waitFor(t, s, "4,711")
	waitFor(t, s, "live")
	_, _ = io.WriteString(typed, "2")
	waitFor(t, s, "counted")
	_, _ = io.WriteString(typed, "q")
	if e := <-done; e.err != nil || e.taps.Accepted != 1 || e.taps.Pending() != 0 {
		t.Errorf("ended with %+v, %v", e.taps, e.err)
	}
	if want := `[{"user_id":"ann","emoji_type":"😂","channel":"main","count":1}]`; h.requests() != want {
		t.Errorf("posted %s, want %s", h.requests(), want)
	}
	checkRestored(t, s)
}

// When the context ends, the view closes as it does when the user presses q.
func TestShowCrowdContextEnds(t *testing.T) {
	h, s := newFakeServer(t, oneWindow), new(fakeTerminal)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := tui.ShowCrowd(ctx, tui.CrowdConfig{}, client.Client{Server: h.URL, UserID: "ann"}, terminal80x24(s))
		done <- err
	}()
	waitFor(t, s, "live")
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	checkRestored(t, s)
}

// A server that does not register clients ends the view with an error.
func TestShowCrowdWithoutRegistry(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	s := new(fakeTerminal)
	if _, err := tui.ShowCrowd(t.Context(), tui.CrowdConfig{}, client.Client{Server: srv.URL, UserID: "ann"}, terminal80x24(s)); err == nil || !strings.Contains(err.Error(), "it should be the main server") {
		t.Errorf("ended with %v", err)
	}
}

// A panic of the goroutine that reads the stream continues after the terminal is
// restored.
func TestShowCrowdRestoresTerminalAfterPanic(t *testing.T) {
	s := new(fakeTerminal)
	defer func() {
		if r := recover(); r == nil || !strings.Contains(fmt.Sprint(r), "a slip") {
			t.Errorf("recovered %v", r)
		}
		checkRestored(t, s)
	}()
	_, err := tui.ShowCrowd(t.Context(), tui.CrowdConfig{}, client.Client{Server: "http://x", UserID: "ann", HTTP: &http.Client{Transport: panickingTransport{s}}}, s.terminal())
	t.Errorf("ended with %v", err)
}

// panickingTransport panics once the view is drawn.
type panickingTransport struct{ s *fakeTerminal }

func (p panickingTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path != "/register" {
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewBufferString("{}"))}, nil
	}
	untilDrawn(p.s)(r.Context())
	panic("a slip")
}
