package report

import (
	"fmt"
	"math"
)

// comparedMetric is a metric that is compared, and how.
type comparedMetric struct {
	metric
	better       float64 // +1: more is better; -1: less is; 0: neither
	exact        bool    // it has no noise
	simultaneous bool    // all its values come about at the same moment, so that a run has no noise of its own
	// By how much it must change with one run a side: more than both.
	floorPercent, floor float64
	// noise is the confidence interval of its value in one run; nil: it has none.
	noise func(Report) (*[2]float64, error)
}

// rateMetric is the name of the rate, both of the one asked for and the one reached.
const rateMetric = "rate"

// comparedMetrics returns the metrics in the order of a comparison.
func comparedMetrics() []comparedMetric {
	var all []comparedMetric
	for _, c := range []struct {
		name   string
		better float64
		exact  bool
		rel    float64
		abs    float64
	}{
		{name: rateMetric, better: 1, rel: 5},
		{name: "error_rate", better: -1, rel: 10, abs: 0.1},
		{name: "lost", better: -1, exact: true},
		{name: "doubled", better: -1, exact: true},
		{name: "shifted"},
		{name: "gaps"},
		{name: "behind"},
		{name: "reconnects"},
	} {
		m, err := findMetric(c.name)
		if err == nil { // an error is a slip in a name above, which every test would show
			all = append(all, comparedMetric{metric: m, better: c.better, exact: c.exact, floorPercent: c.rel, floor: c.abs})
		}
	}
	for _, l := range latencyNames() {
		switch l.key {
		case Ack, Overhead, EndToEnd:
			all = append(all, quantileMetric(l.key, 50, -1, 10), quantileMetric(l.key, 90, -1, 10),
				quantileMetric(l.key, 99, -1, 20), quantileMetric(l.key, 99.9, -1, 30), quantileMetric(l.key, ofMax, 0, 0))
		case Connect, FirstEvent:
			for _, f := range []comparedMetric{quantileMetric(l.key, 50, -1, 10), quantileMetric(l.key, 99, -1, 20)} {
				f.simultaneous = true // all listeners connect together, and wait for the same window
				all = append(all, f)
			}
		case SendDelay: // the generator's own
			all = append(all, quantileMetric(l.key, 99, 0, 0))
		}
	}
	return all
}

// quantileMetric is a percentile of a latency. FloorPercent is by how much it must change
// with one run a side.
func quantileMetric(key string, of, better, floorPercent float64) comparedMetric {
	const floor = 0.5 // ms
	name := fmt.Sprintf("%s_p%v", key, of)
	if of == ofMax {
		name = key + "_max"
	}
	return comparedMetric{
		metric: metric{name, millis, func(r Report) *float64 { return latencyValue(r.Latency[key], of) }},
		better: better, floorPercent: floorPercent, floor: floor,
		noise: func(r Report) (*[2]float64, error) { return quantileNoise(r.Latency[key], of, r.DurationMS/1000) },
	}
}

// quantileNoise is the confidence interval of a percentile, taking one value a second to
// be independent. The maximum has none.
func quantileNoise(l *Latency, of, seconds float64) (*[2]float64, error) {
	const z = 2.576 // 99 %
	if l == nil || l.Count == 0 || of == ofMax {
		return nil, nil
	}
	h, err := l.Decode()
	if err != nil {
		return nil, err
	}
	// Wilson's interval of a share q of n values. That of the normal distribution would
	// be too narrow for shares near 0 and 1.
	n := math.Max(1, math.Min(float64(l.Count), seconds))
	q := of / 100
	middle := (q + z*z/(2*n)) / (1 + z*z/n)
	d := z * math.Sqrt(q*(1-q)/n+z*z/(4*n*n)) / (1 + z*z/n)
	return &[2]float64{InMS(h.Quantile(math.Max(0, middle-d))), InMS(h.Quantile(math.Min(1, middle+d)))}, nil
}
