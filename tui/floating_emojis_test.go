package tui_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/tui"
)

// floatingCounts returns how many of each emoji are on a field of 60x20 after 8 s at
// constant rates.
func floatingCounts(rates []tui.RiseRate) map[string]int {
	f := tui.Floating{}.SetRates(rates)
	for range 8 * 30 {
		f = f.Step(time.Second/30, 60*20)
	}
	count := map[string]int{}
	for _, l := range f.Draw(60, 20, 1, func(e string) string { return e }) {
		for _, c := range strings.ReplaceAll(l, " ", "") {
			count[string(c)]++
		}
	}
	return count
}

// The number of emojis follows the rates, keeps their proportions, and is bounded.
func TestFloatingFollowsRates(t *testing.T) {
	few, some, many := floatingCounts([]tui.RiseRate{{Emoji: "a", PerSecond: 1}})["a"], floatingCounts([]tui.RiseRate{{Emoji: "a", PerSecond: 10}})["a"], floatingCounts([]tui.RiseRate{{Emoji: "a", PerSecond: 1e9}})["a"]
	if few == 0 || few >= some || some >= many || many > 60*20/7+1 {
		t.Errorf("1/s shows %d, 10/s %d, and a billion %d of 1200 cells", few, some, many)
	}
	both := floatingCounts([]tui.RiseRate{{Emoji: "a", PerSecond: 3000}, {Emoji: "b", PerSecond: 1000}})
	if share := float64(both["a"]) / float64(both["b"]); share < 2 || share > 4 {
		t.Errorf("of 3 to 1 there are %v", both)
	}
	if none := floatingCounts([]tui.RiseRate{{Emoji: "a", PerSecond: math.NaN()}, {Emoji: "b", PerSecond: -5}, {Emoji: "c", PerSecond: math.Inf(1)}}); len(none) > 0 {
		t.Errorf("rates that are none show %v", none)
	}
}

// When rates fall to 0, the emojis fade out, and then nothing moves.
func TestFloatingFadesOut(t *testing.T) {
	f := tui.Floating{}.SetRates([]tui.RiseRate{{Emoji: "a", PerSecond: 50}})
	for range 60 {
		f = f.Step(time.Second/30, 1200)
	}
	if f = f.SetRates(nil); !f.Moving() {
		t.Fatal("it stops at once")
	}
	for range 30 * 20 {
		f = f.Step(time.Second/30, 1200)
	}
	if f.Moving() {
		t.Error("it still moves after 20 s")
	}
}

// A single reaction or tap is shown at once.
func TestFloatingShowsSingleReaction(t *testing.T) {
	for name, f := range map[string]tui.Floating{
		"a rate":     tui.Floating{}.SetRates([]tui.RiseRate{{Emoji: "a", PerSecond: 0.5}}),
		"a tap":      tui.Floating{}.Launch("a", 0.5),
		"a tap, off": tui.Floating{}.Launch("a", -1),
	} {
		f = f.Step(time.Second/30, 1200).Step(time.Second/30, 1200)
		if all := strings.Join(f.Draw(60, 20, 1, func(e string) string { return e }), ""); strings.Count(all, "a") != 1 {
			t.Errorf("%s: the field shows %q", name, strings.TrimSpace(all))
		}
	}
}

// The field always has exactly its size, after any change of size and any step of time.
func TestFloatingField(t *testing.T) {
	f := tui.Floating{}.SetRates([]tui.RiseRate{{Emoji: "🔥", PerSecond: 500}})
	for i, size := range [][2]int{{0, 0}, {1, 1}, {2, 1}, {3, 2}, {60, 20}, {7, 30}, {200, 1}} {
		f = f.Step(time.Duration(i*i)*time.Second, size[0]*size[1]).Step(-time.Second, 5)
		lines := f.Draw(size[0], size[1], 2, func(string) string { return "##" })
		if len(lines) != size[1] {
			t.Errorf("%v: %d lines", size, len(lines))
		}
		for _, l := range lines {
			if len(l) != size[0] {
				t.Errorf("%v: a line of %d", size, len(l))
			}
		}
	}
}

// Memory is bounded for any rates of any number of emojis.
func TestFloatingIsBounded(t *testing.T) {
	f := tui.Floating{}
	for i := range 3000 {
		f = f.Launch("x", 0.5).SetRates([]tui.RiseRate{{Emoji: fmt.Sprint(i), PerSecond: 1e6}})
		if i%10 == 0 {
			f = f.Step(time.Millisecond, 1e9)
		}
	}
	cells := 0
	f.Draw(1000, 1000, 1, func(string) string { cells++; return "x" })
	if cells > 400 {
		t.Errorf("%d float", cells)
	}
}
