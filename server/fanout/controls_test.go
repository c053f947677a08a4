package fanout_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/controls"
	"github.com/emostream/emostream/internal/quota"
	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/fanout"
)

// set lets a control be in force.
func set(t *testing.T, table *controls.Table, c controls.Control) {
	t.Helper()
	if err := table.Set(c); err != nil {
		t.Fatal(err)
	}
}

func hide(t *testing.T, table *controls.Table, emojis ...string) {
	t.Helper()
	for _, e := range emojis {
		set(t, table, controls.Control{Kind: controls.Emoji, Name: e, State: controls.Hidden})
	}
}

// listing returns a swarm in which each emoji was sent n times. Its total counts others, too.
func listing(window int, total int64, n float64, emojis ...string) wire.Swarm {
	list := []wire.EmojiCount{}
	for _, e := range emojis {
		list = append(list, wire.EmojiCount{Emoji: e, Count: int64(n), Scaled: n})
	}
	return swarm(window, total, list...)
}

// screen follows a stream of swarms, and notes each as window=total and its emojis.
func (in *installation) screen(t *testing.T, path, lastEventID string) (shows func() string) {
	t.Helper()
	synctest.Wait()
	ctx, leave := context.WithCancel(t.Context())
	var mu sync.Mutex
	got := ""
	client := sse.Client{URL: "http://emo" + path, HTTP: in.client, OnEvent: func(e sse.Event) error {
		s, err := wire.DecodeSwarm(e.Data)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		got += fmt.Sprintf(" %d=%d", (s.Window.End-epoch)/2000, s.Total)
		for _, c := range s.Emojis {
			got += c.Emoji
		}
		return nil
	}}
	if lastEventID != "" {
		client.URL += "?last_event_id=" + lastEventID
	}
	done := make(chan error, 1)
	go func() { done <- client.Run(ctx) }()
	t.Cleanup(func() {
		leave()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return func() string {
		pass(200 * time.Millisecond) // more than a change of the controls may wait for another one
		mu.Lock()
		defer mu.Unlock()
		said := strings.TrimSpace(got)
		got = ""
		return said
	}
}

// Hidden emojis are left out of what comes and of what is there already. The newest window
// is sent again if it had one. All of it comes back when they are hidden no more.
func TestHiddenEmojisLeaveTheScreens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, table := newTopic(), &controls.Table{}
		log.publish(listing(1, 9, 3, "🔥", "💩"), listing(2, 5, 3, "🔥"), listing(3, 7, 3, "💩", "❤️"))
		in := start(t, log, fanout.Config{Controls: table})
		shows, b := in.screen(t, "/v1/swarm", ""), in.screen(t, "/v1/swarm?channel=b", "")
		before := func(want string) {
			t.Helper()
			if got := in.screen(t, "/v1/swarm", "0")(); got != want {
				t.Errorf("replayed %q, want %q", got, want)
			}
		}
		for _, step := range []struct {
			name string
			do   func()
			want string
		}{
			{"at the start", func() {}, "3=7💩❤️"},
			{"hidden", func() { hide(t, table, "💩") }, "3=7❤️"},
			{"hidden once more", func() { hide(t, table, "💩") }, ""},
			{"replayed without it", func() { before("1=9🔥 2=5🔥 3=7❤️") }, ""},
			{"another one, that is not shown", func() { hide(t, table, "🔥") }, ""},
			{"replayed without both", func() { before("1=9 2=5 3=7❤️") }, ""},
			{"a window comes", func() { log.publish(listing(4, 8, 2, "💩", "🎉", "🔥")) }, "4=8🎉"},
			{"the same again", func() { log.publish(listing(4, 8, 2, "💩", "🎉", "🔥")) }, ""},
			{"it grows", func() { log.publish(listing(4, 9, 3, "💩", "🎉", "🔥")) }, "4=9🎉"},
			{"an older one grows", func() { log.publish(listing(2, 6, 3, "🔥", "💯")) }, "2=6💯"},
			{"a user is banned", func() { set(t, table, controls.Control{Kind: controls.User, Name: "💩", State: controls.Banned}) }, ""},
			{"one is shown again", func() { table.Remove(controls.Emoji, "💩") }, "4=9💩🎉"},
			{"both are", func() { table.Remove(controls.Emoji, "🔥") }, "4=9💩🎉🔥"},
			{"replayed as it was", func() { before("1=9🔥💩 2=6🔥💯 3=7💩❤️ 4=9💩🎉🔥") }, ""},
			{"one of three", func() { hide(t, table, "🔥") }, "4=9💩🎉"},
			{"two of three", func() { hide(t, table, "💩") }, "4=9🎉"},
			{"all that there are", func() { hide(t, table, "🎉") }, "4=9"},
			{"a quiet window", func() { log.publish(swarm(5, 0)) }, "5=0"},
			{"shown again, but not in the newest", func() { table.Remove(controls.Emoji, "💩") }, ""},
		} {
			step.do()
			if got := shows(); got != step.want {
				t.Errorf("%s: shown %q, want %q", step.name, got, step.want)
			}
		}
		if got := b(); got != "" {
			t.Errorf("another channel: %q", got)
		}
	})
}

// What is hidden when a server starts is never sent.
func TestHiddenBeforeTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, table := newTopic(), &controls.Table{}
		hide(t, table, "💩")
		log.publish(listing(1, 9, 3, "🔥", "💩"))
		in := start(t, log, fanout.Config{Controls: table})
		if got := in.screen(t, "/v1/swarm", "")(); got != "1=9🔥" {
			t.Errorf("shown %q", got)
		}
	})
}

// An emoji is hidden until a time.
func TestHiddenUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, table := newTopic(), &controls.Table{}
		log.publish(listing(1, 9, 3, "💩"))
		ctx, cancel := context.WithCancel(t.Context())
		followed := make(chan error, 1)
		go func() { followed <- table.Follow(ctx, newTopic(), 0, 0, "emostream-controls", nil, nil) }()
		in := start(t, log, fanout.Config{Controls: table})
		shows := in.screen(t, "/v1/swarm", "")
		set(t, table, controls.Control{Kind: controls.Emoji, Name: "💩", State: controls.Hidden, Until: time.Now().Add(time.Minute)})
		if got := shows(); got != "1=9💩 1=9" {
			t.Errorf("hidden: %q", got)
		}
		pass(59 * time.Second)
		if got := shows(); got != "" {
			t.Errorf("after less than a minute: %q", got)
		}
		pass(2 * time.Second)
		if got := shows(); got != "1=9💩" {
			t.Errorf("after a minute: %q", got)
		}
		cancel()
		if err := <-followed; err != nil {
			t.Error(err)
		}
	})
}

// The stream of single emojis leaves hidden ones out. When they are hidden no more, it
// sends those that the newest window had and that were never sent.
func TestHiddenSingleEmojis(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, table := newTopic(), &controls.Table{}
		in := start(t, log, fanout.Config{Controls: table})
		l := in.listen(t, "/sub1", "")
		l.hears(t, "retry:2000")
		for _, step := range []struct {
			do   func()
			want string
		}{
			{func() { log.publish(listing(1, 4, 2, "🔥", "💩")) }, "🔥 🔥 💩 💩"},
			{func() { hide(t, table, "💩") }, ""},
			{func() { log.publish(listing(1, 6, 3, "🔥", "💩")) }, "🔥"},
			{func() { log.publish(listing(2, 4, 2, "🔥", "💩")) }, "🔥 🔥"},
			{func() { table.Remove(controls.Emoji, "💩") }, "💩 💩"},
			{func() { log.publish(listing(2, 6, 3, "🔥", "💩")) }, "🔥 💩"},
		} {
			step.do()
			pass(200 * time.Millisecond)
			l.hears(t, step.want)
		}
	})
}

// A listener that has yet to take what was sent before is not sent the emoji either, and
// misses no window.
func TestHiddenFromSlowListeners(t *testing.T) {
	for _, path := range []string{"/v1/swarm", "/v1/swarm?last_event_id=0", "/sub1"} {
		t.Run(path, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log, table := newTopic(), &controls.Table{}
				if strings.Contains(path, "last") {
					log.publish(listing(1, 4, 2, "🔥", "💩"), listing(2, 4, 2, "🔥", "💩"), listing(3, 4, 2, "🔥", "💩"))
				}
				in := start(t, log, fanout.Config{Controls: table})
				slow := in.open(t, path)
				synctest.Wait()
				if !strings.Contains(path, "last") {
					log.publish(swarm(1, 1, wire.EmojiCount{Emoji: "🔥", Count: 1, Scaled: 1}))
					synctest.Wait() // this one waits for the listener
					log.publish(listing(2, 4, 2, "🔥", "💩"))
					log.publish(listing(3, 4, 2, "🔥", "💩"))
					synctest.Wait()
				}
				hide(t, table, "💩")
				pass(150 * time.Millisecond)
				go func() { pass(100 * time.Millisecond); in.stop() }()
				stream, err := io.ReadAll(bufio.NewReader(slow))
				if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Fatal(err)
				}
				text := string(stream)
				if strings.Contains(path, "last") { // the first frame was taken, and the second one offered
					_, text, _ = strings.Cut(text, "\n\n")
					_, text, _ = strings.Cut(text, "\n\n")
				}
				if strings.Contains(text, "💩") || !strings.Contains(text, "🔥") {
					t.Errorf("was sent %s", text)
				}
				for n := 2; n <= 3 && path != "/sub1"; n++ {
					if !strings.Contains(text, "id: "+strconv.Itoa(epoch+2000*n)) {
						t.Errorf("window %d is missing in %s", n, text)
					}
				}
				if n := strings.Count(text, "🔥"); path == "/sub1" && n != 5 {
					t.Errorf("%d were sent, want 5: %s", n, text)
				}
			})
		})
	}
}

// A stream with signals says what state its channel is in, when it begins and on each
// change.
func TestStateOfTheChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, table := newTopic(), &controls.Table{}
		log.publish(swarm(1, 1))
		set(t, table, controls.Control{Kind: controls.Channel, Name: "b", State: controls.Closed})
		in := start(t, log, fanout.Config{Controls: table})
		l, singles, b, plain := in.listen(t, "/v1/swarm?signals=1", ""), in.listen(t, "/sub1?signals=1", ""), in.listen(t, "/v1/swarm?channel=b&signals=1", ""), in.listen(t, "/v1/swarm", "")
		pause := controls.Control{Kind: controls.Channel, Name: "main", State: controls.Paused}
		for _, step := range []struct {
			name     string
			do       func()
			l, other string
		}{
			{"at the start", func() {}, "retry:2000 open 1=1", "retry:2000 open"},
			{"paused", func() { set(t, table, pause) }, "paused", "paused"},
			{"paused once more", func() { set(t, table, pause) }, "", ""},
			{"for another reason", func() { pause.Reason = "rain"; set(t, table, pause) }, "paused", "paused"},
			{"an emoji is hidden", func() { hide(t, table, "🔥") }, "", ""},
			{"open again", func() { table.Remove(controls.Channel, "main") }, "open", "open"},
			{"with a window", func() { set(t, table, pause); log.publish(swarm(2, 2)) }, "paused 2=2", "paused"},
		} {
			step.do()
			pass(200 * time.Millisecond)
			if got, other := l.heard(), singles.heard(); strings.Replace(got, "2=2 paused", "paused 2=2", 1) != step.l || other != step.other {
				t.Errorf("%s: heard %q and %q, want %q and %q", step.name, got, other, step.l, step.other)
			}
		}
		b.hears(t, "retry:2000 closed")
		plain.hears(t, "retry:2000 1=1 2=2")
		in.listen(t, "/v1/swarm?signals=1", "").hears(t, "retry:2000 paused 2=2")
	})
}

// The event says until when, why, and how much of a user a slowed channel takes.
func TestStateEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := &controls.Table{}
		rate, err := quota.ParseRate("30/m")
		if err != nil {
			t.Fatal(err)
		}
		set(t, table, controls.Control{Kind: controls.Channel, Name: "main", State: controls.Slowed, PerUser: rate, Until: time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC), Reason: "not so fast, \"dear\" friends"})
		in := start(t, newTopic(), fanout.Config{Controls: table})
		in.listen(t, "/v1/swarm", "") // so that the server has begun
		r := bufio.NewReader(in.open(t, "/v1/swarm?signals=1"))
		name, err := r.ReadString('\n')
		if name != "event: state\n" || err != nil {
			t.Errorf("%q, %v", name, err)
		}
		data, err := r.ReadString('\n')
		data, _ = strings.CutPrefix(data, "data: ")
		var got map[string]string
		if err := errors.Join(err, json.Unmarshal([]byte(data), &got)); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got) != `map[per_user:30/m reason:not so fast, "dear" friends state:slowed until:2000-01-01T01:00:00.000Z]` {
			t.Errorf("told %s", data)
		}
	})
}

// Whatever comes in whatever order: a screen that keeps the later of equal totals ends up
// with the newest window without what is hidden then, and one that comes back is sent all
// windows so.
func TestScreensAgreeWithTheControls(t *testing.T) {
	emojis := []string{"🔥", "💩", "🎉", "❤️"}
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			log, table := newTopic(), &controls.Table{}
			in := start(t, log, fanout.Config{Controls: table})
			screens := []func() string{in.screen(t, "/v1/swarm", "")}
			truth, hidden := map[int]wire.Swarm{}, map[string]bool{}
			for range 60 {
				switch n := random.IntN(10); {
				case n < 5:
					s := listing(1+random.IntN(5), int64(4+random.IntN(9)), 1, emojis[random.IntN(4):]...)
					log.publish(s)
					if window := int(s.Window.End-epoch) / 2000; truth[window].Total < s.Total {
						truth[window] = s
					}
				case n < 7:
					e := emojis[random.IntN(4)]
					hide(t, table, e)
					hidden[e] = true
				case n < 9:
					e := emojis[random.IntN(4)]
					table.Remove(controls.Emoji, e)
					delete(hidden, e)
				default:
					screens = append(screens, in.screen(t, "/v1/swarm", ""))
				}
				if random.IntN(2) == 0 {
					pass(time.Duration(random.IntN(150)) * time.Millisecond)
				}
			}
			var want []string
			for window := range 6 {
				if s, ok := truth[window]; ok {
					shown := fmt.Sprintf("%d=%d", window, s.Total)
					for _, e := range s.Emojis {
						if !hidden[e.Emoji] {
							shown += e.Emoji
						}
					}
					want = append(want, shown)
				}
			}
			pass(time.Second)
			if got := in.screen(t, "/v1/swarm", "0")(); got != strings.Join(want, " ") {
				t.Errorf("seed %d: replayed %q, want %q", seed, got, want)
			}
			newest := want[len(want)-1]
			for _, shows := range screens {
				if last := last(shows(), newest[:2]); last != newest {
					t.Errorf("seed %d: last shown %q, want %q", seed, last, newest)
				}
			}
		})
	}
}

// last returns the last of what a screen has shown that begins with a prefix: of equal
// totals, which grow, the later one counts.
func last(shown, prefix string) string {
	last := ""
	for s := range strings.FieldsSeq(shown) {
		if strings.HasPrefix(s, prefix) {
			last = s
		}
	}
	return last
}

// Who comes back is sent the windows again that were encoded anew, as those that have grown.
func TestHiddenFromThoseWhoComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, table := newTopic(), &controls.Table{}
		log.publish(listing(1, 9, 3, "🔥", "💩"), listing(2, 5, 3, "🔥"), listing(3, 0, 0))
		in := start(t, log, fanout.Config{Controls: table})
		in.listen(t, "/v1/swarm", strconv.Itoa(epoch+2000*3)).hears(t, "retry:2000")
		hide(t, table, "💩")
		pass(200 * time.Millisecond)
		in.listen(t, "/v1/swarm", strconv.Itoa(epoch+2000*3)).hears(t, "retry:2000 1=9*")
	})
}

// Of what a slow listener has yet to be sent, an older window stays without an id, and what
// is not kept any more is not sent if it has the emoji.
func TestHiddenFromSlowListenersFarBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, table := newTopic(), &controls.Table{}
		in := start(t, log, fanout.Config{Controls: table})
		slow := in.open(t, "/v1/swarm")
		for n := 1; n <= 70; n++ { // 64 are kept
			log.publish(listing(n, 4, 2, "🔥", "💩"))
			synctest.Wait()
		}
		log.publish(listing(69, 5, 2, "🔥", "💩"))
		synctest.Wait()
		hide(t, table, "💩")
		pass(150 * time.Millisecond)
		go func() { pass(100 * time.Millisecond); in.stop() }()
		var l listener
		var text strings.Builder
		l.read(io.TeeReader(slow, &text))
		want := "1=4 " // was offered before
		for n := 7; n <= 70; n++ {
			want += fmt.Sprintf("%d=%d ", n, map[bool]int64{true: 5, false: 4}[n == 69])
		}
		if got := strings.Join(l.got, " "); !strings.HasPrefix(got, want+"69=5* 70=4 retry:") || strings.Count(text.String(), "💩") != 1 {
			t.Errorf("was sent %s, want %s and 69 and 70 again", got, want)
		}
	})
}
