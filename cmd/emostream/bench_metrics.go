package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/loadgen/report"
)

// serveFigures serves the figures of a load test at --metrics-listen while test runs, if
// they are asked for.
func (f *benchFlags) serveFigures(ctx context.Context, io streams, cfg *loadgen.Config, conditions []report.Threshold, test func(context.Context) error) error {
	if f.metrics.metricsListen == "" && !f.metrics.pprof {
		return test(ctx)
	}
	figures := newBenchFigures(conditions)
	cfg.Live = figures.follow
	// The memory statistics of Go have two names that are one in OpenMetrics.
	reg := newRegistryWith(collectors.NewGoCollector(collectors.WithGoCollectorMemStatsMetricsDisabled()))
	reg.MustRegister(figures)
	f.metrics.openMetrics = true
	announce := func(url string) { _, _ = fmt.Fprintf(io.err, "Live figures: %s\n", url) }
	return f.metrics.beside(ctx, reg, slog.New(slog.DiscardHandler), announce, test)
}

// benchFigures are the metrics of a load test. What they tell is asked of the run when
// somebody asks for them, so that a run that nobody watches does nothing for them.
type benchFigures struct {
	conditions []report.Threshold
	live       atomic.Pointer[func() loadgen.Live] // of the current run; nil: none has begun

	phase, elapsed, planned, step                                 *prometheus.Desc
	due, waiting, sent, reactions, requests, failed               *prometheus.Desc
	listeners, wanted, events, reconnects, refused, latency, held *prometheus.Desc
}

func newBenchFigures(conditions []report.Threshold) *benchFigures {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("emostream_bench_"+name, help, labels, nil)
	}
	return &benchFigures{
		conditions: conditions,
		phase:      desc("phase", "1 for what the load test is doing, else 0.", "phase"),
		elapsed:    desc("elapsed_seconds", "How long it has been sending."),
		planned:    desc("planned_seconds", "How long it is to send; 0 if that is not known."),
		step:       desc("search_step", "Run of a search for the greatest rate, from 1; 0 if there is no search."),
		due:        desc("due_per_second", "Reactions that are due a second now."),
		waiting:    desc("waiting_reactions", "Reactions that are due and not sent yet."),
		sent:       desc("sent_total", "Reactions sent."),
		reactions:  desc("reactions_total", "Reactions by what became of them.", "outcome"),
		requests:   desc("requests_total", "Requests sent."),
		failed:     desc("failed_total", "Requests and streams that failed.", "kind"),
		listeners:  desc("listeners", "Listeners that are connected."),
		wanted:     desc("listeners_wanted", "Listeners that shall be connected."),
		events:     desc("events_total", "Events that listeners received."),
		reconnects: desc("reconnects_total", "Times that a listener came back."),
		refused:    desc("streams_refused_total", "Streams that were refused."),
		latency:    desc("latency_seconds", "Latencies of the run so far, by what is measured.", "of"),
		held:       desc("condition", "1 for the state of each condition by what is known so far, else 0.", "condition", "state"),
	}
}

// follow lets the metrics tell of another run.
func (b *benchFigures) follow(live func() loadgen.Live) { b.live.Store(&live) }

// Describe sends what there can be.
func (b *benchFigures) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		b.phase, b.elapsed, b.planned, b.step, b.due, b.waiting, b.sent, b.reactions, b.requests, b.failed,
		b.listeners, b.wanted, b.events, b.reconnects, b.refused, b.latency, b.held,
	} {
		to <- d
	}
}

// Collect sends the metrics.
func (b *benchFigures) Collect(to chan<- prometheus.Metric) {
	now := loadgen.Live{Snapshot: loadgen.Snapshot{Phase: loadgen.Registering}}
	if live := b.live.Load(); live != nil {
		now = (*live)()
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, n int64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
	}
	for _, phase := range []loadgen.Phase{loadgen.Registering, loadgen.Waiting, loadgen.Sending, loadgen.Settling} {
		gauge(b.phase, oneIf(now.Phase == phase), string(phase))
	}
	gauge(b.elapsed, now.Elapsed.Seconds())
	gauge(b.planned, now.Planned.Seconds())
	gauge(b.step, float64(now.Step))
	gauge(b.due, now.Asked)
	gauge(b.waiting, float64(now.Waiting))
	counter(b.sent, now.Sent)
	counter(b.reactions, now.Accepted, "accepted")
	counter(b.reactions, now.Rejected, "rejected")
	counter(b.reactions, now.InDoubt, "in_doubt")
	counter(b.requests, now.Requests)
	for kind, n := range failedByKind(now.Errors) {
		counter(b.failed, n, kind)
	}
	gauge(b.listeners, float64(now.Listeners))
	gauge(b.wanted, float64(now.Wanted))
	counter(b.events, now.Events)
	counter(b.reconnects, now.Audience.Reconnects)
	counter(b.refused, now.Audience.Refused)
	for _, key := range report.LatencyKeys() {
		to <- newLatencyMetric(b.latency, now.Latencies[key], key)
	}
	for condition, state := range b.states(now) {
		for _, s := range []string{"met", "missed", "not measured"} {
			gauge(b.held, oneIf(s == state), condition, s)
		}
	}
}

// states returns the state of each condition.
func (b *benchFigures) states(now loadgen.Live) map[string]string {
	states := map[string]string{}
	if len(b.conditions) == 0 {
		return states
	}
	for _, c := range report.Evaluate(b.conditions, now.Report()) {
		switch {
		case c.Actual == nil:
			states[c.Condition] = "not measured"
		case c.Met:
			states[c.Condition] = "met"
		default:
			states[c.Condition] = "missed"
		}
	}
	return states
}

// failedByKind makes the kinds of errors, which are foreign, safe to print, and adds the
// counts of those that become the same. One kind stands there from the start.
func failedByKind(errors map[string]int64) map[string]int64 {
	clean := map[string]int64{loadgen.OtherErrors: 0}
	for kind, n := range errors {
		clean[text.Clean(kind)] += n
	}
	return clean
}

func oneIf(is bool) float64 {
	if is {
		return 1
	}
	return 0
}
