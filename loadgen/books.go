package loadgen

import (
	"cmp"
	"slices"
	"time"

	"github.com/emostream/emostream/loadgen/report"
)

// cell is one emoji in one window.
type cell struct {
	end  int64 // of the window, Unix ms
	kind int   // of emoji
}

// books compare what was acknowledged with what was shown.
type books struct {
	counted, lost, doubled, shifted int64
	off                             []cell // that do not balance, in order
}

// balance settles each emoji by itself, going through its windows in order. What
// is missing in one may have been counted in a later one, which is where a late
// record goes: that is shifted. What is still missing in the end is lost, and what
// nothing was missing for is doubled, as far as it cannot be one of the reactions
// in doubt, of which nobody knows whether and when they were counted.
func balance(accepted, counted map[cell]int64, inDoubt map[int]int64) books {
	var b books
	cells := map[cell]bool{}
	for c := range accepted {
		cells[c] = true
	}
	for c, n := range counted {
		cells[c] = true
		b.counted += n
	}
	order := make([]cell, 0, len(cells))
	for c := range cells {
		order = append(order, c)
	}
	slices.SortFunc(order, func(x, y cell) int {
		return cmp.Or(cmp.Compare(x.end, y.end), cmp.Compare(x.kind, y.kind))
	})
	missing, surplus := map[int]int64{}, map[int]int64{}
	for _, c := range order {
		more := counted[c] - accepted[c]
		if more == 0 {
			continue
		}
		b.off = append(b.off, c)
		if more < 0 {
			missing[c.kind] -= more
			continue
		}
		moved := min(more, missing[c.kind])
		missing[c.kind] -= moved
		b.shifted += moved
		surplus[c.kind] += more - moved
	}
	for _, n := range missing {
		b.lost += n
	}
	for kind, n := range surplus {
		b.doubled += max(0, n-inDoubt[kind])
	}
	return b
}

// mostWindows bounds the windows that a report names.
const mostWindows = 100

// windows lists what does not balance, the first of it.
func (b books) windows(accepted, counted map[cell]int64, emojis []string) []report.WindowBooks {
	out := []report.WindowBooks{}
	for _, c := range b.off[:min(len(b.off), mostWindows)] {
		name := "?"
		if c.kind < len(emojis) {
			name = emojis[c.kind]
		}
		out = append(out, report.WindowBooks{End: time.UnixMilli(c.end).UTC(), Emoji: name, Accepted: accepted[c], Counted: counted[c]})
	}
	return out
}
