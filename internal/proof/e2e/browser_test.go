package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	programs "github.com/emostream/emostream/internal/proof/process" // the name process is taken: it is a running emostream here
)

// told is an event that the page reports of its EventSource. What is open, message,
// swarm, broken (the EventSource will connect again by itself) or closed (it will not).
type told struct {
	What  string
	ID    string
	Total int
}

// browser is Chromium with a page that listens to a stream.
type browser struct {
	t    *testing.T
	page string // its origin, without a slash at the end
	told chan told
}

// newBrowser serves the page on an address of its own. open starts Chromium.
func newBrowser(t *testing.T) *browser {
	t.Helper()
	return newBrowserWith(t, func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, "testdata/eventsource.html")
	})
}

// newBrowserWith is newBrowser with another page.
func newBrowserWith(t *testing.T, page http.HandlerFunc) *browser {
	t.Helper()
	b := &browser{t: t, told: make(chan told, 1000)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", page)
	mux.HandleFunc("POST /tell", func(_ http.ResponseWriter, r *http.Request) {
		var said told
		if err := json.NewDecoder(r.Body).Decode(&said); err != nil {
			t.Errorf("the page tells something that cannot be read: %v", err)
			return
		}
		b.told <- said
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	b.page = srv.URL
	return b
}

// open starts Chromium, which shows the page until the test ends. The page listens to
// stream.
func (b *browser) open(stream string, flags ...string) {
	b.t.Helper()
	chromium := skipWithout(b.t, "chromium", "chromium")
	profile, err := os.MkdirTemp("", "emostream-chromium-")
	if err != nil {
		b.t.Fatal(err)
	}
	args := append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-proxy-server",
		"--disable-background-networking", "--remote-debugging-port=0", "--user-data-dir=" + profile,
	}, flags...)
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, chromium, append(args, b.page+"/?stream="+url.QueryEscape(stream))...)
	var says bytes.Buffer
	cmd.Stderr = &says
	ended := make(chan error, 1)
	go func() { ended <- programs.Run(cmd) }()
	b.t.Cleanup(func() {
		cancel()
		err := <-ended
		if b.t.Failed() {
			b.t.Logf("chromium ended with %v:\n%s", err, programs.Tail(says.String()))
		}
		_ = os.RemoveAll(profile) // fails if Chromium's last process still writes there
	})
}

// next waits until the page reports an event of kind what, and returns that event. It
// fails if the page reports anything before it that is not of one of the kinds between.
func (b *browser) next(what string, between ...string) told {
	b.t.Helper()
	for {
		if said := b.first(append(between, what)...); said.What == what {
			return said
		}
	}
}

// first returns the next event that the page reports. It fails if that is of no kind in
// kinds.
func (b *browser) first(kinds ...string) told {
	b.t.Helper()
	select {
	case said := <-b.told:
		if !slices.Contains(kinds, said.What) {
			b.t.Fatalf("the page tells %+v, want %s", said, strings.Join(kinds, " or "))
		}
		return said
	case <-time.After(maxWait):
		b.t.Fatalf("the page does not tell %s", strings.Join(kinds, " or "))
	}
	return told{}
}

// sees waits for window n, and fails if another window is shown before it.
func (b *browser) sees(s *subscriber, n int) {
	b.t.Helper()
	if got, want := b.next("swarm"), (told{"swarm", s.id(n), n}); got != want {
		b.t.Fatalf("the page sees %+v, want %+v", got, want)
	}
}

// anyOrigin lets the page read streams of other origins, for tests that are not about
// origins.
const anyOrigin = "--disable-web-security"

// A browser is shown the newest window at once and every one that follows. When the
// server is killed it comes back by itself, and misses nothing.
func TestBrowserResumes(t *testing.T) {
	sideBySide(t)
	b := newBrowser(t)
	s := subscribe(t)
	s.publish(1, 2)
	b.open(s.url+"/v1/swarm", anyOrigin)
	b.next("open")
	b.sees(s, 2)
	s.publish(3)
	b.sees(s, 3)
	s.process.kill()
	b.next("broken")
	s.publish(4, 5, 6)
	s.start()
	b.next("open", "broken")
	b.sees(s, 4)
	b.sees(s, 5)
	b.sees(s, 6)
	s.publish(7)
	b.sees(s, 7)
}

// A browser that is refused because too many clients connect at once tries again, and
// is let in when they have left.
func TestBrowserIsPutOff(t *testing.T) {
	sideBySide(t)
	skipWithoutFlag(t, "--accept-rate")
	s := subscribe(t, "--accept-rate", "1")
	s.publish(1)
	crowd, leave := context.WithCancel(t.Context())
	defer leave()
	for range 8 { // clients that connect so often that hardly anybody else is let in
		go func() {
			for crowd.Err() == nil {
				peek(crowd, s.url+"/v1/swarm")
				<-time.After(5 * time.Millisecond)
			}
		}()
	}
	b := newBrowser(t)
	b.open(s.url+"/v1/swarm", anyOrigin)
	for off := 0; off < 2; {
		switch b.first("broken", "open", "swarm").What {
		case "broken":
			off++
		case "swarm": // it was let in before it was refused twice: try again with another one
			b, off = newBrowser(t), 0
			b.open(s.url+"/v1/swarm", anyOrigin)
		}
	}
	leave()
	b.next("swarm", "open", "broken")
}

// peek opens a stream and closes it at once.
func peek(ctx context.Context, url string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return
	}
	if res, err := http.DefaultClient.Do(req); err == nil {
		_ = res.Body.Close()
	}
}

// A page of another origin can read a stream only if --cors-origin names that origin.
func TestBrowserAcrossOrigins(t *testing.T) {
	sideBySide(t)
	for name, allowed := range map[string]bool{"allowed": true, "not allowed": false, "another one is allowed": false} {
		t.Run(name, func(t *testing.T) {
			if name != "not allowed" {
				skipWithoutFlag(t, "--cors-origin")
			}
			b := newBrowser(t)
			var flags []string
			switch name {
			case "allowed":
				flags = []string{"--cors-origin", b.page}
			case "another one is allowed":
				flags = []string{"--cors-origin", strings.Replace(b.page, "127.0.0.1", "localhost", 1)}
			}
			s := subscribe(t, flags...)
			s.publish(1)
			b.open(s.url + "/v1/swarm")
			if allowed {
				b.next("open")
				b.sees(s, 1)
			} else {
				b.next("closed")
			}
		})
	}
}

// A browser gets messages from /sub1, the stream of single emojis that the pages of the
// Python system read.
func TestBrowserSeesSingleEmojis(t *testing.T) {
	sideBySide(t)
	b := newBrowser(t)
	s := subscribe(t)
	b.open(s.url+"/sub1", anyOrigin)
	b.next("open")
	s.publish(1)
	b.next("message")
}
