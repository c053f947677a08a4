package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// loadMetric is a counter of a part of the load.
type loadMetric struct {
	name  string
	unit  unit
	value func(Part) *float64
}

// loadMetrics returns the counters that both the measured load and each stage have.
func loadMetrics() []loadMetric {
	countIf := func(measured bool, n int64) *float64 {
		if !measured {
			return nil
		}
		return new(float64(n))
	}
	return []loadMetric{
		{"sent", plain, func(p Part) *float64 { return countIf(true, p.Sent) }},
		{"accepted", plain, func(p Part) *float64 { return countIf(true, p.Accepted) }},
		{"rejected", plain, func(p Part) *float64 { return countIf(p.Sent > 0, p.Rejected) }},
		{"in_doubt", plain, func(p Part) *float64 { return countIf(p.Sent > 0, p.InDoubt) }},
		{"unsent", plain, func(p Part) *float64 { return countIf(p.Sent+p.Unsent > 0, p.Unsent) }},
		{"requests", plain, func(p Part) *float64 { return countIf(true, p.Requests) }},
		{"error_rate", percent, Part.errorRate},
		{"rate", plain, Part.AcceptedRate},
	}
}

// stageMetrics returns the counters of a stage.
func stageMetrics() []loadMetric {
	errors := loadMetric{"errors", plain, func(p Part) *float64 {
		if p.Sent == 0 {
			return nil
		}
		return new(float64(p.Errors))
	}}
	return append(loadMetrics(), errors)
}

// cutStage splits the name of a metric of one stage, such as stage2.ack_p99.
func cutStage(name string) (stage int, rest string, ok bool) {
	digits, rest, found := strings.Cut(name, ".")
	digits, is := strings.CutPrefix(digits, "stage")
	stage, err := strconv.Atoi(digits)
	return stage, rest, found && is && err == nil && stage >= 0
}

// findStageMetric returns a metric of one stage, or an error that lists the known ones. A
// stage in which nothing was due has measured nothing.
func findStageMetric(stage int, name string) (metric, error) {
	if stage == 0 {
		return metric{}, fmt.Errorf("there is no stage0: stages are counted from 1")
	}
	of, err := stageValue(name)
	if err != nil {
		return metric{}, err
	}
	return metric{name: fmt.Sprintf("stage%d.%s", stage, name), unit: of.unit, stage: stage, value: func(r Report) *float64 {
		if stage > len(r.Stages) {
			return nil
		}
		p := r.Stages[stage-1].Part
		if p.Sent+p.Unsent == 0 {
			return nil
		}
		return of.value(p)
	}}, nil
}

// stageValue returns the counter or latency of a stage with the given name.
func stageValue(name string) (loadMetric, error) {
	all := stageMetrics()
	if i := slices.IndexFunc(all, func(m loadMetric) bool { return m.name == name }); i >= 0 {
		return all[i], nil
	}
	latencies := []string{AckAccepted, AckRefused, AckFailed, Ack, SendDelay}
	for _, key := range latencies {
		part, ok := strings.CutPrefix(name, key+"_")
		if of, is := percentile(part); ok && is {
			whole := latencyMetric(name, key, of)
			return loadMetric{name, millis, func(p Part) *float64 {
				return whole.value(Report{Accepted: p.Accepted, Latency: p.Latency})
			}}, nil
		}
	}
	var names []string
	for _, m := range all {
		names = append(names, m.name)
	}
	return loadMetric{}, fmt.Errorf("a stage has no %.40q: it has the latencies %s (each with _p50, _p99.9, _mean, _max ...) and the counters %s",
		name, strings.Join(latencies, ", "), strings.Join(names, ", "))
}

// Stage returns the stage that the condition is on, from 1, or 0 if it is on the whole.
func (t Threshold) Stage() int { return t.metric.stage }

// Metric returns the name of what the condition is on, as in ack_p99 or stage2.sent.
func (t Threshold) Metric() string { return t.metric.name }
