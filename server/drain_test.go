package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/server"
	"github.com/emostream/emostream/server/fanout"
)

// When the server stops, requests in flight still get their answers, and nothing new
// is accepted.
func TestMainDrains(t *testing.T) {
	for name, tt := range map[string]struct {
		path, contentType, body string
		log                     error
		status                  int
		says                    string
	}{
		"acknowledged":           {"/send_emoji", "application/json", tap, nil, 200, "Message queued"},
		"not written":            {"/send_emoji", "application/json", tap, stream.ErrNotWritten, 503, "not_written"},
		"in doubt":               {"/v1/reactions", "application/json", "[" + tap + "]", stream.ErrInDoubt, 503, "in_doubt"},
		"an array, acknowledged": {"/v1/reactions", "application/json", "[" + tap + "]", nil, 200, `"accepted":1`},
		"lines, all appended":    {"/v1/reactions", "application/x-ndjson", tap + "\n\n", nil, 200, `"accepted":1`},
		"lines, one to come":     {"/v1/reactions", "application/x-ndjson", tap + "\n" + tap, nil, 503, "has not taken line 2"},
		"lines, many to come":    {"/v1/reactions", "application/x-ndjson", strings.Repeat(tap+"\n", 9_000), nil, 503, "has not taken line "},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := serve(t, mainServer(func(ctx context.Context, _ []stream.Record) error {
					select {
					case <-time.After(5 * time.Second):
						return tt.log
					case <-ctx.Done():
						return fmt.Errorf("%w: %w", stream.ErrNotWritten, ctx.Err())
					}
				}))
				start := time.Now()
				answers := make(chan answer, 1)
				go func() { answers <- s.do("POST", tt.path, tt.contentType, strings.NewReader(tt.body)) }()
				<-time.After(time.Second)
				s.stop()
				synctest.Wait()
				if late := s.do("POST", "/send_emoji", "application/json", strings.NewReader(tap)); late.err == nil {
					t.Errorf("a late request was answered %+v", late)
				}
				if got := <-answers; got.err != nil || got.status != tt.status || !strings.Contains(got.body, tt.says) {
					t.Errorf("answered %+v, want %d with %q", got, tt.status, tt.says)
				}
				if err := <-s.ended; err != nil || time.Since(start) > 6*time.Second {
					t.Errorf("Serve = %v after %v", err, time.Since(start))
				}
			})
		})
	}
}

// When the server stops, a stream of lines is ended, and its answer says what was
// accepted and where to go on.
func TestMainDrainsEndlessLines(t *testing.T) {
	for name, piece := range map[string]string{"between lines": "", "in a line": tap[:10]} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				appended := 0
				s := serve(t, mainServer(func(ctx context.Context, records []stream.Record) error {
					appended += len(records)
					return ctx.Err()
				}))
				body, in := io.Pipe()
				answers := make(chan answer, 1)
				go func() { answers <- s.do("POST", "/v1/reactions", "application/x-ndjson", body) }()
				_, _ = io.WriteString(in, tap+"\nA\n\n"+tap+"\n"+piece)
				<-time.After(time.Minute)
				start := time.Now()
				s.stop()
				got := <-answers
				var o struct {
					Accepted, Rejected int
					Error, Code        string
				}
				if err := json.Unmarshal([]byte(got.body), &o); err != nil || got.err != nil {
					t.Errorf("answered %+v: %v", got, err)
				}
				if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") != "1" || o.Code != "not_written" ||
					!strings.Contains(o.Error, "has not taken line 5") || o.Accepted != 2 || o.Rejected != 1 || appended != 2 {
					t.Errorf("answered %+v, and %d were appended", got, appended)
				}
				if err := <-s.ended; err != nil || time.Since(start) > time.Second {
					t.Errorf("Serve = %v after %v", err, time.Since(start))
				}
				_ = in.Close()
			})
		})
	}
}

// A request to which the log never answers is cancelled when the time to drain is
// over.
func TestMainDrainIsBounded(t *testing.T) {
	for drain, want := range map[time.Duration]time.Duration{0: 6 * time.Second, 2 * time.Second: 2 * time.Second} {
		t.Run(want.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := mainServer(func(ctx context.Context, _ []stream.Record) error {
					<-ctx.Done()
					return stream.ErrInDoubt
				})
				m.Drain = drain
				s := serve(t, m)
				go s.do("POST", "/send_emoji", "application/json", strings.NewReader(tap))
				synctest.Wait()
				start := time.Now()
				s.stop()
				if err := <-s.ended; err != nil || time.Since(start) < want || time.Since(start) > want+time.Second {
					t.Errorf("Serve = %v after %v, want %v", err, time.Since(start), want)
				}
			})
		})
	}
}

// noRecords is a topic that stays empty.
type noRecords struct{}

func (noRecords) Fetch(ctx context.Context, offset int64, wait time.Duration) (stream.Batch, error) {
	select {
	case <-time.After(wait):
		return stream.Batch{Next: offset, HighWatermark: offset}, nil
	case <-ctx.Done():
		return stream.Batch{}, ctx.Err()
	}
}

// nowhere takes every heartbeat.
type nowhere struct{}

func (nowhere) Write(context.Context, int, []stream.Record) error { return nil }

// A subscriber server that stops tells its listeners when to come back, ends their
// streams, and does not wait for clients to close.
func TestSubscriberDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fan := fanout.New(fanout.Config{Name: "sub1", URL: "http://s", Topic: "sub_1", Log: noRecords{}, Heartbeats: nowhere{}, Servers: &roster.Roster{}})
		s := serve(t, &server.Subscriber{Fanout: fan})
		ctx, cancel := context.WithCancel(t.Context())
		drained, ran := make(chan struct{}), make(chan error, 1)
		go func() { ran <- fan.Run(ctx, 0, 0, drained) }()
		synctest.Wait()
		for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/nothing": 404, "/register": 404} {
			if got := s.do("GET", path, "", nil); got.status != want || !json.Valid([]byte(got.body)) {
				t.Errorf("%s answered %+v, want %d", path, got, want)
			}
		}
		res, err := s.client.Get("http://emo/sub1")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		in := bufio.NewReader(res.Body)
		if line, err := in.ReadString('\n'); line != "retry: 2000\n" {
			t.Errorf("the stream began with %q, %v", line, err)
		}
		start := time.Now()
		s.stop()
		rest, err := io.ReadAll(in)
		if !strings.HasPrefix(string(rest), "retry: ") || err != nil {
			t.Errorf("the stream ended with %q, %v", rest, err)
		}
		if err := <-s.ended; err != nil || time.Since(start) > time.Second {
			t.Errorf("Serve = %v after %v", err, time.Since(start))
		}
		cancel()
		close(drained)
		if err := <-ran; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}

// If the server has a DrainDelay, /readyz refuses as soon as it is asked to stop. It
// goes on serving old and new connections, and closes each with its answer. After the
// delay it stops.
func TestMainDrainsLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mainServer(func(context.Context, []stream.Record) error {
			<-time.After(time.Second)
			return nil
		})
		m.DrainDelay = 10 * time.Second
		s := serve(t, m)
		idle, busy := s.dial(), s.dial()
		ask := func(c net.Conn, request string) (status int, closes bool) {
			_, _ = io.WriteString(c, request)
			res, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				return 0, true
			}
			_ = res.Body.Close()
			return res.StatusCode, res.Close
		}
		const readyz = "GET /readyz HTTP/1.1\r\nHost: emo\r\n\r\n"
		for _, c := range []net.Conn{idle, busy} {
			if status, closes := ask(c, readyz); status != http.StatusOK || closes {
				t.Errorf("before: %d, closes %v", status, closes)
			}
		}
		start := time.Now()
		s.stop()
		synctest.Wait()
		for _, c := range []net.Conn{busy, s.dial()} {
			if status, closes := ask(c, readyz); status != http.StatusServiceUnavailable || !closes {
				t.Errorf("readyz: %d, closes %v", status, closes)
			}
		}
		<-time.After(8*time.Second + 500*time.Millisecond)
		for _, c := range []net.Conn{idle, s.dial()} {
			if status, closes := ask(c, posted(tap)); status != http.StatusOK || !closes {
				t.Errorf("a reaction: %d, closes %v", status, closes)
			}
		}
		if err := <-s.ended; err != nil || time.Since(start) < 10*time.Second || time.Since(start) > 12*time.Second {
			t.Errorf("Serve = %v after %v", err, time.Since(start))
		}
	})
}

// A server that fails during the delay ends at once.
func TestMainFailsWhileItDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := mainServer(taken)
		m.DrainDelay = time.Hour
		ctx, cancel := context.WithCancel(t.Context())
		p := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
		ended := make(chan error)
		go func() { ended <- m.Serve(ctx, p) }()
		synctest.Wait()
		cancel()
		start := time.Now()
		_ = p.Close()
		if err := <-ended; err == nil || time.Since(start) > 0 {
			t.Errorf("Serve = %v after %v", err, time.Since(start))
		}
	})
}
