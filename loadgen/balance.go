package loadgen

import (
	"cmp"
	"slices"
	"time"

	"github.com/emostream/emostream/loadgen/report"
)

// reactionKind is what counts are kept by in each window: an emoji in a channel, both as
// indices into those of the run.
type reactionKind struct{ channel, emoji int }

// cell is one kind of reaction in one window.
type cell struct {
	end int64 // of the window, Unix ms
	reactionKind
}

// balance is the result of comparing what was acknowledged with what listeners were
// shown.
type balance struct {
	counted, lost, doubled, shifted int64
	lostAtMost, doubledAtMost       int64
	unbalanced                      []cell // the cells whose counts differ, in order
}

// balanceOf compares the counts of each emoji in each channel separately, window by
// window in order. Reactions that are missing in a window may be counted in a later one, as late
// reactions are: they are shifted. Those that are missing in the end are lost.
// Reactions that are counted beyond that are doubled, minus as many as are in doubt,
// since those may be counted in any window or in none.
//
// For the same reason both are least numbers. If all that are in doubt were counted, as
// many more of their kind may have been lost, and if none was, the whole surplus is
// doubled.
func balanceOf(accepted, counted map[cell]int64, inDoubt map[reactionKind]int64) balance {
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
		return cmp.Or(cmp.Compare(x.end, y.end), cmp.Compare(x.channel, y.channel), cmp.Compare(x.emoji, y.emoji))
	})
	missing, surplus := map[reactionKind]int64{}, map[reactionKind]int64{}
	for _, c := range order {
		more := counted[c] - accepted[c]
		if more == 0 {
			continue
		}
		b.unbalanced = append(b.unbalanced, c)
		if more < 0 {
			missing[c.reactionKind] -= more
			continue
		}
		moved := min(more, missing[c.reactionKind])
		missing[c.reactionKind] -= moved
		b.shifted += moved
		surplus[c.reactionKind] += more - moved
	}
	sum := map[reactionKind]int64{}
	for c, n := range accepted {
		sum[c.reactionKind] += n
	}
	for kind, n := range sum {
		b.lost += missing[kind]
		b.lostAtMost += min(n, missing[kind]+inDoubt[kind])
	}
	for kind, n := range surplus {
		b.doubled += max(0, n-inDoubt[kind])
		b.doubledAtMost += n
	}
	return b
}

// maxWindows is how many windows a report lists.
const maxWindows = 100

// windows returns the first maxWindows windows and emojis that do not balance, for a
// report. A run with one channel does not name it.
func (b balance) windows(accepted, counted map[cell]int64, channels, emojis []string) []report.WindowBalance {
	out := []report.WindowBalance{}
	for _, c := range b.unbalanced[:min(len(b.unbalanced), maxWindows)] {
		name := "?"
		if c.emoji < len(emojis) {
			name = emojis[c.emoji]
		}
		w := report.WindowBalance{End: time.UnixMilli(c.end).UTC(), Emoji: name, Accepted: accepted[c], Counted: counted[c]}
		if len(channels) > 1 {
			w.Channel = channels[c.channel]
		}
		out = append(out, w)
	}
	return out
}
