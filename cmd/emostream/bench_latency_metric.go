package main

import (
	"math"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/emostream/emostream/loadgen/report"
)

// latencyMetric is a latency of a load test, as a classic and as a native histogram: who
// asks in a text format gets the classic one, Prometheus can have both.
type latencyMetric struct {
	classic, native prometheus.Metric
}

// nativeSchema is the resolution of the native histogram: a bucket ends 9 % above where it
// begins.
const nativeSchema = 3

// newLatencyMetric returns the metric of a histogram, which may be nil. Its buckets are as
// exact as the histogram, which keeps three digits.
func newLatencyMetric(desc *prometheus.Desc, h *report.Histogram, of string) prometheus.Metric {
	bounds := latencyBounds()
	within := make([]uint64, len(bounds)+1) // how many are above the bound before, and not above this one
	native := map[int]int64{}
	count, sum := uint64(0), 0.0
	if h != nil && h.Count() > 0 {
		for _, bar := range h.HDR().Distribution() {
			if bar.Count == 0 {
				continue
			}
			seconds := float64(bar.To) / 1e6
			i, _ := slices.BinarySearch(bounds, seconds)
			within[i] += uint64(bar.Count)
			native[int(math.Ceil(math.Log2(seconds)*(1<<nativeSchema)))] += bar.Count
			count += uint64(bar.Count)
			sum += float64(bar.From+bar.To) / 2e6 * float64(bar.Count)
		}
	}
	classic, upTo := map[float64]uint64{}, uint64(0)
	for i, bound := range bounds {
		upTo += within[i]
		classic[bound] = upTo
	}
	m, err := prometheus.NewConstNativeHistogram(desc, count, sum, native, nil, 0, nativeSchema, prometheus.DefNativeHistogramZeroThreshold, time.Time{}, of)
	if err != nil {
		return prometheus.NewInvalidMetric(desc, err)
	}
	return latencyMetric{prometheus.MustNewConstHistogram(desc, count, sum, classic, of), m}
}

// latencyBounds returns the upper bounds of the classic buckets, in seconds.
func latencyBounds() []float64 {
	return []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .15, .2, .3, .5, .75, 1, 1.5, 2, 2.5, 3, 5, 10, 30}
}

// Desc returns what the metric is.
func (m latencyMetric) Desc() *prometheus.Desc { return m.classic.Desc() }

// Write writes both histograms as one.
func (m latencyMetric) Write(to *dto.Metric) error {
	var native dto.Metric
	if err := m.native.Write(&native); err != nil {
		return err
	}
	if err := m.classic.Write(to); err != nil {
		return err
	}
	h, n := to.GetHistogram(), native.GetHistogram()
	h.Schema, h.ZeroThreshold, h.ZeroCount, h.PositiveSpan, h.PositiveDelta = n.Schema, n.ZeroThreshold, n.ZeroCount, n.PositiveSpan, n.PositiveDelta
	return nil
}
