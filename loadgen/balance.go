package loadgen

import (
	"cmp"
	"slices"
	"time"

	"github.com/emostream/emostream/loadgen/report"
)

// cell is one emoji in one window.
type cell struct {
	end   int64 // of the window, Unix ms
	emoji int   // index into the emojis of the run
}

// balance is the result of comparing what was acknowledged with what listeners were
// shown.
type balance struct {
	counted, lost, doubled, shifted int64
	lostAtMost, doubledAtMost       int64
	unbalanced                      []cell // the cells whose counts differ, in order
}

// balanceOf compares the counts of each emoji separately, window by window in order.
// Reactions that are missing in a window may be counted in a later one, as late
// reactions are: they are shifted. Those that are missing in the end are lost.
// Reactions that are counted beyond that are doubled, minus as many as are in doubt,
// since those may be counted in any window or in none.
//
// For the same reason both are least numbers. If all that are in doubt were counted, as
// many more of their emoji may have been lost, and if none was, the whole surplus is
// doubled.
func balanceOf(accepted, counted map[cell]int64, inDoubt map[int]int64) balance {
	var b balance
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
		return cmp.Or(cmp.Compare(x.end, y.end), cmp.Compare(x.emoji, y.emoji))
	})
	missing, surplus := map[int]int64{}, map[int]int64{}
	for _, c := range order {
		more := counted[c] - accepted[c]
		if more == 0 {
			continue
		}
		b.unbalanced = append(b.unbalanced, c)
		if more < 0 {
			missing[c.emoji] -= more
			continue
		}
		moved := min(more, missing[c.emoji])
		missing[c.emoji] -= moved
		b.shifted += moved
		surplus[c.emoji] += more - moved
	}
	sum := map[int]int64{}
	for c, n := range accepted {
		sum[c.emoji] += n
	}
	for emoji, n := range sum {
		b.lost += missing[emoji]
		b.lostAtMost += min(n, missing[emoji]+inDoubt[emoji])
	}
	for emoji, n := range surplus {
		b.doubled += max(0, n-inDoubt[emoji])
		b.doubledAtMost += n
	}
	return b
}

// maxWindows is how many windows a report lists.
const maxWindows = 100

// windows returns the first maxWindows windows and emojis that do not balance, for a
// report.
func (b balance) windows(accepted, counted map[cell]int64, emojis []string) []report.WindowBalance {
	out := []report.WindowBalance{}
	for _, c := range b.unbalanced[:min(len(b.unbalanced), maxWindows)] {
		name := "?"
		if c.emoji < len(emojis) {
			name = emojis[c.emoji]
		}
		out = append(out, report.WindowBalance{End: time.UnixMilli(c.end).UTC(), Emoji: name, Accepted: accepted[c], Counted: counted[c]})
	}
	return out
}
