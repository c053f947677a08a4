package fanout_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/fanout"
)

func TestOtherRequests(t *testing.T) {
	for name, tt := range map[string]struct {
		method, path string
		status       int
		code         string
		says         string
	}{
		"posting to a stream":         {"POST", "/v1/swarm", 405, "method_not_allowed", "use GET"},
		"posting to single emojis":    {"DELETE", "/sub1", 405, "method_not_allowed", "use GET"},
		"another server's name":       {"GET", "/sub2", 404, "not_found", "/sub1, /v1/swarm"},
		"nothing":                     {"GET", "/", 404, "not_found", "/sub1, /v1/swarm"},
		"something longer":            {"GET", "/sub1/x", 404, "not_found", "there are"},
		"a channel of a space":        {"GET", "/v1/swarm?channel=a+b", 422, "invalid_channel", "1 to 64 of A-Z"},
		"a channel of 65":             {"GET", "/sub1?channel=" + strings.Repeat("c", 65), 422, "invalid_channel", "1 to 64"},
		"a hostile channel":           {"GET", "/sub1?channel=" + strings.Repeat("%1b", 3000), 422, "invalid_channel", `\x1b`},
		"an invalid channel's length": {"HEAD", "/v1/swarm?channel=%2f", 422, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				status, header, body := start(t, newTopic(), fanout.Config{}).get(t, tt.method, tt.path)
				var p struct{ Error, Code string }
				if tt.method != "HEAD" {
					if err := json.Unmarshal([]byte(body), &p); err != nil || header.Get("Content-Type") != "application/json" {
						t.Errorf("answered %q: %v", body, err)
					}
				}
				if status != tt.status || p.Code != tt.code || !strings.Contains(p.Error, tt.says) || len(p.Error) > 300 {
					t.Errorf("answered %d %+v, want %d %s with %q", status, p, tt.status, tt.code, tt.says)
				}
				if got := header.Get("Allow"); (got == "GET") != (status == 405) {
					t.Errorf("Allow: %q", got)
				}
			})
		})
	}
}

// HEAD tells what GET would answer with, and opens nothing.
func TestHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := start(t, newTopic(), fanout.Config{Capacity: 1})
		for _, path := range []string{"/v1/swarm", "/sub1", "/v1/swarm?channel=b"} {
			status, header, body := in.get(t, http.MethodHead, path)
			if status != http.StatusOK || header.Get("Content-Type") != "text/event-stream" || body != "" {
				t.Errorf("%s answered %d %v %q", path, status, header, body)
			}
		}
		if n := in.metric(t, "connections_total"); n != 0 || in.Clients() != 0 {
			t.Errorf("%d clients, %v connections", in.Clients(), n)
		}
	})
}

func TestHealth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := start(t, newTopic(), fanout.Config{})
		synctest.Wait()
		for path, want := range map[string]string{"/healthz": `{"status":"ok"}`, "/readyz": `{"status":"ready"}`} {
			if status, _, body := in.get(t, http.MethodGet, path); status != http.StatusOK || body != want+"\n" {
				t.Errorf("%s answered %d %s", path, status, body)
			}
		}
	})
}

// A stream is never silent for longer than the interval, and gets a comment no
// earlier than a second before that.
func TestHeartbeatComment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := start(t, newTopic(), fanout.Config{KeepAlive: 15 * time.Second, Retry: 1500 * time.Millisecond})
		l, quiet := in.listen(t, "/v1/swarm", ""), in.listen(t, "/sub1", "")
		pass(14*time.Second - time.Millisecond)
		l.hears(t, "retry:1500")
		pass(time.Second + time.Millisecond)
		l.hears(t, ":")
		pass(10 * time.Second)
		in.topic.publish(swarm(1, 0)) // nothing for the stream of single emojis
		l.hears(t, "1=0")
		pass(14*time.Second - time.Millisecond)
		l.hears(t, "")
		pass(time.Second + time.Millisecond)
		l.hears(t, ":")
		pass(30 * time.Second)
		l.hears(t, ": :")
		quiet.hears(t, "retry:1500 : : : : :")
	})
}

// A full server sends its clients back to register, and takes the next one when
// one has left.
func TestCapacity(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := start(t, newTopic(), fanout.Config{Capacity: 2})
		first := in.listen(t, "/v1/swarm", "")
		in.listen(t, "/sub1", "")
		for range 3 {
			status, header, body := in.get(t, http.MethodGet, "/v1/swarm")
			if status != http.StatusServiceUnavailable || header.Get("Retry-After") != "1" || header.Get("Content-Type") != "application/json" ||
				!strings.Contains(body, `"code":"full"`) || !strings.Contains(body, "register again") {
				t.Errorf("answered %d %v %s", status, header, body)
			}
		}
		if got := in.metric(t, "full_total"); got != 3 || in.Clients() != 2 || in.metric(t, "clients") != 2 {
			t.Errorf("%v refused, %d clients, %v by the gauge", got, in.Clients(), in.metric(t, "clients"))
		}
		first.leave()
		synctest.Wait()
		if in.Clients() != 1 {
			t.Errorf("%d clients after one of two left", in.Clients())
		}
		in.listen(t, "/v1/swarm", "").hears(t, "retry:2000")
	})
}

// Those who come faster than the server takes them in get a stream that ends with a
// time to come back: a browser would not come back from a refusal.
func TestPutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := start(t, newTopic(), fanout.Config{AcceptRate: 5, DrainSpread: 3 * time.Second, Capacity: 13})
		in.topic.publish(swarm(1, 1))
		waits := map[string]bool{}
		come := func(taken, putOff int) {
			t.Helper()
			for range taken {
				in.listen(t, "/v1/swarm", "").hears(t, "retry:2000 1=1")
			}
			for range putOff {
				status, header, body := in.get(t, http.MethodGet, "/sub1")
				ms, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(body, "retry: "), "\n\n"))
				if status != http.StatusOK || header.Get("Content-Type") != "text/event-stream" || err != nil || ms < 1000 || ms > 4000 {
					t.Errorf("answered %d %v %q", status, header, body)
				}
				waits[body] = true
			}
		}
		come(5, 20)
		pass(400 * time.Millisecond)
		come(2, 1)
		pass(time.Hour) // as many at once as in a second, however long nobody came
		come(5, 20)
		if in.Clients() != 12 || in.metric(t, "put_off_total") != 41 || in.metric(t, "connections_total") != 12 || len(waits) < 30 {
			t.Errorf("%d clients, %v put off, until %d times", in.Clients(), in.metric(t, "put_off_total"), len(waits))
		}
		pass(time.Second)
		come(1, 0)
		if status, _, _ := in.get(t, http.MethodGet, "/v1/swarm"); status != http.StatusServiceUnavailable {
			t.Errorf("answered %d, want 503: it is full, which is no matter of time", status)
		}
	})
}

// A server that takes another's place goes on where the listeners were.
func TestResumeAtAnotherServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newTopic()
		first := start(t, log, fanout.Config{})
		l := first.listen(t, "/v1/swarm", "")
		log.publish(span(1, 3)...)
		l.hears(t, "retry:2000 1=1 2=2 3=3")
		first.stop()
		l.heard()
		log.publish(span(4, 6)...)
		second := start(t, log, fanout.Config{})
		second.listen(t, "/v1/swarm", strconv.Itoa(epoch+2000*3)).hears(t, "retry:2000 4=4 5=5 6=6")
	})
}

// When the server leaves, its clients are asked to come back spread over a time;
// it says first that it drains, and that it is gone when they are.
func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := start(t, newTopic(), fanout.Config{DrainSpread: 3 * time.Second})
		var all []*listener
		for i := range 40 {
			l := in.listen(t, []string{"/v1/swarm", "/sub1"}[i%2], "")
			l.hears(t, "retry:2000")
			all = append(all, l)
		}
		in.stop()
		waits := map[int]bool{}
		for _, l := range all {
			ms, err := strconv.Atoi(strings.TrimPrefix(l.heard(), "retry:"))
			if err != nil || ms < 1000 || ms > 4000 {
				t.Errorf("asked to come back in %d ms, %v", ms, err)
			}
			if err := l.end(); !errors.Is(err, io.EOF) {
				t.Errorf("the stream ended with %v", err)
			}
			waits[ms] = true
		}
		if len(waits) < 20 {
			t.Errorf("40 clients were asked to come back at %d times", len(waits))
		}
		if err := <-in.ran; err != nil {
			t.Errorf("Run = %v", err)
		}
		var states []string
		for _, b := range in.servers.heard() {
			states = append(states, b.State)
		}
		if got := strings.Join(states, " "); got != wire.StateServing+" "+wire.StateDraining+" "+wire.StateGone {
			t.Errorf("announced %s", got)
		}
		if last := in.servers.heard()[2]; last.Clients != 0 {
			t.Errorf("gone with %d clients", last.Clients)
		}
	})
}

// A client that takes nothing is cut off when its time is over, and nobody else
// waits for it.
func TestStalledClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := start(t, newTopic(), fanout.Config{StallTimeout: 10 * time.Second})
		stalled := in.ask(t, "/v1/swarm")
		synctest.Wait()
		others := []*listener{in.listen(t, "/v1/swarm", ""), in.listen(t, "/sub1", "")}
		others[0].heard()
		others[1].heard()
		for n := 1; n <= 4; n++ {
			in.topic.publish(swarm(n, int64(n), wire.EmojiCount{Emoji: "🔥", Count: 1, Scaled: 1}))
			others[0].hears(t, shorts(n, n))
			others[1].hears(t, "🔥")
			pass(2 * time.Second)
		}
		pass(2*time.Second - time.Millisecond)
		if in.Clients() != 3 || in.metric(t, "stalled_total") != 0 {
			t.Errorf("%d clients before the time was over, want 3", in.Clients())
		}
		pass(time.Millisecond)
		if in.Clients() != 2 || in.metric(t, "stalled_total") != 1 {
			t.Errorf("%d clients and %v stalled, want 2 and 1", in.Clients(), in.metric(t, "stalled_total"))
		}
		if n, err := stalled.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the stalled client reads %d bytes, %v, want the end", n, err)
		}
		in.topic.publish(swarm(9, 9))
		others[0].hears(t, "9=9")
	})
}
