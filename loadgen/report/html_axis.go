package report

import (
	"math"
	"strconv"
)

// axis maps values to shares of a chart's height or width, from 0 to 1.
type axis struct {
	low, high float64
	log       bool
}

// linear returns an axis from 0 to a round number that is at least top.
func linear(top float64) axis {
	if top <= 0 || math.IsInf(top, 0) || math.IsNaN(top) {
		top = 1
	}
	step := roundStep(top, 4)
	return axis{high: step * math.Ceil(top/step*0.999999)}
}

// logarithmic returns an axis of whole decades that contains low and high.
func logarithmic(low, high float64) axis {
	if low <= 0 || math.IsNaN(low) || high < low || math.IsInf(high, 0) {
		return axis{low: 1, high: 10, log: true}
	}
	a := axis{low: math.Pow(10, math.Floor(math.Log10(low))), high: math.Pow(10, math.Ceil(math.Log10(high))), log: true}
	if a.high <= a.low {
		a.high = a.low * 10
	}
	return a
}

// at returns the position of a value: 0 at the low end, 1 at the high end.
func (a axis) at(v float64) float64 {
	if a.log {
		v = math.Max(v, a.low)
		return math.Min(1, math.Log10(v/a.low)/math.Log10(a.high/a.low))
	}
	return math.Min(1, math.Max(0, (v-a.low)/(a.high-a.low)))
}

// ticks returns the values to mark: each decade, or at most five round steps.
func (a axis) ticks() []float64 {
	var ticks []float64
	if a.log {
		for v := a.low; v <= a.high*1.000001; v *= 10 {
			ticks = append(ticks, v)
		}
		return ticks
	}
	step := roundStep(a.high-a.low, 4)
	for i := 0; a.low+float64(i)*step <= a.high*1.000001; i++ {
		ticks = append(ticks, a.low+float64(i)*step)
	}
	return ticks
}

// roundStep returns a round number (1, 2 or 5 times a power of ten) that divides width
// into about n parts.
func roundStep(width float64, n int) float64 {
	raw := width / float64(n)
	power := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= raw*0.999999 {
			return m * power
		}
	}
	return 10 * power
}

// tickLabel formats a tick's value in few characters.
func tickLabel(v float64) string {
	switch {
	case v >= 1e9:
		return strconv.FormatFloat(v/1e9, 'g', 4, 64) + "G"
	case v >= 1e6:
		return strconv.FormatFloat(v/1e6, 'g', 4, 64) + "M"
	case v >= 1e4:
		return strconv.FormatFloat(v/1e3, 'g', 4, 64) + "k"
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// timeLabel formats milliseconds in a suitable unit.
func timeLabel(ms float64) string {
	switch {
	case ms <= 0:
		return "0"
	case ms < 0.9999:
		return strconv.FormatFloat(ms*1000, 'g', 4, 64) + " µs"
	case ms < 999.9:
		return strconv.FormatFloat(ms, 'g', 4, 64) + " ms"
	}
	return strconv.FormatFloat(ms/1000, 'g', 4, 64) + " s"
}
