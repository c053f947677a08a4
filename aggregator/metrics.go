package aggregator

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/emostream/emostream/internal/claimloop"
)

type metrics struct {
	reactions    prometheus.Counter
	late         prometheus.Counter
	latePartials prometheus.Counter
	windows      prometheus.Counter
	revisions    prometheus.Counter
	delay        prometheus.Histogram
	lag          claimloop.Lag
	grace        *prometheus.GaugeVec
	open         *prometheus.GaugeVec
	ahead        *prometheus.GaugeVec
}

func newMetrics(reg prometheus.Registerer) metrics {
	f := promauto.With(reg)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Name: "emostream_aggregate_" + name, Help: help})
	}
	return metrics{
		reactions:    counter("records_read_total", "Records read from emoji-topic, those read again after a restart too."),
		late:         counter("late_records_total", "Reactions counted in a later window than their own, because that was closed."),
		latePartials: counter("late_partials_total", "Partials ignored because their window was closed everywhere."),
		windows:      counter("windows_total", "Windows of channels emitted for the first time."),
		revisions:    counter("revisions_total", "Windows of channels emitted again because they grew."),
		delay: f.NewHistogram(prometheus.HistogramOpts{
			Name: "emostream_aggregate_window_delay_seconds", Help: "Time from a window's end to the first emission of its counts.",
			Buckets: []float64{.01, .015, .02, .025, .03, .04, .05, .075, .1, .11, .12, .15, .2, .3, .5, .75, 1, 2, 5, 10, 30},
		}),
		lag: claimloop.NewLag(reg, "emostream_aggregate_lag_records"),
		ahead: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "emostream_aggregate_watermark_ahead_seconds", Help: "How far the watermark of a partition of emoji-topic is ahead of the clock; 0: not.",
		}, []string{"partition"}),
		grace: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "emostream_aggregate_grace_seconds", Help: "How long after a window's end the counts of a partition of emoji-topic are first sent.",
		}, []string{"partition"}),
		open: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "emostream_aggregate_open_windows", Help: "Windows of channels that can still grow.",
		}, []string{"partition"}),
	}
}
