package tui

import (
	"cmp"
	"slices"

	"github.com/emostream/emostream/internal/wire"
)

// Bounds of a WindowHistory.
const (
	maxWindows = 256 // most windows kept
	maxMissing = 256 // most ends of missing windows kept
)

// WindowHistory holds the recent windows of a channel, for each the swarm with the
// greatest total, the later one of equals, and the windows that should have come but did
// not.
type WindowHistory struct {
	swarms    []wire.Swarm // ordered by window end, the oldest first
	missing   []int64      // the ends of missing windows
	forgotten int          // how many more windows were missing whose ends are no longer kept
}

// Add returns the history with a swarm added. It returns false if the swarm changes
// nothing, because a greater total is known of its window or the swarm itself is, or
// because its window is older than all that are kept. Of equal totals the later swarm
// counts: an emoji is hidden in it, or is hidden no more.
func (h WindowHistory) Add(s wire.Swarm) (WindowHistory, bool) {
	s.Emojis = s.Emojis[:min(len(s.Emojis), wire.DefaultTop)]
	at, found := slices.BinarySearchFunc(h.swarms, s.Window.End, func(s wire.Swarm, end int64) int { return cmp.Compare(s.Window.End, end) })
	switch {
	case found && (s.Total < h.swarms[at].Total || s.Total == h.swarms[at].Total && slices.Equal(s.Emojis, h.swarms[at].Emojis)):
		return h, false
	case found:
		h.swarms = slices.Clone(h.swarms)
		h.swarms[at] = s
		return h, true
	case at == 0 && len(h.swarms) == maxWindows:
		return h, false
	}
	if at == len(h.swarms) {
		h = h.noteMissing(s.Window)
	}
	h.missing = slices.DeleteFunc(slices.Clone(h.missing), func(end int64) bool { return end == s.Window.End })
	h.swarms = slices.Insert(slices.Clone(h.swarms), at, s)
	h.swarms = h.swarms[max(0, len(h.swarms)-maxWindows):]
	return h, true
}

// noteMissing notes the windows between the newest window and w as missing. Every
// window with reactions is followed by another window, which is empty if the channel
// falls silent. After an empty window, none is missing.
func (h WindowHistory) noteMissing(w wire.Window) WindowHistory {
	last, ok := h.Newest()
	length := w.End - w.Start
	if !ok || last.Total == 0 || last.Window.End-last.Window.Start != length {
		return h
	}
	n := (w.Start - last.Window.End) / length
	first := max(0, n-maxMissing)
	h.forgotten += int(first)
	h.missing = slices.Clone(h.missing)
	for i := first; i < n; i++ {
		h.missing = append(h.missing, last.Window.End+(i+1)*length)
	}
	if more := len(h.missing) - maxMissing; more > 0 {
		h.forgotten += more
		h.missing = h.missing[more:]
	}
	return h
}

// Gaps returns how many windows should have come but did not.
func (h WindowHistory) Gaps() int { return h.forgotten + len(h.missing) }

// Newest returns the newest window, and false if there is none.
func (h WindowHistory) Newest() (wire.Swarm, bool) {
	if len(h.swarms) == 0 {
		return wire.Swarm{}, false
	}
	return h.swarms[len(h.swarms)-1], true
}

// Ending returns the window that ends at end, in ms, and false if it is not known.
func (h WindowHistory) Ending(end int64) (wire.Swarm, bool) {
	at, ok := slices.BinarySearchFunc(h.swarms, end, func(s wire.Swarm, end int64) int { return cmp.Compare(s.Window.End, end) })
	if !ok {
		return wire.Swarm{}, false
	}
	return h.swarms[at], true
}

// Containing returns the window that contains the time at, in ms, and false if it is
// not known.
func (h WindowHistory) Containing(at int64) (wire.Swarm, bool) {
	for _, s := range slices.Backward(h.swarms) {
		if s.Window.Start <= at && at < s.Window.End {
			return s, true
		}
		if s.Window.End <= at {
			break
		}
	}
	return wire.Swarm{}, false
}

// Totals returns the totals of n successive windows. The last one is the newest window,
// or a later one that has ended by until. A window that is not known counts 0.
func (h WindowHistory) Totals(until int64, n int) []float64 {
	newest, ok := h.Newest()
	if !ok || n < 1 {
		return nil
	}
	length := newest.Window.End - newest.Window.Start
	end := newest.Window.End + max(0, until-newest.Window.End)/length*length
	totals := make([]float64, n)
	for _, s := range h.swarms {
		if back := (end - s.Window.End) / length; back >= 0 && back < int64(n) {
			totals[n-1-int(back)] = float64(s.Total)
		}
	}
	return totals
}
