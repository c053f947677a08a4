package main

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// totals are the values of metrics by their names, summed over all labels, and by
// name/value of each label; of a histogram, name_sum and name_count.
type metricSums map[string]float64

// gather reads the metrics.
func sumMetrics(g prometheus.Gatherer) metricSums {
	families, _ := g.Gather() // what could be gathered is there in spite of an error
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

// rateSpan is the time that rates are of: two windows, as what they make happens
// at their ends.
const rateRange = 4 * time.Second

// meter makes rates of totals. It keeps those of the last rateSpan.
type metricHistory struct {
	times []time.Time
	sums  []metricSums
}

// take takes in the totals of a time.
func (m *metricHistory) add(now time.Time, t metricSums) {
	m.times, m.sums = append(m.times, now), append(m.sums, t)
	for len(m.times) > 2 && now.Sub(m.times[1]) >= rateRange {
		m.times, m.sums = m.times[1:], m.sums[1:]
	}
}

// now is the newest value of a metric.
func (m *metricHistory) latest(name string) float64 { return m.sums[len(m.sums)-1][name] }

// grown is by how much a metric has grown.
func (m *metricHistory) increase(name string) float64 { return m.latest(name) - m.sums[0][name] }

// rate is how much a metric grows in a second.
func (m *metricHistory) rate(name string) float64 {
	span := m.times[len(m.times)-1].Sub(m.times[0]).Seconds()
	if span <= 0 {
		return 0
	}
	return max(0, m.increase(name)/span)
}

// mean is the mean of what a histogram has seen, as a time; 0 if it saw nothing.
func (m *metricHistory) mean(name string) time.Duration {
	n := m.increase(name + "_count")
	if n <= 0 {
		return 0
	}
	return time.Duration(m.increase(name+"_sum") / n * float64(time.Second))
}
