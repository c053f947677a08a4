package main

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metricSums are the values of metrics at a moment. Under a metric's name is the sum
// over all its labels. Under name/value is the sum of those that have this value of a
// label. A histogram has name_sum and name_count.
type metricSums map[string]float64

// sumMetrics reads all metrics.
func sumMetrics(g prometheus.Gatherer) metricSums {
	families, _ := g.Gather() // metrics that have no error are returned even if others have one
	t := metricSums{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			t.add(f.GetName(), m.GetCounter().GetValue()+m.GetGauge().GetValue())
			for _, l := range m.GetLabel() {
				t.add(f.GetName()+"/"+l.GetValue(), m.GetCounter().GetValue()+m.GetGauge().GetValue())
			}
			if h := m.GetHistogram(); h != nil {
				t.add(f.GetName()+"_sum", h.GetSampleSum())
				t.add(f.GetName()+"_count", float64(h.GetSampleCount()))
			}
		}
	}
	return t
}

func (t metricSums) add(name string, v float64) { t[name] += v }

// rateRange is the time over which rates are computed. It is two windows of the default
// length, since much is counted at the ends of windows only.
const rateRange = 4 * time.Second

// metricHistory computes rates. It keeps the sums of the last rateRange.
type metricHistory struct {
	times []time.Time
	sums  []metricSums
}

// add takes in the sums of a moment.
func (m *metricHistory) add(now time.Time, t metricSums) {
	m.times, m.sums = append(m.times, now), append(m.sums, t)
	for len(m.times) > 2 && now.Sub(m.times[1]) >= rateRange {
		m.times, m.sums = m.times[1:], m.sums[1:]
	}
}

// latest returns the newest value of a metric.
func (m *metricHistory) latest(name string) float64 { return m.sums[len(m.sums)-1][name] }

// increase returns by how much a metric has grown.
func (m *metricHistory) increase(name string) float64 { return m.latest(name) - m.sums[0][name] }

// rate returns by how much a metric grows a second.
func (m *metricHistory) rate(name string) float64 {
	seconds := m.times[len(m.times)-1].Sub(m.times[0]).Seconds()
	if seconds <= 0 {
		return 0
	}
	return max(0, m.increase(name)/seconds)
}

// mean returns the mean of a histogram of seconds; 0 if nothing was observed.
func (m *metricHistory) mean(name string) time.Duration {
	n := m.increase(name + "_count")
	if n <= 0 {
		return 0
	}
	return time.Duration(m.increase(name+"_sum") / n * float64(time.Second))
}
