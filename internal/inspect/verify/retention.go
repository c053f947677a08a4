package verify

import "math"

// LogGap says that records of a partition of emoji-topic are gone, those
// before the next one that is added.
func (l *Comparison) LogGap(partition int) { l.log.at(partition).gap = &gap{newest: Never} }

// CountsGap says the same of emoji-aggregated.
func (l *Comparison) CountsGap(partition int) { l.counts.at(partition).gap = &gap{newest: Never} }

// gap says that records at the beginning of a partition are gone, and what the
// times of the first records after them are.
type gap struct {
	seen   int   // how many of the first records after it were read, at most evidenceRecords
	newest int64 // the greatest of their times
}

// evidenceRecords is how many records after a gap tell how old the lost ones are at
// most. One would be enough if no record were late.
const evidenceRecords = 100

// leftOutUntil is the end of the newest window that lost records may have been in.
//
// Let W be the greatest time of the records that are gone, and t the greatest
// of the first hundred left. A record is hardly ever late by more than the
// lateness, and a hundred in a row are not; so W <= t + lateness. What is returned,
// the cut, is the boundary after that, at or after the boundary after W. Then
//
//   - no record that is gone was in a window after the cut: it was in that of
//     its own time, at most W, or in the oldest one open under a watermark of at
//     most W, which is no newer;
//   - no record that is left is misplaced across the cut, though the watermark
//     before it is known only from the gap on. Where W makes a difference, the
//     record's own window was closed by W, thus ended before W; it went to the
//     oldest one open under W, which ends at the boundary after W - lateness.
//     Both are before the cut, and so is the window that it is put into here,
//     for a watermark below W.
//
// So windows after the cut are as exact as if nothing were gone. In
// emoji-aggregated t is the time when counts were written, and a window is not
// counted before it ends but for clocks that differ: the same bound leaves out
// every window whose counts may be gone.
//
// Where nothing was read after a gap, nothing is known of W, and all is left out.
func (l *Comparison) leftOutUntil() int64 {
	cut := Never
	for _, topic := range []partitions{l.log, l.counts} {
		for _, p := range topic {
			switch {
			case p.gap == nil:
			case p.gap.seen == 0 || !l.byWindow():
				return math.MaxInt64
			default:
				cut = max(cut, boundaryAfter(l.settings, p.gap.newest+l.settings.LatenessMS))
			}
		}
	}
	return cut
}
