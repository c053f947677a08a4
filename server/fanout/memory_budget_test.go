package fanout_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/fanout"
)

// fifty returns window n of a channel with fifty emojis, as an attacker can bring about.
func fifty(channel string, n int, scaled float64) wire.Swarm {
	var emojis []wire.EmojiCount
	for i := range 50 {
		emojis = append(emojis, wire.EmojiCount{Emoji: string(rune(0x1f600 + i)), Count: 1, Scaled: scaled})
	}
	return elsewhere(channel, swarm(n, 50, emojis...))
}

func channelName(i int) string { return fmt.Sprintf("channel-%d", i) }

// heap returns how many bytes of memory are in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Fifty emojis in 999 channels take no more memory than the budget, and what is counted
// is about what is taken.
func TestHubKeepsItsBudget(t *testing.T) {
	const budget = 16 << 20
	before := heap()
	h := fanout.NewHub(100, 10*time.Second, budget)
	for n := range 20 {
		for i := range 999 {
			if _, err := h.Publish(fifty(channelName(i), n, 1)); err != nil {
				t.Fatal(err)
			}
			if size := h.Size(); size > budget {
				t.Fatalf("%d bytes are counted, and %d are allowed", size, budget)
			}
		}
	}
	took := heap() - before
	if counted := h.Size(); took > budget || took < counted/2 || counted < budget*9/10 {
		t.Errorf("%d bytes were taken and %d counted, of %d", took, counted, budget)
	}
	runtime.KeepAlive(h)
}

// A hub that holds exactly its budget drops nothing, and with one byte less it drops a
// window.
func TestBudgetAtTheBound(t *testing.T) {
	fill := func(budget int64) (size int64) {
		h := fanout.NewHub(100, 10*time.Second, budget)
		for n := range 4 {
			if _, err := h.Publish(fifty("a", n, 1)); err != nil {
				t.Fatal(err)
			}
		}
		return h.Size()
	}
	whole := fill(1 << 30)
	for budget, dropped := range map[int64]bool{whole + 1: false, whole: false, whole - 1: true, 1: true} {
		if size := fill(budget); (size < whole) != dropped {
			t.Errorf("of %d bytes %d are kept with a budget of %d", whole, size, budget)
		}
	}
}

// Channels that nobody listens to, however many and however full, take no windows from a
// channel with a listener. They lose their own oldest windows first.
func TestFloodOfChannels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := start(t, newTopic(), fanout.Config{WindowBytes: 1 << 20})
		l := in.listen(t, "/v1/swarm", "")
		in.topic.publish(windowsOf(1, 64)...)
		l.hears(t, "retry:2000 "+shorts(1, 64))
		for n := 1; n <= 3; n++ {
			for i := range 300 {
				in.topic.publish(fifty(channelName(i), n, 100))
			}
			synctest.Wait()
		}
		if got := in.metric(t, "window_bytes"); got > 1<<20 {
			t.Errorf("%v bytes are taken", got)
		}
		in.listen(t, "/v1/swarm", "0").hears(t, "retry:2000 "+shorts(1, 64))
		in.listen(t, "/v1/swarm?channel="+channelName(299), "0").heardLast(t, "3=50")
		in.listen(t, "/v1/swarm?channel="+channelName(0), "0").hears(t, "retry:2000")
		in.topic.publish(fifty(channelName(0), 4, 100))
		in.listen(t, "/v1/swarm?channel="+channelName(0), "0").hears(t, "retry:2000 4=50")
	})
}

// Even if all channels have listeners and too much to hold, each has its newest window,
// and its listeners are sent it.
func TestFloodOfChannelsWithListeners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := start(t, newTopic(), fanout.Config{WindowBytes: 100 << 10})
		var listeners []*listener
		for i := range 50 {
			listeners = append(listeners, in.listen(t, "/v1/swarm?channel="+channelName(i), ""))
		}
		for n := 1; n <= 5; n++ {
			for i := range 50 {
				in.topic.publish(fifty(channelName(i), n, 1))
			}
			synctest.Wait()
		}
		for i, l := range listeners {
			l.hears(t, "retry:2000 1=50 2=50 3=50 4=50 5=50")
			in.listen(t, "/v1/swarm?channel="+channelName(i), "0").heardLast(t, "5=50")
		}
	})
}

// An attacker with a listener in each of his channels takes no windows from a channel
// that many listen to.
func TestFloodOfChannelsWithAListenerEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := start(t, newTopic(), fanout.Config{WindowBytes: 512 << 10})
		for range 5 {
			in.listen(t, "/v1/swarm", "")
		}
		for i := range 20 {
			in.listen(t, "/v1/swarm?channel="+channelName(i), "")
		}
		in.topic.publish(windowsOf(1, 64)...)
		for n := 1; n <= 20; n++ {
			for i := range 20 {
				in.topic.publish(fifty(channelName(i), n, 1))
			}
			synctest.Wait()
		}
		in.listen(t, "/v1/swarm", "0").hears(t, "retry:2000 "+shorts(1, 64))
		if got := in.metric(t, "window_bytes"); got > 512<<10 {
			t.Errorf("%v bytes are taken", got)
		}
	})
}

// A server that starts again reads its topic, and keeps within its budget then, too.
func TestRestartKeepsTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := newTopic()
		for n := 1; n <= 20; n++ {
			for i := range 100 {
				log.publish(fifty(channelName(i), n, 10))
			}
		}
		in := start(t, log, fanout.Config{WindowBytes: 2 << 20})
		synctest.Wait()
		if got := in.metric(t, "window_bytes"); got > 2<<20 || got < 1<<20 || in.Ready() != nil {
			t.Errorf("%v bytes are taken, ready: %v", got, in.Ready())
		}
		in.listen(t, "/v1/swarm?channel="+channelName(99), "0").heardLast(t, "20=50")
	})
}

// Of channels without listeners, 4,096 are kept, those that had a swarm last.
func TestChannelsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := start(t, newTopic(), fanout.Config{WindowBytes: 1 << 40})
		heard := in.listen(t, "/v1/swarm?channel=heard", "")
		in.topic.publish(elsewhere("heard", swarm(1, 1)))
		for i := range 4097 {
			in.topic.publish(elsewhere(channelName(i), swarm(1, 1)))
		}
		heard.hears(t, "retry:2000 1=1")
		for i, want := range map[int]string{0: "", 1: " 1=1", 4096: " 1=1"} {
			in.listen(t, "/v1/swarm?channel="+channelName(i), "").hears(t, "retry:2000"+want)
		}
	})
}

// A window that was dropped for want of memory is not shown again when publish sends it
// once more.
func TestDroppedWindowsStayAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := start(t, newTopic(), fanout.Config{WindowBytes: 20 << 10})
		l := in.listen(t, "/v1/swarm", "")
		for n := 1; n <= 9; n++ {
			in.topic.publish(fifty(wire.MainChannel, n, 1))
		}
		l.heardLast(t, "9=50")
		in.topic.publish(fifty(wire.MainChannel, 1, 1))
		l.hears(t, "")
	})
}

// A record that is larger than any swarm is passed over, and told once a second.
func TestHugeSwarms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := start(t, newTopic(), fanout.Config{})
		in.client.Transport = in.bare // no emoji has half a mebibyte
		l := in.listen(t, "/v1/swarm", "")
		of := func(n, bytes int) wire.Swarm {
			s := swarm(n, 1, wire.EmojiCount{Emoji: "x"})
			s.Emojis[0].Emoji += strings.Repeat("x", bytes-len(encode(s)))
			return s
		}
		in.topic.publish(of(1, 512<<10), of(2, 512<<10+1), of(3, 512<<10-1))
		l.hears(t, "retry:2000 1=1 3=1")
		if got := in.metric(t, "skipped_records_total"); got != 1 {
			t.Errorf("%v records were passed over", got)
		}
	})
}

// heardLast fails unless the last frame that has come is the wanted one.
func (l *listener) heardLast(t *testing.T, want string) {
	t.Helper()
	if got := l.heard(); !strings.HasSuffix(" "+got, " "+want) {
		t.Errorf("heard %q, want %q at last", got, want)
	}
}

// What is kept so that hidden emojis can be shown again counts, too.
func TestBudgetWithHiddenEmojis(t *testing.T) {
	hidden := map[string]bool{string(rune(0x1f600)): true}
	fill := func(budget int64) *fanout.Hub {
		h := fanout.NewHub(100, 10*time.Second, budget)
		for n := range 8 {
			if _, err := h.Publish(fifty("a", n, 1)); err != nil {
				t.Fatal(err)
			}
		}
		return h
	}
	h := fill(1 << 30)
	before := h.Size()
	h.Hide(hidden, func() {})
	whole := h.Size()
	if whole < before*4/3 {
		t.Errorf("%d bytes, and %d with one emoji hidden", before, whole)
	}
	h.Hide(nil, func() {})
	if again := h.Size(); again > whole*4/5 {
		t.Errorf("%d bytes with one emoji hidden, and %d after it was shown again", whole, again)
	}
	h = fill(before)
	h.Hide(hidden, func() {})
	if size := h.Size(); size > before || size < before/2 {
		t.Errorf("%d bytes are kept of %d, and %d are allowed", size, whole, before)
	}
}
