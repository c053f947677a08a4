package report

import (
	"fmt"
	"math"
)

// figure is something that is compared.
type comparedMetric struct {
	metric
	better       float64 // +1: more is better; -1: less is; 0: neither
	exact        bool    // it has no noise
	simultaneous bool    // all its values are of one moment, so that one run is one value
	// The floor of a comparison with one run a side: both must be exceeded.
	floorPercent, floor float64
	// noise is the interval of one run that its figure could as well have been in;
	// nil: a point.
	noise func(Report) (*[2]float64, error)
}

// rateFigure is the name of the rate, both that was asked for and that was reached.
const rateMetric = "rate"

// compared are the figures in the order of a comparison.
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
		if err == nil { // a name above that is none would be missing in every test
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
				f.simultaneous = true // listeners connect together, and wait for the same window
				all = append(all, f)
			}
		case SendDelay: // the generator's own
			all = append(all, quantileMetric(l.key, 99, 0, 0))
		}
	}
	return all
}

// quantileFigure is a percentile of a latency, with its floor in percent.
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

// quantileNoise is the confidence interval of a percentile, when one value a second
// is independent of the others. The maximum has none.
func quantileNoise(l *Latency, of, seconds float64) (*[2]float64, error) {
	const z = 2.576 // 99 %
	if l == nil || l.Count == 0 || of == ofMax {
		return nil, nil
	}
	h, err := l.Decode()
	if err != nil {
		return nil, err
	}
	// Wilson's interval of the share q of n values, which does not shrink at its
	// ends as that of a normal distribution would.
	n := math.Max(1, math.Min(float64(l.Count), seconds))
	q := of / 100
	middle := (q + z*z/(2*n)) / (1 + z*z/n)
	d := z * math.Sqrt(q*(1-q)/n+z*z/(4*n*n)) / (1 + z*z/n)
	return &[2]float64{InMS(h.Quantile(math.Max(0, middle-d))), InMS(h.Quantile(math.Min(1, middle+d)))}, nil
}
