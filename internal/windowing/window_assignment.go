package windowing

import "slices"

// State is what decides which window the next reaction of a partition belongs to. It
// follows from the reactions before it and from nothing else. So everybody who reads
// the partition decides the same, whenever and however often. The states before a
// reaction and after it may share memory: nobody changes it.
type State struct {
	// Watermark is the greatest time of a reaction so far, without far times that were
	// not confirmed; Never if there is none. A window is open while the watermark is
	// below the window's end plus the lateness.
	Watermark int64
	// Pending is a far time that the partition's next reaction may confirm; 0: none.
	Pending int64
	// Spent are the ends of the windows of far times that were not confirmed. No more
	// reactions are counted in them. There are at most maxSpent, and all are open.
	Spent []int64
}

// Begin is the state before the first reaction.
func Begin() State { return State{Watermark: Never} }

// maxSpent bounds State.Spent. While there are so many, every far time counts as
// confirmed. A stranger who can write that many can write two in a row as well.
const maxSpent = 64

// latest is the year 10000, in ms. JSON has no text for times from then on.
const latest int64 = 253_402_300_800_000

// IsTime says whether the time of a record is one that a window can have. Kafka's -1
// says that a producer set none. Microseconds in place of milliseconds are none either.
func IsTime(t int64) bool { return t > 0 && t < latest }

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
	if !IsTime(t) {
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

// Ahead returns the ends of the windows in which far times were counted that are not
// confirmed: those that are spent, and after them that of a pending time.
func (w Windows) Ahead(s State) []int64 {
	if s.Pending == 0 {
		return s.Spent
	}
	return append(slices.Clip(s.Spent), w.notSpent(s, w.Of(s.Pending)))
}

// advance returns the state with a greater watermark. It forgets the spent windows that
// this closes.
func (w Windows) advance(s State, watermark int64) State {
	s.Watermark = watermark
	if closed := w.Closed(watermark); slices.ContainsFunc(s.Spent, func(end int64) bool { return end <= closed }) {
		var open []int64
		for _, end := range s.Spent {
			if end > closed {
				open = append(open, end)
			}
		}
		s.Spent = open
	}
	return s
}

// notSpent returns the end of the first window from end on that is not spent.
func (w Windows) notSpent(s State, end int64) int64 {
	for slices.Contains(s.Spent, end) {
		end += w.Length
	}
	return end
}
