package tui_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/tui"
)

// Swarms that arrive in any order lead to the right windows and gaps.
func TestWindowHistory(t *testing.T) {
	type came struct {
		n     int
		total int64
	}
	for name, test := range map[string]struct {
		came   []came
		gaps   int
		totals []float64 // of the last four windows until the 6th
		newest int64
	}{
		"nothing":                 {nil, 0, nil, 0},
		"one after the other":     {[]came{{4, 4}, {5, 5}, {6, 6}}, 0, []float64{0, 4, 5, 6}, 6},
		"one is missing":          {[]came{{3, 3}, {4, 4}, {6, 6}}, 1, []float64{3, 4, 0, 6}, 6},
		"it comes later":          {[]came{{3, 3}, {4, 4}, {6, 6}, {5, 5}}, 0, []float64{3, 4, 5, 6}, 6},
		"silence is no gap":       {[]came{{3, 3}, {4, 0}, {6, 6}}, 0, []float64{3, 0, 0, 6}, 6},
		"silence that began":      {[]came{{3, 3}, {4, 0}}, 0, []float64{3, 0, 0, 0}, 0},
		"one grows":               {[]came{{5, 1}, {6, 6}, {5, 9}}, 0, []float64{0, 0, 9, 6}, 6},
		"one does not shrink":     {[]came{{5, 9}, {6, 6}, {5, 1}}, 0, []float64{0, 0, 9, 6}, 6},
		"an older one is no gap":  {[]came{{6, 6}, {3, 3}}, 0, []float64{3, 0, 0, 6}, 6},
		"years are missing":       {[]came{{1, 1}, {100_000_006, 6}}, 100_000_004, []float64{0, 0, 0, 6}, 6},
		"a window again, unaware": {[]came{{6, 6}, {6, 6}}, 0, []float64{0, 0, 0, 6}, 6},
	} {
		t.Run(name, func(t *testing.T) {
			var h tui.WindowHistory
			for _, c := range test.came {
				h, _ = h.Add(swarm(c.n, emojiCount("🔥", c.total)))
			}
			if h.Gaps() != test.gaps {
				t.Errorf("%d gaps, want %d", h.Gaps(), test.gaps)
			}
			if diff := cmp.Diff(test.totals, h.Totals(swarm(6).Window.End, 4)); diff != "" {
				t.Errorf("totals (-want +got):\n%s", diff)
			}
			if newest, _ := h.Newest(); newest.Total != test.newest {
				t.Errorf("the newest has %d, want %d", newest.Total, test.newest)
			}
		})
	}
}

// Of equal totals the later swarm counts, since an emoji is hidden in it.
func TestWindowHistoryWithoutHiddenEmojis(t *testing.T) {
	whole := swarm(1, emojiCount("🔥", 3), emojiCount("💩", 2))
	hidden := whole
	hidden.Emojis = whole.Emojis[:1]
	var h tui.WindowHistory
	for i, step := range []struct {
		came  wire.Swarm
		added bool
	}{{whole, true}, {whole, false}, {hidden, true}, {hidden, false}, {swarm(1, emojiCount("🔥", 4)), false}, {whole, true}} {
		var added bool
		if h, added = h.Add(step.came); added != step.added {
			t.Errorf("step %d: added %v", i, added)
		}
		if newest, _ := h.Newest(); added && len(newest.Emojis) != len(step.came.Emojis) {
			t.Errorf("step %d: %v", i, newest)
		}
	}
}

// A history is bounded and keeps the newest windows.
func TestWindowHistoryKeepsNewest(t *testing.T) {
	var h tui.WindowHistory
	for n := range 3000 {
		if n%3 != 0 {
			h, _ = h.Add(swarm(n, emojiCount("🔥", int64(n))))
		}
	}
	if _, ok := h.Ending(swarm(100).Window.End); ok {
		t.Error("the 100th of 3000 windows is remembered")
	}
	if s, ok := h.Ending(swarm(2999).Window.End); !ok || s.Total != 2999 {
		t.Error("the last of 3000 windows is not remembered")
	}
	if h.Gaps() != 999 {
		t.Errorf("%d gaps, want 999", h.Gaps())
	}
	if _, news := h.Add(swarm(1, emojiCount("🔥", 9))); news {
		t.Error("a window of before all that is kept is news")
	}
	many := make([]wire.EmojiCount, 10_000)
	for i := range many {
		many[i] = emojiCount("🔥", 1)
	}
	if h, _ = h.Add(wire.Swarm{Window: swarm(3001).Window, Total: 10_000, Emojis: many}); true {
		if s, _ := h.Newest(); len(s.Emojis) > wire.DefaultTop {
			t.Errorf("%d emojis of a window are kept", len(s.Emojis))
		}
	}
}

func TestWindowHistoryContaining(t *testing.T) {
	var h tui.WindowHistory
	for _, n := range []int{2, 3, 5} {
		h, _ = h.Add(swarm(n, emojiCount("🔥", int64(n))))
	}
	for name, test := range map[string]struct {
		at   int64 // ms after noon
		want int64 // total; 0: none
	}{
		"before all": {1999, 0}, "the first ms": {2000, 2}, "the last ms": {3999, 2}, "the next": {4000, 3},
		"in a gap": {6500, 0}, "in the newest": {8000, 5}, "after all": {10_000, 0},
	} {
		if s, ok := h.Containing(noon.UnixMilli() + test.at); s.Total != test.want || ok != (test.want > 0) {
			t.Errorf("%s: %d, %t", name, s.Total, ok)
		}
	}
}
