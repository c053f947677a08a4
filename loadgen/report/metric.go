package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/emostream/emostream/internal/suggest"
)

// unit says what a metric is measured in.
type unit int

const (
	plain   unit = iota // a count, or a count a second
	millis              // a time, in milliseconds
	percent             // a share, in percent
	micros              // processor time, in microseconds
	octets              // memory, in bytes
)

// metric is a named figure of a report: a quantile of a latency, or a counter. value
// returns nil if the report does not contain it.
type metric struct {
	name  string
	unit  unit
	value func(Report) *float64
	stage int // it is of this stage, counted from 1; 0: of the whole load
}

// counters returns the metrics that are not latencies. A count of faults that nobody
// could have noticed is not 0 but not measured, so that no condition on it is met.
func counters() []metric {
	countIf := func(measured func(Report) bool, name string, value func(Report) int64) metric {
		return metric{name: name, unit: plain, value: func(r Report) *float64 {
			if !measured(r) {
				return nil
			}
			return new(float64(value(r)))
		}}
	}
	always := func(Report) bool { return true }
	sent := func(r Report) bool { return r.Load().Sent > 0 }
	listened := func(r Report) bool { return r.Listeners.Connected > 0 }
	asked := func(r Report) bool { return r.Listeners.Connected+r.Listeners.Wanted > 0 || r.Listeners.Refused > 0 }
	shown := func(r Report) bool { return listened(r) && r.Counted != nil && *r.Counted > 0 }
	balanced := func(r Report) bool { return shown(r) && r.UnbalancedBecause == "" }
	book := func(name string, value func(Report) *int64) metric {
		return metric{name: name, unit: plain, value: func(r Report) *float64 {
			if v := value(r); v != nil && r.UnbalancedBecause == "" {
				return new(float64(*v))
			}
			return nil
		}}
	}
	load := func(m loadMetric) metric {
		return metric{name: m.name, unit: m.unit, value: func(r Report) *float64 { return m.value(r.Load()) }}
	}
	var all []metric
	for _, m := range loadMetrics() {
		all = append(all, load(m))
	}
	all = append(all,
		countIf(sent, "errors", func(r Report) int64 { return r.Load().Errors + failures(r) - failedRequests(r) }),
		book("counted", func(r Report) *int64 { return r.Counted }),
		book("lost", func(r Report) *int64 { return r.Lost }),
		book("doubled", func(r Report) *int64 { return r.Doubled }),
		book("lost_at_most", func(r Report) *int64 { return cmp.Or(r.LostAtMost, r.Lost) }),
		book("doubled_at_most", func(r Report) *int64 { return cmp.Or(r.DoubledAtMost, r.Doubled) }),
		book("shifted", func(r Report) *int64 { return r.Shifted }),
		countIf(always, "connected", func(r Report) int64 { return int64(r.Listeners.Connected) }),
		countIf(listened, "events", func(r Report) int64 { return r.Listeners.Events }),
		countIf(balanced, "gaps", func(r Report) int64 { return r.Listeners.Gaps }),
		countIf(balanced, "behind", func(r Report) int64 { return r.Listeners.Behind }),
		countIf(shown, "repeats", func(r Report) int64 { return r.Listeners.Repeats }),
		countIf(shown, "out_of_order", func(r Report) int64 { return r.Listeners.OutOfOrder }),
		countIf(listened, "reconnects", func(r Report) int64 { return r.Listeners.Reconnects }),
		countIf(listened, "resumes", func(r Report) int64 { return r.Listeners.Resumes }),
		countIf(asked, "refused", func(r Report) int64 { return r.Listeners.Refused }),
	)
	return slices.Concat(all, borneMetrics(), usageMetrics())
}

// failures returns how many requests failed, of all kinds.
func failures(r Report) int64 {
	n := int64(0)
	for _, v := range r.Errors {
		n += v
	}
	return n
}

// StreamError is how the kinds of errors begin that are of streams.
const StreamError = "stream "

// failedRequests returns how many requests failed. A stream that ended is no request.
func failedRequests(r Report) int64 {
	n := int64(0)
	for kind, count := range r.Errors {
		if !strings.HasPrefix(kind, StreamError) {
			n += count
		}
	}
	return n
}

// failedOf says of what a table of errors is.
func failedOf(errs map[string]int64) string {
	for kind := range errs {
		if strings.HasPrefix(kind, StreamError) {
			return "Requests and streams that failed"
		}
	}
	return "Requests that failed"
}

// findMetric returns the metric with the given name, or an error that lists the known
// ones.
func findMetric(name string) (metric, error) {
	if stage, of, ok := cutStage(name); ok {
		return findStageMetric(stage, of)
	}
	all := counters()
	if i := slices.IndexFunc(all, func(m metric) bool { return m.name == name }); i >= 0 {
		return all[i], nil
	}
	for _, l := range slices.Backward(latencyNames()) { // ack_accepted before ack
		part, ok := strings.CutPrefix(name, l.key+"_")
		if !ok {
			continue
		}
		if of, ok := percentile(part); ok {
			return latencyMetric(name, l.key, of), nil
		}
		return metric{}, fmt.Errorf("%.40q has no %.20q: a latency has p50, p90, p99, p99.9 or any other percentile, mean and max", l.key, part)
	}
	return metric{}, fmt.Errorf("there is no %.40q%s: there are the latencies %s (each with _p50, _p99.9, _mean, _max ...) and the counters %s, of one stage as in stage2.ack_p99",
		name, didYouMean(name), strings.Join(LatencyKeys(), ", "), strings.Join(metricNames(all), ", "))
}

// latencyMetric returns the metric of a percentile, the mean or the maximum of a
// latency. How fast everything was refused is no ack.
func latencyMetric(name, key string, of float64) metric {
	return metric{name: name, unit: millis, value: func(r Report) *float64 {
		if key == Ack && r.Load().Accepted == 0 {
			return nil
		}
		return latencyValue(r.Latency[key], of)
	}}
}

func metricNames(ms []metric) []string {
	var names []string
	for _, m := range ms {
		names = append(names, m.name)
	}
	return names
}

// didYouMean returns " (did you mean X?)", where X is the known metric name most like
// name. It returns "" if no known name is similar.
func didYouMean(name string) string {
	candidates := metricNames(counters())
	for _, l := range latencyNames() {
		for _, q := range []string{"p50", "p90", "p99", "p99.9", "mean", "max"} {
			candidates = append(candidates, l.key+"_"+q)
		}
	}
	best := suggest.Nearest(name, slices.Values(candidates))
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", best)
}

// Arguments of latencyValue that are not percentiles.
const (
	ofMean = -1
	ofMax  = 100
)

// percentile parses the end of a metric's name (mean, max, p50, p99.9 or p999) as a
// percentile or as one of the constants above.
func percentile(part string) (float64, bool) {
	switch part {
	case "mean":
		return ofMean, true
	case "max":
		return ofMax, true
	}
	digits, ok := strings.CutPrefix(part, "p")
	if !ok || len(digits) > 8 || strings.Trim(digits, "0123456789.") != "" {
		return 0, false
	}
	if strings.HasPrefix(digits, "99") && len(digits) > 2 && !strings.Contains(digits, ".") { // p999, the form used in reports
		digits = digits[:2] + "." + digits[2:]
	}
	q, err := strconv.ParseFloat(digits, 64)
	return q, err == nil && q > 0 && q < 100
}

// latencyValue returns a percentile, the mean or the maximum of a latency, or nil if
// the latency has no values. A percentile that the report holds is taken from there, so
// that a threshold and a table never disagree.
func latencyValue(l *Latency, of float64) *float64 {
	if l == nil || l.Count == 0 {
		return nil
	}
	switch of {
	case ofMean:
		return &l.Mean
	case ofMax:
		return &l.Max
	case 50:
		return &l.P50
	case 90:
		return &l.P90
	case 99:
		return &l.P99
	case 99.9:
		return &l.P999
	}
	h, err := l.Decode()
	if err != nil {
		return nil
	}
	return new(InMS(h.Quantile(of / 100)))
}
