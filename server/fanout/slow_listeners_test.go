package fanout_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/fanout"
)

// A client that takes nothing for StallTimeout is cut off, and no other listener waits
// for it.
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

// A listener that kept a frame waiting is sent all updates that came meanwhile, if
// that took less than a second and there are no more than 128. Else it skips to the
// newest window, and that is counted.
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

// A slow listener of /sub1, the stream of single emojis, is not sent the updates that
// it missed. It goes on with the next window.
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

// A listener that never reads is cut off. All others are sent everything.
func TestOneThatNeverReads(t *testing.T) {
	onEach(t, func(t *testing.T, w way) {
		n := w.start(t, newTopic(), fanout.Config{StallTimeout: 3 * time.Second})
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
		n.topic.publish(windowsOf(1000, 1000)...)
		for _, e := range others {
			e.hears(t, "1000=1000")
		}
	})
}

// A listener stops reading in the middle of a frame, and reads again after a while. It
// is sent the rest of that frame, and then the newest window. No frame is cut, and none
// comes twice.
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

// A listener that comes back reads its replay slowly. When a frame waited for a second,
// or the whole replay for StallTimeout, it skips to the newest window.
func TestSlowReplay(t *testing.T) {
	for name, tt := range map[string]struct {
		pause time.Duration // before each frame
		least int           // how many windows it is sent
		most  int
	}{
		"at once":                    {0, 64, 64},
		"just in time":               {100 * time.Millisecond, 64, 64},
		"one frame takes too long":   {time.Second, 2, 4},
		"all together take too long": {400 * time.Millisecond, 10, 30},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := newTopic()
				log.publish(windowsOf(1, 64)...)
				in := start(t, log, fanout.Config{StallTimeout: 10 * time.Second})
				synctest.Wait()
				c, err := in.net.dial(t.Context(), "", "")
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				if _, err := io.WriteString(c, "GET /v1/swarm HTTP/1.1\r\nHost: emo\r\nLast-Event-ID: 0\r\n\r\n"); err != nil {
					t.Fatal(err)
				}
				stream := bufio.NewReader(body(t, c))
				var got []string
				for len(got) == 0 || got[len(got)-1] != "64=64" {
					if len(got) > 0 { // what came with the head is there already
						pass(tt.pause)
					}
					frame, err := (&ear{in: stream}).next()
					if err != nil {
						t.Fatalf("%v after %v", err, got)
					}
					if frame != "retry:2000" {
						got = append(got, frame)
					}
				}
				if n := len(got); n < tt.least || n > tt.most || !strings.HasPrefix(shorts(1, 64), strings.Join(got[:n-1], " ")) {
					t.Errorf("read %v, want %d to %d windows in order, and the newest", got, tt.least, tt.most)
				}
			})
		})
	}
}
