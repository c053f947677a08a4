package fanout_test

import (
	"io"
	"testing"
	"testing/synctest"

	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/fanout"
)

// Compares the stream of swarms byte by byte.
func TestSwarmStreamBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newTopic()
		log.publish(swarm(1, 12, wire.EmojiCount{Emoji: "🔥", Count: 12, Scaled: 1.2}))
		in := start(t, log, fanout.Config{})
		res, err := in.client.Get("http://emo/v1/swarm")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		for name, want := range map[string]string{"Content-Type": "text/event-stream; charset=utf-8", "Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		want := "retry: 2000\n" +
			"id: 946674802000\nevent: swarm\ndata: {\"channel\":\"main\",\"window\":{\"start\":\"1999-12-31T21:13:20.000Z\",\"end\":\"1999-12-31T21:13:22.000Z\"}," +
			"\"total\":12,\"emojis\":[{\"emoji_type\":\"🔥\",\"emoji_count\":12,\"emoji_count_aggregated\":1.2}]}\n\n"
		got := make([]byte, len(want))
		if _, err := io.ReadFull(res.Body, got); err != nil || string(got) != want {
			t.Errorf("sent %q, %v, want %q", got, err, want)
		}
	})
}

// Of two swarms of a window, the one with the greater total is sent. A window that is
// not the newest is sent without an id.
func TestGreatestTotalWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := start(t, newTopic(), fanout.Config{})
		l := in.listen(t, "/v1/swarm", "")
		l.hears(t, "retry:2000")
		for _, step := range []struct {
			name string
			news wire.Swarm
			want string
		}{
			{"the first", swarm(2, 5), "2=5"},
			{"the same again", swarm(2, 5), ""},
			{"less of it", swarm(2, 4), ""},
			{"more of it", swarm(2, 7), "2=7"},
			{"a newer one, and empty", swarm(3, 0), "3=0"},
			{"empty again", swarm(3, 0), ""},
			{"more of the older one", swarm(2, 8), "2=8*"},
			{"less of the older one", swarm(2, 7), ""},
			{"one that is older and new", swarm(1, 1), "1=1*"},
			{"more of the newest", swarm(3, 1), "3=1"},
			{"of another channel", elsewhere("b", swarm(4, 9)), ""},
		} {
			in.topic.publish(step.news)
			if got := l.heard(); got != step.want {
				t.Errorf("%s: heard %q, want %q", step.name, got, step.want)
			}
		}
		in.listen(t, "/v1/swarm", "").hears(t, "retry:2000 3=1")
		in.listen(t, "/v1/swarm?channel=main", "").hears(t, "retry:2000 3=1")
		in.listen(t, "/v1/swarm?channel=b", "").hears(t, "retry:2000 4=9")
		in.listen(t, "/v1/swarm?channel=c", "").hears(t, "retry:2000")
		if got := in.metric(t, "swarms_total"); got != 7 {
			t.Errorf("%v swarms told something new, want 7", got)
		}
	})
}

// 64 windows are kept. Older ones are not replayed, and not taken in.
func TestRingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newTopic()
		log.publish(windowsOf(1, 64)...)
		in := start(t, log, fanout.Config{})
		in.listen(t, "/v1/swarm", "0").hears(t, "retry:2000 "+shorts(1, 64))
		log.publish(swarm(65, 65))
		in.listen(t, "/v1/swarm", "0").hears(t, "retry:2000 "+shorts(2, 65))
		l := in.listen(t, "/v1/swarm", "")
		l.hears(t, "retry:2000 65=65")
		log.publish(swarm(1, 100))
		l.hears(t, "")
		log.publish(swarm(2, 100))
		l.hears(t, "2=100*")
		log.publish(windowsOf(66, 200)...)
		synctest.Wait()
		in.listen(t, "/v1/swarm", "0").hears(t, "retry:2000 "+shorts(137, 200))
	})
}
