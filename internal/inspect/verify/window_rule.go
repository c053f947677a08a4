package verify

import (
	"math"

	"github.com/emostream/emostream/internal/wire"
)

// Never is before all times in ms. It is the watermark of a partition before its first
// record.
const Never int64 = math.MinInt64

// Assign returns the end of the window that a reaction belongs to, and whether the
// reaction is late. t is the time of its record. If the window that t falls into is
// open, the reaction belongs to that; else it is late, and belongs to the oldest open
// window. A window is open while the watermark, the greatest time of the earlier
// records in the partition, is below the window's end plus the lateness.
//
// This follows the wording of the contract. The aggregator computes the same in its own
// way; a test holds the two against each other.
func Assign(s wire.Settings, t, watermark int64) (end int64, late bool) {
	end = boundaryAfter(s, t)
	if watermark < end+s.LatenessMS {
		return end, false
	}
	return boundaryAfter(s, watermark-s.LatenessMS), true
}

// boundaryAfter returns the first end of a window after t. Windows end at the multiples
// of their length.
func boundaryAfter(s wire.Settings, t int64) int64 {
	since := t % s.WindowMS // from the last boundary at or before t
	if since < 0 {
		since += s.WindowMS
	}
	return t - since + s.WindowMS
}
