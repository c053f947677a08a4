package verify

import (
	"math"

	"github.com/emostream/emostream/internal/windowing"
)

// LogGap says that records of a partition of emoji-topic were removed before the next
// one that is added.
func (l *Comparison) LogGap(partition int) { l.log.at(partition).gap = &gap{newest: windowing.Never} }

// CountsGap does the same for a partition of emoji-aggregated.
func (l *Comparison) CountsGap(partition int) {
	l.counts.at(partition).gap = &gap{newest: windowing.Never}
}

// gap is the state of a partition whose first records were removed: what the first
// remaining ones say of the times of the removed.
type gap struct {
	seen   int   // how many remaining records were read, at most evidenceRecords
	newest int64 // the greatest of their times
}

// evidenceRecords is how many records after a gap are used to bound the times of the
// removed ones. One would be enough if no record were late.
const evidenceRecords = 100

// leftOutUntil returns the cut: the end of the newest window that removed records may
// have been in. Windows that end at the cut or earlier are left out of the comparison.
// If nothing was removed, it returns windowing.Never.
//
// Let W be the greatest time among the removed records of a partition, which is not
// known, and t the greatest time among the first hundred that remain. A record is
// hardly ever late by more than the lateness, and a hundred in a row are not. So W is
// at most t + lateness. The cut is the first window end after t + lateness; it is not
// before the first window end after W. It follows that:
//
//   - No removed record was in a window that ends after the cut. Each was in the window
//     of its own time, which is at most W; or it was late, and in the oldest window that
//     was open. That one ends at the first boundary after the watermark less the
//     lateness, and the watermark was at most W.
//   - No remaining record is put on the wrong side of the cut, though its watermark is
//     computed without the removed records. That makes a difference only if W had closed
//     the record's own window, which then ends before W. The aggregator put the record
//     into the window that ends at the first boundary after W - lateness. Here it is put
//     into its own window, or one between the two. None of these ends after the cut.
//
// So windows after the cut are compared as exactly as if nothing had been removed. In
// emoji-aggregated, t is a time at which counts were written. Counts are written after
// their window has ended, if clocks agree well enough. So the same cut leaves out every
// window whose counts may have been removed.
//
// If nothing was read after a gap, W is not bounded, and everything is left out. The
// same holds after any gap if only totals are compared.
func (l *Comparison) leftOutUntil() int64 {
	cut := windowing.Never
	for _, topic := range []partitions{l.log, l.counts} {
		for _, p := range topic {
			switch {
			case p.gap == nil:
			case p.gap.seen == 0 || !l.byWindow():
				return math.MaxInt64
			default:
				cut = max(cut, windowing.Of(l.settings).Of(p.gap.newest+l.settings.LatenessMS))
			}
		}
	}
	return cut
}
