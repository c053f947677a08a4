package publisher_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/publisher"
)

// heart is as serve records it, bare as Flask does when a client has sent it so.
const heart, bare = "❤\ufe0f", "❤"

// Each spelling of an emoji has its own greatest count. A swarm has their sum.
func TestMergerAddsSpellings(t *testing.T) {
	m := newMerger(t, publisher.Config{Top: 3})
	read(t, m, 2100, count(2000, "main", bare, 5), count(2000, "main", heart, 7), count(2000, "main", ":heart:", 1), count(2000, "main", "🔥", 12, "complete=4"))
	sent(t, m, 2100, "2000 main 25: "+heart+"13 🔥12")

	read(t, m, 2200, count(2000, "main", bare, 6), count(2000, "main", heart, 4, "complete=2")) // one grew, the other is an old count
	sent(t, m, 2200, "2000 main 26: "+heart+"14 🔥12")
	read(t, m, 2200, count(2000, "main", bare, 6), count(2000, "main", heart, 7))
	sent(t, m, 2600)

	read(t, m, 2700, count(2000, "a", "👍", 1), count(2000, "a", "👍🏽", 2), count(2000, "a", "x", 3), count(2000, "a", "X", 3, "complete=4"))
	sent(t, m, 2700, "2000 a 9: X3 x3 👍🏽2") // a tone is another emoji, and what is none is as it came

	read(t, m, 2800, count(2000, "b", bare, 1, "complete=1"))
	sent(t, m, 2800, "2000 b 1: "+heart+"1")
	sent(t, m, 5000, "4000 a 0:", "4000 b 0:", "4000 main 0:")
}

// The scaled counts of spellings are added, so that the Python system's stream repeats an
// emoji as often as both together say.
func TestMergerAddsScaledCounts(t *testing.T) {
	m := newMerger(t, publisher.Config{})
	read(t, m, 2100, count(2000, "main", bare, 701), count(2000, "main", heart, 299, "complete=2"))
	e, _ := m.Due(2100)
	want := []wire.Swarm{{
		Channel: "main", Window: wire.Window{Start: 0, End: 2000}, Total: 1000,
		Emojis: []wire.EmojiCount{{Emoji: heart, Count: 1000, Scaled: 100}},
	}}
	if diff := cmp.Diff(want, e.Swarms); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Who goes on from a commit adds the same spellings up again.
func TestMergerAddsSpellingsAfterARestart(t *testing.T) {
	log := []stream.Record{count(2000, "main", bare, 5), count(2000, "main", heart, 7, "complete=2")}
	m := newMerger(t, publisher.Config{})
	read(t, m, 2100, log...)
	confirm(m, 2100)
	m, err := publisher.NewMerger(publisher.Config{}, m.Commit(), 0)
	if err != nil {
		t.Fatal(err)
	}
	read(t, m, 2200, log...)
	read(t, m, 2200, count(2000, "main", heart, 8, "complete=2"))
	sent(t, m, 2200, "2000 main 13: "+heart+"13")
}
