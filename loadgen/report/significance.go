package report

import "math"

// judge returns how a metric that both sides report has changed.
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

// changed returns whether a change is more than noise.
func (f comparedMetric) changed(c Change, base, after int) bool {
	delta := math.Abs(*c.New - *c.Base)
	switch {
	case f.exact:
		return delta > 0
	case base > 1 && after > 1:
		const relevant = 2 // percent; a smaller change is not reported
		return rangesApart(*c.BaseNoise, *c.NewNoise, base+after) && delta > f.leastChange && (c.Percent == nil || math.Abs(*c.Percent) > relevant)
	}
	return distance(*c.BaseNoise, *c.NewNoise) > 0 && delta > f.floor && (c.Percent == nil || math.Abs(*c.Percent) > f.floorPercent)
}

// rangesApart returns whether the ranges a and b lie far enough apart; runs is the
// number of runs of both sides together. The required distance is a multiple of the
// wider range. It is chosen so that at most one unchanged figure in twenty looks
// changed. By simulation (log-normal values, both directions together) that happens to
// 4.0 % with 2+2 runs, 2.9 % with 2+3, 2.3 % with 3+3 and 0.9 % with 4+4.
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

// distance returns how far apart two intervals are. It is 0 or less if they touch or
// overlap.
func distance(a, b [2]float64) float64 { return math.Max(b[0]-a[1], a[0]-b[1]) }
