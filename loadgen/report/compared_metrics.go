package report

import (
	"fmt"
	"math"
)

// comparedMetric is a metric of a comparison, and how its values are judged.
type comparedMetric struct {
	metric
	better       float64 // +1: more is better; -1: less is better; 0: neither
	exact        bool    // it has no noise
	simultaneous bool    // all its values arise at the same moment, so one run does not show its noise
	// With one run a side, the metric has changed only if it changed by more than both.
	floorPercent, floor float64
	// With several, it has changed only if it changed by more than leastChange.
	leastChange float64
	// one, if set, returns by how much a single count changes the metric in a run. Less
	// than that is no change.
	one func(Report) float64
	// noise returns the confidence interval of the metric's value in one run. It is nil
	// if there is none.
	noise func(Report) (*[2]float64, error)
}

// rateMetric is the name of two rates: the one that was asked for and the one that was
// reached.
const rateMetric = "rate"

// comparedMetrics returns the metrics of a comparison, in order.
func comparedMetrics() []comparedMetric {
	var all []comparedMetric
	for _, c := range []struct {
		name   string
		better float64
		exact  bool
		rel    float64
		abs    float64
		one    func(Report) float64
	}{
		{name: rateMetric, better: 1, rel: 5, one: func(r Report) float64 { return 1000 / r.Load().DurationMS }},
		{name: "error_rate", better: -1, rel: 10, abs: 0.1, one: func(r Report) float64 { return 100 / float64(r.Load().due()) }},
		{name: "lost", better: -1, exact: true},
		{name: "doubled", better: -1, exact: true},
		{name: "shifted"},
		{name: "gaps"},
		{name: "behind"},
		{name: "reconnects"},
		{name: "cpu_per_request", better: -1, rel: 10, abs: 1},
		{name: "cpu_per_delivery", better: -1, rel: 10, abs: 0.5},
		{name: "memory_max", better: -1, rel: 10, abs: 5e6},
		{name: "memory_per_listener", better: -1, rel: 10, abs: 500},
		{name: "descriptors_max"},
	} {
		m, err := findMetric(c.name)
		if err == nil { // an error means a wrong name above, which every test would show
			all = append(all, comparedMetric{metric: m, better: c.better, exact: c.exact, floorPercent: c.rel, floor: c.abs, leastChange: c.abs, one: c.one})
		}
	}
	for _, l := range latencyNames() {
		switch l.key {
		case Ack, Overhead, EndToEnd:
			all = append(all, quantileMetric(l.key, 50, -1, 10), quantileMetric(l.key, 90, -1, 10),
				quantileMetric(l.key, 99, -1, 20), quantileMetric(l.key, 99.9, -1, 30), quantileMetric(l.key, ofMax, 0, 0))
		case Spread:
			all = append(all, quantileMetric(l.key, 50, -1, 20), quantileMetric(l.key, 99, 0, 0))
		case Connect, FirstEvent:
			for _, f := range []comparedMetric{quantileMetric(l.key, 50, -1, 10), quantileMetric(l.key, 99, -1, 20)} {
				f.simultaneous = true // all listeners connect together, and wait for the same window
				all = append(all, f)
			}
		case SendDelay: // a latency of the generator itself
			all = append(all, quantileMetric(l.key, 99, 0, 0))
		}
	}
	return all
}

// quantileMetric returns the metric of a percentile of a latency. floorPercent is by
// how much it must change with one run a side.
func quantileMetric(key string, of, better, floorPercent float64) comparedMetric {
	const (
		floor = 0.5 // ms
		least = 0.1 // ms, about what timers and the scheduler add
	)
	name := fmt.Sprintf("%s_p%v", key, of)
	if of == ofMax {
		name = key + "_max"
	}
	return comparedMetric{
		metric: latencyMetric(name, key, of),
		better: better, floorPercent: floorPercent, floor: floor, leastChange: least,
		noise: func(r Report) (*[2]float64, error) {
			return quantileNoise(r.Latency[key], of, r.Load().DurationMS/1000)
		},
	}
}

// quantileNoise returns the confidence interval of a percentile, as if one value a
// second were independent. It returns nil for the maximum.
func quantileNoise(l *Latency, of, seconds float64) (*[2]float64, error) {
	const z = 2.576 // 99 %
	if l == nil || l.Count == 0 || of == ofMax {
		return nil, nil
	}
	h, err := l.Decode()
	if err != nil {
		return nil, err
	}
	// This is Wilson's interval of a share q of n values. That of the normal
	// distribution would be too narrow for shares near 0 and 1.
	n := math.Max(1, math.Min(float64(l.Count), seconds))
	q := of / 100
	middle := (q + z*z/(2*n)) / (1 + z*z/n)
	d := z * math.Sqrt(q*(1-q)/n+z*z/(4*n*n)) / (1 + z*z/n)
	return &[2]float64{InMS(h.Quantile(math.Max(0, middle-d))), InMS(h.Quantile(math.Min(1, middle+d)))}, nil
}
