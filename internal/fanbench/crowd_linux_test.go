package fanbench_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/fanbench"
)

// now is the n-th event, published now.
func now(n int) string {
	return fmt.Sprintf("id: %d\ndata: {\"total\":%d,\"emojis\":[{\"emoji_count\":%d}]}\n\n", n, time.Now().UnixMicro(), n)
}

// follow lets a crowd listen to a handler until that calls enough.
func follow(t *testing.T, c fanbench.Crowd, handle func(w http.ResponseWriter, r *http.Request, enough func())) fanbench.Heard {
	t.Helper()
	ctx, enough := context.WithTimeout(t.Context(), time.Minute)
	defer enough()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handle(w, r, enough) }))
	defer srv.Close()
	c.URL = srv.URL + "/v1/swarm?channel=a"
	heard, err := c.Run(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if ctx.Err() != context.Canceled {
		t.Fatalf("it did not come to its end: %+v", heard)
	}
	return heard
}

func say(w http.ResponseWriter, text string) {
	_, _ = io.WriteString(w, text)
	_ = http.NewResponseController(w).Flush()
}

// A listener that is refused, cut off between two events, and put off, comes back
// each time, with the id of the last event that it was given whole; and its crowd
// tells each time that all are served again.
func TestListenerComesBack(t *testing.T) {
	calls, ready := 0, 0
	heard := follow(t, fanbench.Crowd{Listeners: 1, Ready: func() { ready++ }}, func(w http.ResponseWriter, r *http.Request, enough func()) {
		calls++
		if r.Header.Get("Accept") != "text/event-stream" || r.URL.Query().Get("channel") != "a" {
			t.Errorf("asked for %s %v", r.URL, r.Header)
		}
		last := r.Header.Get("Last-Event-ID")
		switch calls {
		case 1:
			say(w, "retry: 10\n\n")
		case 2:
			say(w, now(4)+now(5)+"id: 6\n")
		case 3:
			if last != "5" {
				t.Errorf("came back with %q", last)
			}
			w.WriteHeader(http.StatusServiceUnavailable)
		case 4:
			say(w, now(5)+now(6)+now(9))
			say(w, now(9)) // again, which is no delivery
		case 5: // so that it has heard all that
			enough()
		}
	})
	if ready != 2 || heard.Cut != 3 || heard.Refused != 1 || heard.Missed != 2 || heard.Away != 1 || heard.Resumed == 0 || heard.Malformed != 0 {
		t.Errorf("heard %+v; ready %d times", heard, ready)
	}
}

// What was published before a listener came is no delivery, and says nothing of how
// long one takes.
func TestDeliveries(t *testing.T) {
	calls := 0
	heard := follow(t, fanbench.Crowd{Listeners: 1}, func(w http.ResponseWriter, _ *http.Request, enough func()) {
		if calls++; calls > 1 {
			enough()
			return
		}
		later := strings.Replace(now(2), `"total":1`, `"total":2`, 1) // in thirty years, which counts as no time
		say(w, "retry: 10\n\n"+event(1, "1")+later+event(3, "3"))
	})
	if heard.Deliveries != 1 || heard.P50 != time.Microsecond || heard.Missed != 0 {
		t.Errorf("heard %+v", heard)
	}
}

// Those who pass leave and are replaced; those who never read stay; and the crowd
// says once that all have been served.
func TestCrowd(t *testing.T) {
	var ready, opened, open atomic.Int32
	crowd := fanbench.Crowd{Listeners: 3, Passing: 2, Silent: 2, Ready: func() { ready.Add(1) }}
	heard := follow(t, crowd, func(w http.ResponseWriter, r *http.Request, enough func()) {
		open.Add(1)
		defer open.Add(-1)
		if !strings.HasPrefix(r.RemoteAddr, "127.0.0.") || r.Header.Get("Last-Event-ID") != "" {
			t.Errorf("%s came with %v", r.RemoteAddr, r.Header)
		}
		say(w, now(1))
		if opened.Add(1) == 11 { // those who pass have been replaced twice
			enough()
		}
		<-r.Context().Done()
	})
	if ready.Load() != 1 || heard.Cut != 0 || heard.Away != 0 || heard.Missed != 0 || open.Load() != 0 {
		t.Errorf("heard %+v; ready %d times, %d connections are left", heard, ready.Load(), open.Load())
	}
}

func TestCrowdStaysOnThisMachine(t *testing.T) {
	for _, url := range []string{"", "127.0.0.1:80", "https://127.0.0.1:80", "http://localhost:80", "http://192.0.2.1:80", "http://127.0.0.1", "http://[::1]:80"} {
		_, err := fanbench.Crowd{URL: url, Listeners: 1}.Run(t.Context())
		if err == nil || !strings.Contains(err.Error(), "127.0.0.1:5001") {
			t.Errorf("%q: %v, want it to say what is allowed", url, err)
		}
	}
}
