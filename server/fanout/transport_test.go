package fanout_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/fanout"
)

// A stream is the same on every transport.
func TestEveryWay(t *testing.T) {
	onEach(t, func(t *testing.T, w way) {
		log := newTopic()
		log.publish(windowsOf(1, 5)...)
		n := w.start(t, log, fanout.Config{KeepAlive: 2 * time.Second})
		fresh, back, python := n.hear(t, "/v1/swarm", ""), n.hear(t, "/v1/swarm", strconv.Itoa(epoch+2000*2)), n.hear(t, "/sub1", "")
		for name, want := range map[string]string{
			"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no", "Vary": "Origin",
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
		page := n.hear(t, "/v1/swarm?signals=1&last_event_id="+strconv.Itoa(epoch+2000*5), "")
		page.hears(t, "open", "4=40*", "6=6")
		for range 2 {
			fresh.until(t, ":")
			python.until(t, ":")
			page.hears(t, "heartbeat")
		}
		log.publish(windowsOf(7, 7)...)
		back.hears(t, "7=7")

		res, err := n.client.Head(n.url + "/v1/swarm")
		if err != nil || res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream; charset=utf-8" {
			t.Errorf("HEAD answered %v, %v", res, err)
		}
		_ = res.Body.Close()
	})
}

// Listeners that have left are not counted for long, even if nothing is written.
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
