package main

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// totals are the values of metrics by their names, summed over all labels, and by
// name/value of each label; of a histogram, name_sum and name_count.
type totals map[string]float64

// gather reads the metrics.
func gather(g prometheus.Gatherer) totals {
	families, _ := g.Gather() // what could be gathered is there in spite of an error
	t := totals{}
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

func (t totals) add(name string, v float64) { t[name] += v }

// rateSpan is the time that rates are of: two windows, as what they make happens
// at their ends.
const rateSpan = 4 * time.Second

// meter makes rates of totals. It keeps those of the last rateSpan.
type meter struct {
	at   []time.Time
	kept []totals
}

// take takes in the totals of a time.
func (m *meter) take(now time.Time, t totals) {
	m.at, m.kept = append(m.at, now), append(m.kept, t)
	for len(m.at) > 2 && now.Sub(m.at[1]) >= rateSpan {
		m.at, m.kept = m.at[1:], m.kept[1:]
	}
}

// now is the newest value of a metric.
func (m *meter) now(name string) float64 { return m.kept[len(m.kept)-1][name] }

// grown is by how much a metric has grown.
func (m *meter) grown(name string) float64 { return m.now(name) - m.kept[0][name] }

// rate is how much a metric grows in a second.
func (m *meter) rate(name string) float64 {
	span := m.at[len(m.at)-1].Sub(m.at[0]).Seconds()
	if span <= 0 {
		return 0
	}
	return max(0, m.grown(name)/span)
}

// mean is the mean of what a histogram has seen, as a time; 0 if it saw nothing.
func (m *meter) mean(name string) time.Duration {
	n := m.grown(name + "_count")
	if n <= 0 {
		return 0
	}
	return time.Duration(m.grown(name+"_sum") / n * float64(time.Second))
}
