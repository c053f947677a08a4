package windowing

import (
	"cmp"
	"math"
	"slices"

	"github.com/emostream/emostream/internal/wire"
)

// Join returns the windows of all ranges as few ranges, oldest first.
func (w Windows) Join(lists ...[]wire.WindowRange) []wire.WindowRange {
	return w.JoinUpTo(math.MaxInt, lists...)
}

// JoinUpTo does what Join does. But if there are more ranges than most, it takes the
// windows between two of them in, where those are fewest.
func (w Windows) JoinUpTo(most int, lists ...[]wire.WindowRange) []wire.WindowRange {
	ranges := slices.Concat(lists...)
	slices.SortFunc(ranges, func(a, b wire.WindowRange) int { return cmp.Compare(a[0], b[0]) })
	var joined []wire.WindowRange
	for _, r := range ranges {
		if n := len(joined); n > 0 && r[0] <= joined[n-1][1]+w.Length {
			joined[n-1][1] = max(joined[n-1][1], r[1])
			continue
		}
		joined = append(joined, r)
	}
	for len(joined) > most {
		nearest := 1
		for i := range joined[2:] {
			if joined[i+2][0]-joined[i+1][1] < joined[nearest][0]-joined[nearest-1][1] {
				nearest = i + 2
			}
		}
		joined[nearest-1][1] = joined[nearest][1]
		joined = slices.Delete(joined, nearest, nearest+1)
	}
	return joined
}

// Contains says whether the window that ends at end is in one of the ranges.
func Contains(ranges []wire.WindowRange, end int64) bool {
	return slices.ContainsFunc(ranges, func(r wire.WindowRange) bool { return end >= r[0] && end <= r[1] })
}

// without returns the windows of all that are in none of the ranges, oldest first. The
// ranges are ordered.
func (w Windows) without(all wire.WindowRange, ranges []wire.WindowRange) []wire.WindowRange {
	var left []wire.WindowRange
	for _, r := range ranges {
		if r[0] > all[0] {
			left = append(left, wire.WindowRange{all[0], min(all[1], r[0]-w.Length)})
		}
		if all[0] = max(all[0], r[1]+w.Length); all[0] > all[1] {
			return left
		}
	}
	return append(left, all)
}

// After returns the windows of the ranges that end after end, which is the end of a
// window or Never. The ranges are ordered.
func (w Windows) After(ranges []wire.WindowRange, end int64) []wire.WindowRange {
	i := slices.IndexFunc(ranges, func(r wire.WindowRange) bool { return r[1] > end })
	if i < 0 {
		return nil
	}
	later := slices.Clone(ranges[i:])
	later[0][0] = max(later[0][0], end+w.Length)
	return later
}
