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

// unlisted stands for the emojis of reactions that a swarm has in its total and does not
// list: a manager has hidden their emoji, or more emojis were sent than a swarm lists.
const unlisted = -1

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
	unlisted                        int64  // of those that are counted, of emojis that were not listed
	unbalanced                      []cell // the cells whose counts differ, in order
}

// balanceOf compares the counts of each emoji in each channel separately, window by
// window in order. Reactions that are missing in a window may be counted in a later one, as late
// reactions are: they are shifted. Those that are missing in the end are lost.
// Reactions that are counted beyond that are doubled, minus as many as are in doubt,
// since those may be counted in any window or in none.
//
// Reactions of emojis that were not listed may be any of the channel's that are missing, or
// any that are in doubt; those beyond that are doubled.
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
	hidden := map[int]int64{} // by channel: reactions of emojis that were not listed
	for _, c := range order {
		if c.emoji == unlisted {
			b.unlisted += counted[c]
			hidden[c.channel] += counted[c]
			continue
		}
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
	for channel, n := range hidden {
		b.placeUnlisted(channel, n, sum, missing, surplus, inDoubt)
	}
	return b
}

// placeUnlisted takes n reactions of a channel whose emojis were not listed for those that
// are missing in it, or in doubt. The maps say of each kind how many were accepted, are
// missing, are more than were accepted, and are in doubt.
func (b *balance) placeUnlisted(channel int, n int64, accepted, missing, surplus, inDoubt map[reactionKind]int64) {
	var sent, lost, atMost, doubt, doubtLeft int64
	for kind, n := range accepted {
		if kind.channel == channel {
			sent += n
			lost += missing[kind]
			atMost += min(n, missing[kind]+inDoubt[kind])
		}
	}
	for kind, n := range inDoubt {
		if kind.channel == channel {
			doubt += n
			doubtLeft += max(0, n-surplus[kind])
		}
	}
	filled := min(n, lost)
	b.lost -= filled
	b.lostAtMost += min(sent, max(0, lost+doubt-n)) - atMost
	b.doubled += max(0, n-filled-doubtLeft)
	b.doubledAtMost += n - filled
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
