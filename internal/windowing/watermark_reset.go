package windowing

import (
	"slices"

	"github.com/emostream/emostream/internal/wire"
)

// A watermark that is ahead of the clock is reset in four steps, which lose nothing:
//
//  1. HoldAt makes a mark for each reducer, so that it closes no more windows.
//  2. Then the states of all partitions are read, up to the end of the log.
//  3. ResetAt makes a record of them, which is appended to each partition.
//  4. When a combiner has read it, its marks let the reducers close windows again.
//
// Before the first step a reducer may have closed windows, and forgotten their partials.
// If a partition went on to count in one of them, its count would miss what is forgotten.
// But any such window was counted in by then, so that ResetAt knows it.

// HoldAt returns the mark with which the reset of a partition begins, at now in ms. m is
// any mark of the partition, and end the end of the partition.
func (w Windows) HoldAt(now int64, m wire.Mark, end int64) wire.Mark {
	m.Version, m.Reported, m.Closed = wire.FormatVersion, Never, Never
	m.Reset, m.Reopened = end+1, w.Closed(now)
	return m
}

// ResetAt returns what resets watermarks that are ahead of now, in ms, to now. states are
// those of all partitions, after their last record.
func (w Windows) ResetAt(now int64, states []State) wire.WatermarkReset {
	r := wire.WatermarkReset{Version: wire.FormatVersion, Watermark: now}
	for _, s := range states {
		r.Spent = w.JoinUpTo(maxSpent/2, r.Spent, w.countedAfter(s, w.Closed(now)))
	}
	return r
}

// Reset returns the state after a reset of the watermark, which is the record at offset.
// Reactions are counted in the windows of their times again, but in none that was
// counted in before: those are spent. A window of which the state does not know is taken
// for one that was counted in.
//
// A watermark that is not ahead of that of the reset stays as it is. The windows that
// other partitions have counted in are spent all the same. A reset does nothing if another
// one was applied since its hold: it may be the same record, written twice, and the
// reducers close windows again.
func (w Windows) Reset(s State, r wire.WatermarkReset, offset int64) State {
	if s.Reset > r.Held {
		return s
	}
	others := slices.Clone(r.Spent)
	for i, other := range others {
		others[i] = wire.WindowRange{w.roundDown(other[0]), w.roundDown(other[1] + w.Length - 1)}
	}
	if s.Watermark <= r.Watermark {
		s.Spent, s.Reset = w.After(w.JoinUpTo(maxSpent/2, s.Spent, others), w.Closed(s.Watermark)), offset+1
		return s
	}
	closed := w.Closed(r.Watermark)
	spent := w.JoinUpTo(maxSpent/2, others, w.countedAfter(s, closed))
	return State{Watermark: r.Watermark, Spent: w.After(spent, closed), Reset: offset + 1}
}

// ResetBy takes in a record that is no reaction: its value and its offset. If the record is
// a reset, ResetBy returns true and the state after it; else the state as it was, and what
// is wrong with a reset that cannot be, or has a newer format.
func (w Windows) ResetBy(s State, value []byte, offset int64) (next State, isReset bool, err error) {
	r, isReset, err := wire.DecodeWatermarkReset(value)
	if isReset {
		s = w.Reset(s, r, offset)
	}
	return s, isReset, err
}

// countedAfter returns the windows after the one that ends at end in which reactions may
// have been counted.
func (w Windows) countedAfter(s State, end int64) []wire.WindowRange {
	counted := w.counted(w.Ahead(s))
	if newest := w.Of(max(s.Watermark, 0)); newest > end {
		counted = append(counted, w.without(wire.WindowRange{end + w.Length, newest}, s.Skipped)...)
	}
	return w.After(w.JoinUpTo(maxSpent/2, counted), end)
}
