package fanout_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/fanout"
)

// Whatever way its bytes go, a stream says the same.
func TestEveryWay(t *testing.T) {
	onEach(t, func(t *testing.T, w way) {
		log := newTopic()
		log.publish(span(1, 5)...)
		n := w.start(t, log, fanout.Config{KeepAlive: 2 * time.Second})
		fresh, back, python := n.hear(t, "/v1/swarm", ""), n.hear(t, "/v1/swarm", strconv.Itoa(epoch+2000*2)), n.hear(t, "/sub1", "")
		for name, want := range map[string]string{
			"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no", "Vary": "Origin",
		} {
			if got := fresh.header[name]; len(got) != 1 || got[0] != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if _, err := http.ParseTime(fresh.header.Get("Date")); err != nil {
			t.Errorf("no date: %v", err)
		}
		if (fresh.proto == "HTTP/2.0") != strings.HasSuffix(t.Name(), "HTTP/2") {
			t.Errorf("spoke %s", fresh.proto)
		}
		fresh.hears(t, "5=5")
		back.hears(t, "3=3", "4=4", "5=5")
		if n.Clients() != 3 || n.metric(t, "clients") != 3 {
			t.Errorf("%d clients, %v by the gauge", n.Clients(), n.metric(t, "clients"))
		}
		log.publish(swarm(4, 40), swarm(6, 6, wire.EmojiCount{Emoji: "🔥", Count: 2, Scaled: 2}), elsewhere("b", swarm(9, 9)))
		fresh.hears(t, "4=40*", "6=6")
		back.hears(t, "4=40*", "6=6")
		python.hears(t, "🔥", "🔥")
		for range 2 {
			fresh.until(t, ":")
			python.until(t, ":")
		}
		log.publish(span(7, 7)...)
		back.hears(t, "7=7")

		res, err := n.client.Head(n.url + "/v1/swarm")
		if err != nil || res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
			t.Errorf("HEAD answered %v, %v", res, err)
		}
		_ = res.Body.Close()
	})
}

// One that never reads is cut off, and everyone else hears everything.
func TestOneThatNeverReads(t *testing.T) {
	onEach(t, func(t *testing.T, w way) {
		n := w.start(t, newTopic(), fanout.Config{StallTimeout: time.Second})
		n.hear(t, "/v1/swarm", "")
		others := []*ear{n.hear(t, "/v1/swarm", ""), n.hear(t, "/v1/swarm", "")}
		for i := 1; i <= 60; i++ {
			n.topic.publish(large(i))
			for _, e := range others {
				e.hears(t, shorts(i, i))
			}
		}
		eventually(t, "it is cut off", func() bool { return n.Clients() == 2 })
		if got := n.metric(t, "stalled_total"); got != 1 {
			t.Errorf("%v are counted as stalled, want 1", got)
		}
		n.topic.publish(span(1000, 1000)...)
		for _, e := range others {
			e.hears(t, "1000=1000")
		}
	})
}

// One that reads again after a while hears the rest of the frame that it was in,
// and then the newest window. No frame is torn, and none comes twice.
func TestOneThatReadsAgain(t *testing.T) {
	onEach(t, func(t *testing.T, w way) {
		n := w.start(t, newTopic(), fanout.Config{StallTimeout: time.Minute, KeepAlive: 2 * time.Second})
		slow, other := n.hear(t, "/v1/swarm", ""), n.hear(t, "/v1/swarm", "")
		newest, last := 0, 0
		for round := 0; n.metric(t, "skipped_total") == 0; round++ {
			if round == 10 {
				t.Fatal("it did not skip") // the network may take a frame in the middle of a round, but not of ten
			}
			for range 60 {
				newest++
				n.topic.publish(large(newest))
				other.hears(t, shorts(newest, newest))
			}
			other.until(t, ":") // a second has gone by
			for _, frame := range slow.until(t, shorts(newest, newest)) {
				window, total, ok := strings.Cut(frame, "=")
				number, err := strconv.Atoi(window)
				if err != nil || !ok || total != window || number <= last {
					t.Fatalf("heard %s after window %d", frame, last)
				}
				last = number
			}
		}
		n.topic.publish(swarm(newest+1, 1), swarm(newest+2, 2))
		slow.hears(t, fmt.Sprintf("%d=1", newest+1), fmt.Sprintf("%d=2", newest+2))
	})
}

// Clients that are gone are not counted for long, though nothing is written.
func TestClientsThatVanish(t *testing.T) {
	onEach(t, func(t *testing.T, w way) {
		n := w.start(t, newTopic(), fanout.Config{})
		stays := n.hear(t, "/sub1", "")
		for range 20 {
			n.hear(t, "/v1/swarm", "").leave()
		}
		eventually(t, "one is left", func() bool { return n.Clients() == 1 })
		n.topic.publish(swarm(1, 1, wire.EmojiCount{Emoji: "🔥", Count: 1, Scaled: 1}))
		stays.hears(t, "🔥")
	})
}

// All are told when to come back, at times of their own, and let go, even one that
// does not read; and then the server has ended.
func TestDrainEveryWay(t *testing.T) {
	onEach(t, func(t *testing.T, w way) {
		n := w.start(t, newTopic(), fanout.Config{DrainSpread: time.Second, Shards: 2, StallTimeout: time.Hour})
		stuck := n.hear(t, "/v1/swarm", "")
		for i := range 60 {
			n.topic.publish(large(i))
		}
		var all []*ear
		for range 100 {
			all = append(all, n.hear(t, "/sub1", ""))
		}
		n.stop()
		times := map[string]bool{}
		for _, e := range all {
			retry, err := e.next()
			ms, _ := strconv.Atoi(strings.TrimPrefix(retry, "retry:"))
			if err != nil || ms < 1000 || ms > 2000 {
				t.Errorf("was told %s, %v", retry, err)
			}
			times[retry] = true
			if _, err := e.next(); !errors.Is(err, io.EOF) {
				t.Errorf("the stream ended with %v", err)
			}
		}
		if len(times) < 50 {
			t.Errorf("100 clients were asked to come back at %d times", len(times))
		}
		if err := <-n.served; err != nil || n.Clients() != 0 {
			t.Errorf("Serve = %v, and %d clients are left", err, n.Clients())
		}
		stuck.leave()
	})
}
