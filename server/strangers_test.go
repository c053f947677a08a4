package server_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/server"
	"github.com/emostream/emostream/server/fanout"
)

// endpoints are the paths of both servers, and one that is served by none.
func endpoints() []string {
	return []string{"/", "/register", "/unregister", "/send_emoji", "/v1/reactions", "/v1/config", "/v1/servers", "/healthz", "/readyz", "/sub1", "/v1/swarm"}
}

// both runs a test on each of the two servers. within is how long a body may take that
// nobody reads.
func both(t *testing.T, test func(t *testing.T, s *running, within time.Duration)) {
	t.Helper()
	t.Run("main", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, serve(t, mainServer(taken)), 15*time.Second) })
	})
	t.Run("subscriber", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			fan := fanout.New(fanout.Config{Name: "sub1", Servers: &roster.Roster{}, Capacity: 4})
			test(t, serve(t, &server.Subscriber{Fanout: fan}), 5*time.Second)
		})
	})
}

// A body that is announced and never comes holds no request for longer than a bound,
// whichever endpoint and method it is sent to. A stream is bounded by --capacity.
func TestBodiesThatNeverCome(t *testing.T) {
	both(t, func(t *testing.T, s *running, within time.Duration) {
		t.Helper()
		ended := make(chan string)
		open := 0
		start := time.Now()
		for _, path := range endpoints() {
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "OPTIONS", "BREW"} {
				for _, framing := range []string{"Content-Length: 4194304\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n", "Expect: 100-continue\r\nContent-Length: 10\r\n\r\n"} {
					if within == 5*time.Second && method == "GET" && (path == "/sub1" || path == "/v1/swarm") {
						continue // a stream
					}
					c := s.dial()
					open++
					go func() {
						_, _ = fmt.Fprintf(c, "%s %s HTTP/1.1\r\nHost: emo\r\nContent-Type: application/json\r\n%s", method, path, framing)
					}()
					go func() {
						_, _ = io.Copy(io.Discard, c)
						ended <- fmt.Sprintf("%s %s %.20q", method, path, framing)
					}()
				}
			}
		}
		for range open {
			if what := <-ended; time.Since(start) > within+time.Second { // the second is net/http's, to let the answer be read
				t.Errorf("%s was held for %v", what, time.Since(start))
			}
		}
		if got := s.do("GET", "/healthz", "", nil); got.status != http.StatusOK {
			t.Errorf("another client was answered %+v", got)
		}
	})
}

// A client that asks on and on, and reads no answer, is cut off, on every endpoint that
// answers at once.
func TestAnswersThatNobodyReads(t *testing.T) {
	both(t, func(t *testing.T, s *running, _ time.Duration) {
		t.Helper()
		for _, path := range endpoints() {
			if slices.Contains([]string{"/sub1", "/v1/swarm"}, path) {
				continue // a stream has StallTimeout
			}
			c := s.dial()
			start := time.Now()
			var err error
			for err == nil {
				_, err = io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: emo\r\n\r\n")
			}
			if took := time.Since(start); took > time.Minute {
				t.Errorf("%s: cut off after %v", path, took)
			}
		}
	})
}

// Long queries and queries of thousands of parameters are refused before they are
// parsed, on every endpoint.
func TestLongQueries(t *testing.T) {
	both(t, func(t *testing.T, s *running, _ time.Duration) {
		t.Helper()
		for _, path := range endpoints() {
			for _, query := range []string{strings.Repeat("&a", 1025), "channel=" + strings.Repeat("%41", 3000), "user_id=" + strings.Repeat("x", 2041)} {
				if got := s.do("GET", path+"?"+query, "", nil); got.status != http.StatusRequestURITooLong || len(got.body) > 200 {
					t.Errorf("%s?%.10s is answered %d %.100s", path, query, got.status, got.body)
				}
			}
		}
	})
}

// A subscriber server that is full of silent connections from a few addresses takes the
// listeners of another one.
func TestSilentConnectionsAtASubscriberServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fan := fanout.New(fanout.Config{Name: "sub1", Servers: &roster.Roster{}, Capacity: 100})
		s := serve(t, &server.Subscriber{Fanout: fan, MaxConnections: 20})
		var silent []net.Conn
		for range 30 {
			silent = append(silent, s.dial())
		}
		<-time.After(time.Second)
		if got := s.do("GET", "/healthz", "", nil); got.status != http.StatusOK {
			t.Errorf("answered %d, %v", got.status, got.err)
		}
		<-time.After(5 * time.Second)
		for i, c := range silent {
			if _, err := c.Read(make([]byte, 1)); err == nil {
				t.Errorf("connection %d is answered though it asked nothing", i)
			}
		}
	})
}
