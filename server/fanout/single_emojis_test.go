package fanout_test

import (
	"bufio"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/fanout"
)

// Compares the stream of single emojis byte by byte: each emoji is a JSON string, and
// comes as often as its scaled count says.
func TestSingleEmojiBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := start(t, newTopic(), fanout.Config{})
		res, err := in.client.Get("http://emo/sub1")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if got := res.Header.Get("Content-Type"); got != "text/event-stream; charset=utf-8" {
			t.Errorf("Content-Type: %q", got)
		}
		synctest.Wait()
		in.topic.publish(swarm(1, 20, wire.EmojiCount{Emoji: "🔥", Count: 20, Scaled: 2}, wire.EmojiCount{Emoji: "👨‍👩‍👧‍👦", Count: 1, Scaled: 1}))
		got := bufio.NewReader(res.Body)
		for _, want := range []string{"retry: 2000", `data: "🔥"`, "", `data: "🔥"`, "", `data: "👨‍👩‍👧‍👦"`, ""} {
			if line, err := got.ReadString('\n'); err != nil || line != want+"\n" {
				t.Errorf("sent %q, %v, want %q", line, err, want)
			}
		}
	})
}

// times returns an emoji n times, as a listener hears it.
func times(n int, emoji string) string { return strings.TrimSpace(strings.Repeat(emoji+" ", n)) }

func TestSingleEmojis(t *testing.T) {
	fire := func(scaled float64) wire.EmojiCount { return wire.EmojiCount{Emoji: "🔥", Count: 1, Scaled: scaled} }
	heart := func(scaled float64) wire.EmojiCount {
		return wire.EmojiCount{Emoji: "❤️", Count: 1, Scaled: scaled}
	}
	for name, tt := range map[string]struct {
		repeats int // 0: as many as by default
		news    []wire.Swarm
		want    string
	}{
		"a whole number":                 {news: []wire.Swarm{swarm(1, 1, fire(3))}, want: "🔥 🔥 🔥"},
		"a fraction is rounded up":       {news: []wire.Swarm{swarm(1, 1, fire(2.01))}, want: "🔥 🔥 🔥"},
		"less than one is one":           {news: []wire.Swarm{swarm(1, 1, fire(0.1))}, want: "🔥"},
		"none":                           {news: []wire.Swarm{swarm(1, 1, fire(0))}, want: ""},
		"less than none":                 {news: []wire.Swarm{swarm(1, 1, fire(-5))}, want: ""},
		"as many as the default allows":  {news: []wire.Swarm{swarm(1, 1, fire(100))}, want: times(100, "🔥")},
		"more than the default allows":   {news: []wire.Swarm{swarm(1, 1, fire(100.5))}, want: times(100, "🔥")},
		"very many":                      {news: []wire.Swarm{swarm(1, 1, fire(1e300))}, want: times(100, "🔥")},
		"another bound":                  {repeats: 2, news: []wire.Swarm{swarm(1, 1, fire(3), heart(3))}, want: "🔥 🔥 ❤️ ❤️"},
		"several, most frequent first":   {news: []wire.Swarm{swarm(1, 1, fire(2), heart(1))}, want: "🔥 🔥 ❤️"},
		"each window anew":               {news: []wire.Swarm{swarm(1, 1, fire(1)), swarm(2, 1, fire(1))}, want: "🔥 🔥"},
		"a revision adds what is more":   {news: []wire.Swarm{swarm(1, 1, fire(1)), swarm(1, 2, fire(3))}, want: "🔥 🔥 🔥"},
		"another emoji is more":          {news: []wire.Swarm{swarm(1, 1, fire(1)), swarm(1, 2, fire(1), heart(1))}, want: "🔥 ❤️"},
		"within the same whole number":   {news: []wire.Swarm{swarm(1, 1, fire(1.2)), swarm(1, 2, fire(1.9))}, want: "🔥 🔥"},
		"a revision beyond the bound":    {repeats: 3, news: []wire.Swarm{swarm(1, 1, fire(2)), swarm(1, 2, fire(9)), swarm(1, 3, fire(10))}, want: "🔥 🔥 🔥"},
		"a revision of an older window":  {news: []wire.Swarm{swarm(1, 1, fire(1)), swarm(2, 1, heart(1)), swarm(1, 2, fire(2))}, want: "🔥 ❤️ 🔥"},
		"what is no revision adds none":  {news: []wire.Swarm{swarm(1, 2, fire(2)), swarm(1, 1, fire(5))}, want: "🔥 🔥"},
		"fewer by another rule, no less": {news: []wire.Swarm{swarm(1, 1, fire(3)), swarm(1, 2, fire(1)), swarm(1, 3, fire(4))}, want: "🔥 🔥 🔥 🔥"},
		"an emoji that left the top":     {news: []wire.Swarm{swarm(1, 1, fire(2)), swarm(1, 2, heart(1)), swarm(1, 3, fire(3))}, want: "🔥 🔥 ❤️ 🔥"},
		"another channel":                {news: []wire.Swarm{elsewhere("b", swarm(1, 1, fire(3)))}, want: ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in := start(t, newTopic(), fanout.Config{Repeats: tt.repeats})
				l := in.listen(t, "/sub1", "")
				l.hears(t, "retry:2000")
				in.topic.publish(tt.news...)
				l.hears(t, tt.want)
			})
		})
	}
}

// A listener of single emojis begins with the next window. So one that comes back is
// not sent anything twice.
func TestSingleEmojisBeginWithTheNextWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newTopic()
		for _, s := range windowsOf(1, 3) {
			s.Emojis = []wire.EmojiCount{{Emoji: "🔥", Count: 9, Scaled: 9}}
			log.publish(s)
		}
		in := start(t, log, fanout.Config{})
		l, other := in.listen(t, "/sub1", "1"), in.listen(t, "/sub1?channel=b", "")
		l.hears(t, "retry:2000")
		log.publish(swarm(4, 1, wire.EmojiCount{Emoji: "🎉", Count: 1, Scaled: 1}), elsewhere("b", swarm(4, 1, wire.EmojiCount{Emoji: "💯", Count: 1, Scaled: 1})))
		l.hears(t, "🎉")
		other.hears(t, "retry:2000 💯")
	})
}
