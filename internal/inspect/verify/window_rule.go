package verify

import (
	"math"

	"github.com/emostream/emostream/internal/wire"
)

// Never is a time before all times, in milliseconds: the watermark of a
// partition before its first record.
const Never int64 = math.MinInt64

// Assign says which window a reaction belongs to, by its end: the one that its
// record's time falls into if that is open, else the oldest one that is. A
// window is open while the watermark, the greatest record time before the record
// in its partition, is below the window's end plus the lateness. In the second
// case the reaction is late.
//
// It is the contract's wording and nothing else. The aggregator has its own
// arithmetic for it; a test holds the two against each other.
func Assign(s wire.Settings, t, watermark int64) (end int64, late bool) {
	end = boundaryAfter(s, t)
	if watermark < end+s.LatenessMS {
		return end, false
	}
	return boundaryAfter(s, watermark-s.LatenessMS), true
}

// boundaryAfter is the first window's end that is after t. Windows end at the
// multiples of their length.
func boundaryAfter(s wire.Settings, t int64) int64 {
	since := t % s.WindowMS // since the boundary at t or before it
	if since < 0 {
		since += s.WindowMS
	}
	return t - since + s.WindowMS
}
