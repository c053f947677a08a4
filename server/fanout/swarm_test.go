package fanout_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/fanout"
)

// What goes over the line, byte by byte.
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
		for name, want := range map[string]string{"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		want := "retry: 2000\n\n" +
			"id: 946684802000\nevent: swarm\ndata: {\"channel\":\"main\",\"window\":{\"start\":\"2000-01-01T00:00:00.000Z\",\"end\":\"2000-01-01T00:00:02.000Z\"}," +
			"\"total\":12,\"emojis\":[{\"emoji_type\":\"🔥\",\"emoji_count\":12,\"emoji_count_aggregated\":1.2}]}\n\n"
		got := make([]byte, len(want))
		if _, err := io.ReadFull(res.Body, got); err != nil || string(got) != want {
			t.Errorf("sent %q, %v, want %q", got, err, want)
		}
	})
}

// Of two swarms of a window the greater is true; one of a window that is not the
// newest has no id.
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

// A listener that comes back hears all newer windows, and those of the last ten
// seconds before that were told after a newer one, or told anew.
func TestResume(t *testing.T) {
	id := func(n int) string { return strconv.Itoa(epoch + 2000*n) }
	history := append(span(1, 9), swarm(2, 20), swarm(4, 40), swarm(9, 90), swarm(8, 80))
	history = append(history, swarm(11, 11), swarm(10, 10)) // 10 comes late
	for name, tt := range map[string]struct{ last, want string }{
		"without an id":            {"", "11=11"},
		"the newest":               {id(11), "8=80* 9=90* 10=10*"},
		"one before":               {id(10), "8=80* 9=90* 10=10* 11=11"},
		"some before":              {id(8), "4=40* 8=80* 9=90 10=10 11=11"},
		"eleven seconds after 4":   {strconv.Itoa(epoch + 2000*4 + 11_000), "8=80* 9=90* 10=10 11=11"},
		"between windows":          {strconv.Itoa(epoch + 2000*8 + 1), "4=40* 8=80* 9=90 10=10 11=11"},
		"the oldest":               {id(1), "2=20 3=3 4=40 5=5 6=6 7=7 8=80 9=90 10=10 11=11"},
		"before the oldest":        {id(-100), "1=1 2=20 3=3 4=40 5=5 6=6 7=7 8=80 9=90 10=10 11=11"},
		"zero":                     {"0", "1=1 2=20 3=3 4=40 5=5 6=6 7=7 8=80 9=90 10=10 11=11"},
		"of another time":          {id(5000), "11=11*"},
		"the greatest number":      {"9223372036854775807", "11=11*"},
		"no number":                {"yesterday", "11=11"},
		"a number and more":        {id(10) + " ", "8=80* 9=90* 10=10* 11=11"}, // white space around a header is not its value
		"a fraction":               {id(10) + ".5", "11=11"},
		"below zero":               {"-1", "11=11"},
		"the smallest number":      {"-9223372036854775808", "11=11"},
		"beyond all numbers":       {"92233720368547758080", "11=11"},
		"something very different": {"<script>", "11=11"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := newTopic()
				log.publish(history...)
				l := start(t, log, fanout.Config{}).listen(t, "/v1/swarm", tt.last)
				l.hears(t, "retry:2000 "+tt.want)
				log.publish(swarm(12, 12))
				l.hears(t, "12=12")
			})
		})
	}
}

// The ring holds 64 windows; what is older is neither replayed nor taken in.
func TestRingIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newTopic()
		log.publish(span(1, 64)...)
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
		log.publish(span(66, 200)...)
		synctest.Wait()
		in.listen(t, "/v1/swarm", "0").hears(t, "retry:2000 "+shorts(137, 200))
	})
}

// A listener that keeps a frame waiting is told of all that came meanwhile if that
// was less than a second and no more than 128 updates; else it skips to the newest
// window, and that is counted.
func TestSlowListenerSkips(t *testing.T) {
	for name, tt := range map[string]struct {
		behind int
		after  time.Duration
		want   string
	}{
		"a little":                   {2, 999 * time.Millisecond, "1=1 2=2 3=3"},
		"for too long":               {2, time.Second, "1=1 3=3"},
		"for very long":              {9, 9 * time.Second, "1=1 10=10"},
		"for too long, by one":       {1, 9 * time.Second, "1=1 2=2"},
		"nothing came meanwhile":     {0, 9 * time.Second, "1=1"},
		"as far as the ring reaches": {128, 0, "1=1 " + shorts(2, 129)},
		"further":                    {129, 0, "1=1 130=130"},
		"very far":                   {500, 0, "1=1 501=501"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				in := start(t, newTopic(), fanout.Config{})
				quick := in.listen(t, "/v1/swarm", "")
				stream := in.open(t, "/v1/swarm")
				in.topic.publish(swarm(1, 1)) // and now the server waits for this one to be taken
				synctest.Wait()
				for n := 2; n <= tt.behind+1; n++ {
					in.topic.publish(swarm(n, int64(n)))
					synctest.Wait()
				}
				pass(tt.after)
				quick.hears(t, "retry:2000 "+shorts(1, tt.behind+1))

				slow := &listener{}
				go slow.read(stream)
				slow.hears(t, tt.want)
				skipped := 0.0
				if len(strings.Fields(tt.want)) < tt.behind+1 {
					skipped = 1
				}
				if got := in.metric(t, "skipped_total"); got != skipped {
					t.Errorf("counted %v skips, want %v", got, skipped)
				}
				in.topic.publish(swarm(1000, 1), swarm(1001, 1))
				slow.hears(t, "1000=1 1001=1")
			})
		})
	}
}

// So does one in the stream of single emojis; it goes on with the next window.
func TestSlowListenerOfSinglesSkips(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := start(t, newTopic(), fanout.Config{})
		stream := in.open(t, "/sub1")
		for n, emoji := range []string{"🔥", "🎉", "💯"} {
			in.topic.publish(swarm(n, 1, wire.EmojiCount{Emoji: emoji, Count: 1, Scaled: 1}))
			pass(time.Second)
		}
		slow := &listener{}
		go slow.read(stream)
		slow.hears(t, "🔥")
		in.topic.publish(swarm(9, 1, wire.EmojiCount{Emoji: "🚀", Count: 1, Scaled: 1}))
		slow.hears(t, "🚀")
		if got := in.metric(t, "skipped_total"); got != 1 {
			t.Errorf("counted %v skips, want 1", got)
		}
	})
}

// Who listens before the ring is full waits, kept alive, and then hears what he
// missed: neither what he knew already, nor history as if it were news.
func TestListenersWaitForTheRing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newTopic()
		log.held = true
		for _, s := range span(1, 4) {
			s.Emojis = []wire.EmojiCount{{Emoji: "🔥", Count: 1, Scaled: 1}}
			log.publish(s)
		}
		in := start(t, log, fanout.Config{KeepAlive: 15 * time.Second})
		fresh, back, singles := in.listen(t, "/v1/swarm", ""), in.listen(t, "/v1/swarm", strconv.Itoa(epoch+2000*2)), in.listen(t, "/sub1", "")
		pass(20 * time.Second)
		for _, l := range []*listener{fresh, back, singles} {
			l.hears(t, "retry:2000 :")
		}
		if status, _, body := in.get(t, http.MethodGet, "/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(body, "sub_1 are not read yet") {
			t.Errorf("/readyz answered %d %s", status, body)
		}
		log.change(func() { log.held = false })
		fresh.hears(t, "4=4")
		back.hears(t, "3=3 4=4")
		singles.hears(t, "")
		if status, _, body := in.get(t, http.MethodGet, "/readyz"); status != http.StatusOK {
			t.Errorf("/readyz answered %d %s", status, body)
		}
	})
}

// One that reads nothing until the ring is full has missed nothing of what came
// since.
func TestListenerThatReadsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newTopic()
		log.held = true
		log.publish(span(1, 2)...)
		in := start(t, log, fanout.Config{})
		swarms, singles := in.ask(t, "/v1/swarm"), in.ask(t, "/sub1")
		synctest.Wait()
		log.change(func() { log.held = false })
		synctest.Wait()
		log.publish(swarm(3, 3, wire.EmojiCount{Emoji: "🔥", Count: 1, Scaled: 1}))
		for c, want := range map[net.Conn]string{swarms: "retry:2000 2=2 3=3", singles: "retry:2000 🔥"} {
			l := &listener{}
			go l.read(body(t, c))
			l.hears(t, want)
		}
	})
}

// What retention took away, and what is no swarm, stops nothing.
func TestTopicWithHoles(t *testing.T) {
	for name, first := range map[string]int64{"from the beginning": 0, "after retention": 1000} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := newTopic()
				log.start = first
				in := start(t, log, fanout.Config{})
				in.topic.publish(swarm(1, 1))
				in.topic.change(func() {
					for _, junk := range []string{"", "null", "[]", `{"channel":"a b","window":{"start":"2000-01-01T00:00:00Z","end":"2000-01-01T00:00:02Z"}}`, `{"channel":"main"}`} {
						in.topic.records = append(in.topic.records, stream.Record{Value: []byte(junk)})
					}
				})
				in.topic.publish(swarm(2, 2))
				in.listen(t, "/v1/swarm", "0").hears(t, "retry:2000 "+shorts(1, 2))
			})
		})
	}
}

// A log that is shorter than it was when the server asked for its end has been
// read when its own end is reached.
func TestShorterTopic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newTopic()
		log.publish(swarm(1, 1))
		s := contender(&announcements{}, log, "http://emo")
		ctx, cancel := context.WithCancel(t.Context())
		ran := make(chan error)
		go func() { ran <- s.Run(ctx, 50, 60, ctx.Done()) }()
		synctest.Wait()
		if err := s.Ready(); err != nil {
			t.Errorf("not ready: %v", err)
		}
		cancel()
		if err := <-ran; err != nil {
			t.Errorf("Run = %v", err)
		}
	})
}

// A channel is forgotten when for ten minutes nobody spoke in it and nobody
// listens to it any more.
func TestQuietChannelsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := start(t, newTopic(), fanout.Config{})
		for _, channel := range []string{"left", "heard", "spoken", "unheard"} {
			in.topic.publish(elsewhere(channel, swarm(1, 1)))
		}
		heard := in.listen(t, "/v1/swarm?channel=heard", "")
		heard.hears(t, "retry:2000 1=1")
		in.listen(t, "/v1/swarm?channel=unheard", "").leave()
		pass(9 * time.Minute)
		in.topic.publish(elsewhere("spoken", swarm(2, 2)))
		pass(3 * time.Minute)
		heard.heard() // heartbeats
		for channel, want := range map[string]string{"left": "", "heard": " 1=1", "spoken": " 2=2", "unheard": ""} {
			in.listen(t, "/v1/swarm?channel="+channel, "").hears(t, "retry:2000"+want)
		}
		in.topic.publish(elsewhere("heard", swarm(3, 3)), elsewhere("left", swarm(3, 3)))
		heard.hears(t, "3=3")
		in.listen(t, "/v1/swarm?channel=left", "").hears(t, "retry:2000 3=3")
	})
}

// Whoever asks for a channel that does not exist yet hears it from the beginning,
// others who left it or not.
func TestChannelThatDoesNotExistYet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := start(t, newTopic(), fanout.Config{})
		early, other := in.listen(t, "/v1/swarm?channel=new", ""), in.listen(t, "/v1/swarm?channel=new", "")
		other.leave()
		synctest.Wait()
		in.topic.publish(elsewhere("new", swarm(1, 1)))
		early.hears(t, "retry:2000 1=1")
		early.leave()
		synctest.Wait()
		in.listen(t, "/v1/swarm?channel=new", "").hears(t, "retry:2000 1=1")
		for i := range 100 {
			in.listen(t, fmt.Sprintf("/v1/swarm?channel=none%d", i), "").leave()
		}
	})
}
