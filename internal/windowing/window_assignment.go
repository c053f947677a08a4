package windowing

import (
	"slices"

	"github.com/emostream/emostream/internal/wire"
)

// State is what decides which window the next reaction of a partition belongs to. It
// follows from the records before it and from nothing else. So everybody who reads the
// partition decides the same, whenever and however often. The states before a record and
// after it may share memory: nobody changes it.
type State struct {
	// Watermark is the greatest time of a reaction so far, without far times that were
	// not confirmed; Never if there is none. A window is open while the watermark is
	// below the window's end plus the lateness. A reset sets it back.
	Watermark int64
	// Pending is a far time that the partition's next reaction may confirm; 0: none.
	Pending int64
	// Spent are windows that are open, and in which no more reactions are counted: those
	// of far times that were not confirmed, and those that were counted in before a
	// reset. There are at most maxSpent ranges, oldest first, with other windows between.
	Spent []wire.WindowRange
	// Skipped are windows in which nothing was counted, since the watermark rose beyond
	// them to a far time: at most maxSkipped ranges. A reset opens them again.
	Skipped []wire.WindowRange
	// Reset is the offset after the record that last reset the watermark; 0: none did.
	Reset int64
}

// StateOf returns the state that a commit tells.
func StateOf(c wire.CombinerCommit) State {
	return State{Watermark: c.Watermark, Pending: c.Pending, Spent: c.Spent, Skipped: c.Skipped, Reset: c.Reset}
}

// Begin is the state before the first reaction.
func Begin() State { return State{Watermark: Never} }

// Bounds of a state, so that it fits into the metadata of a commit.
const (
	// maxSpent bounds State.Spent. While there are so many, every far time counts as
	// confirmed. A stranger who can write that many can write two in a row as well.
	maxSpent   = wire.MaxWindowRanges
	maxSkipped = 8
)

// Assign returns the end of the window that a reaction belongs to, and the state after
// it. t is the time of its record, s the state before it.
//
// A reaction belongs to the window of its time if that is open, else to the oldest open
// window. If that window is spent, it belongs to the first window after it that is not.
// late says that it is not the window of its time. A reaction without a time has that
// of the watermark, and changes nothing.
//
// A time is far if it would close the window that the watermark is in. One wrong clock
// must not close everybody's windows. So a far time does not become the watermark
// before the next reaction confirms it, that is, would not be late under it. If the
// next reaction is neither that nor late under the watermark, the far time is not
// confirmed, and its window is spent: the counting does not have to wait for it. After
// a silence the first reaction has a far time, and the second confirms it.
func (w Windows) Assign(s State, t int64) (end int64, late bool, next State) {
	if !wire.IsTime(t) {
		return w.notSpent(s, w.Of(max(s.Watermark, 0))), true, s
	}
	if s.Pending != 0 {
		s = w.resolve(s, t)
	}
	own, closed := w.Of(t), w.Closed(s.Watermark)
	end = own
	if own <= closed {
		end = closed + w.Length
	}
	end = w.notSpent(s, end)
	switch {
	case t <= s.Watermark:
	case w.isFar(s, t) && len(s.Spent) < maxSpent:
		s.Pending = t
	default:
		s = w.advance(s, t)
	}
	return end, end != own, s
}

// isFar says whether t is a far time. After nothing every time is.
func (w Windows) isFar(s State, t int64) bool {
	return s.Watermark == Never || w.Closed(t) >= w.Of(s.Watermark)
}

// isLate says whether the window of t is closed under a watermark.
func (w Windows) isLate(t, watermark int64) bool { return w.Of(t) <= w.Closed(watermark) }

// resolve decides about the pending time of a state when a reaction of time t follows.
func (w Windows) resolve(s State, t int64) State {
	pending := s.Pending
	switch {
	case !w.isLate(t, pending):
		s.Pending = 0
		return w.advance(s, pending)
	case !w.isLate(t, s.Watermark):
		s.Spent, s.Pending = w.Ahead(s), 0
	}
	return s
}

// Ahead returns the windows in which far times were counted that are not confirmed:
// those that are spent, and that of a pending time.
func (w Windows) Ahead(s State) []wire.WindowRange {
	if s.Pending == 0 {
		return s.Spent
	}
	end := w.OfPending(s)
	return w.Join(s.Spent, []wire.WindowRange{{end, end}})
}

// OfPending returns the end of the window in which the pending time was counted.
func (w Windows) OfPending(s State) int64 { return w.notSpent(s, w.Of(s.Pending)) }

// advance returns the state with a greater watermark. It forgets the spent windows that
// this closes, and notes those that the watermark skips.
func (w Windows) advance(s State, watermark int64) State {
	closed := w.Closed(watermark)
	first := w.Of(max(s.Watermark, 0)) + w.Length // nothing is counted in it or after it, but for what Spent tells
	if first <= closed {
		s.Skipped = newest(append(slices.Clip(s.Skipped), w.without(wire.WindowRange{first, closed}, w.counted(s.Spent))...))
	}
	s.Watermark = watermark
	if len(s.Spent) > 0 && s.Spent[0][0] <= closed {
		s.Spent = w.After(s.Spent, closed)
	}
	return s
}

// newest returns at most maxSkipped of the ranges, which are ordered and may be changed. It
// drops what is shorter than a later range first, the oldest before: each silence adds a
// short one, and a wrong clock a long one, which a reset needs.
func newest(ranges []wire.WindowRange) []wire.WindowRange {
	for len(ranges) > maxSkipped {
		drop, longest := len(ranges)-1, int64(-1)
		for i, r := range slices.Backward(ranges) {
			if length := r[1] - r[0]; length < longest {
				drop = i
			} else {
				longest = length
			}
		}
		ranges = slices.Delete(ranges, drop, drop+1)
	}
	return ranges
}

// counted returns the spent windows, each with the next one: a reaction that belongs to a
// spent window is counted there.
func (w Windows) counted(spent []wire.WindowRange) []wire.WindowRange {
	ranges := slices.Clone(spent)
	for i := range ranges {
		ranges[i][1] += w.Length
	}
	return ranges
}

// notSpent returns the end of the first window from end on that is not spent.
func (w Windows) notSpent(s State, end int64) int64 {
	for _, r := range s.Spent {
		if end >= r[0] && end <= r[1] {
			end = r[1] + w.Length
		}
	}
	return end
}

// IsSpent says whether the window that ends at end is spent.
func (s State) IsSpent(end int64) bool { return Contains(s.Spent, end) }
