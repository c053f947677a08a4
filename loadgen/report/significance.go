package report

import "math"

// judge says how a metric that both sides tell has changed.
func (f comparedMetric) judge(c Change, base, after int) Verdict {
	if f.better == 0 || f.simultaneous && (base < 2 || after < 2) {
		return Context
	}
	if !f.changed(c, base, after) {
		return Same
	}
	if (*c.New-*c.Base)*f.better > 0 {
		return Better
	}
	return Worse
}

// changed says whether a change is more than noise.
func (f comparedMetric) changed(c Change, base, after int) bool {
	delta := math.Abs(*c.New - *c.Base)
	switch {
	case f.exact:
		return delta > 0
	case base > 1 && after > 1:
		const relevant = 2 // percent; a smaller change is not reported
		return rangesApart(*c.BaseNoise, *c.NewNoise, base+after) && (c.Percent == nil || math.Abs(*c.Percent) > relevant)
	}
	return distance(*c.BaseNoise, *c.NewNoise) > 0 && delta > f.floor && (c.Percent == nil || math.Abs(*c.Percent) > f.floorPercent)
}

// rangesApart says whether the ranges of a and b, of so many runs together, lie far
// enough apart. The distance that is asked for is a multiple of the wider range, chosen
// so that of runs that do not differ at most one figure in twenty looks changed (by
// simulation, log-normal, both directions together: 4.0 % of 2+2, 2.9 % of 2+3, 2.3 % of
// 3+3, 0.9 % of 4+4 runs).
func rangesApart(a, b [2]float64, runs int) bool {
	widths := 0.25
	switch {
	case runs <= 4:
		widths = 2
	case runs == 5:
		widths = 1
	case runs <= 7:
		widths = 0.5
	}
	d := distance(a, b)
	return d > 0 && d >= widths*math.Max(a[1]-a[0], b[1]-b[0])
}

// distance is how far apart two intervals are; 0 or less when they touch.
func distance(a, b [2]float64) float64 { return math.Max(b[0]-a[1], a[0]-b[1]) }
