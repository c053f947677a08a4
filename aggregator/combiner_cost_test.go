package aggregator_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// reactions returns the values of n records with thirty emojis. Four of five are in the
// main channel, the others in three more.
func reactions(n int) [][]byte {
	emojis := strings.Fields("🔥 😂 👍 🎉 💯 😮 😢 🚀 💖 😀 😃 😄 😁 😆 😅 🤣 😊 😇 🙂 🙃 😉 😌 😍 🥰 😘 😗 😙 😚 😋 😛")
	values := make([][]byte, n)
	for i := range values {
		r := wire.Reaction{
			UserID:    fmt.Sprintf("user_%08x", i*2654435761%(1<<32)),
			Emoji:     emojis[i*i%97%len(emojis)],
			Timestamp: time.UnixMilli(int64(i)).UTC().Format(wire.TimeFormat),
		}
		if i%5 == 0 {
			r.Channel = fmt.Sprintf("room-%d", i%15)
		}
		values[i] = wire.AppendReaction(nil, r)
	}
	return values
}

func TestAddAllocatesNothing(t *testing.T) {
	c, values, offset := newCombiner(t, 1), reactions(1000), int64(0)
	add := func() {
		for i, v := range values {
			if err := c.Add(stream.Record{Offset: offset, Time: int64(i), Value: v}, 0); err != nil {
				t.Fatal(err)
			}
			offset++
		}
	}
	if n := testing.AllocsPerRun(10, add); n > 0 {
		t.Errorf("%d records of windows, channels and emojis that are known cost %v allocations", len(values), n)
	}
}

// BenchmarkAdd measures Add for one record. Every window has 10,000 of them, and is
// emitted and closed in time.
func BenchmarkAdd(b *testing.B) {
	c, values, offset := newCombiner(b, 1), reactions(10_000), int64(0)
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Add(stream.Record{Offset: offset, Time: offset / 5, Value: values[offset%int64(len(values))]}, 0); err != nil {
			b.Fatal(err)
		}
		if offset++; offset%10_000 == 0 {
			e, _ := c.Due(offset / 5)
			c.Confirm(e)
		}
	}
	b.ReportMetric(float64(len(values[1])), "B/value")
}

// A combiner forgets closed windows, so that its memory does not grow.
func TestCombinerLetsClosedWindowsGo(t *testing.T) {
	c, values := newCombiner(t, 1), reactions(100)
	for w := range int64(1000) {
		for i, v := range values {
			add(t, c, c.Position(), w*2000+int64(i), v)
		}
		e, _ := c.Due(w*2000 + 2000)
		c.Confirm(e)
		if n := c.Open(); n > 6 {
			t.Fatalf("%d windows are open after %d of them, want those of the last 10 seconds", n, w+1)
		}
	}
}
