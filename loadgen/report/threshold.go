package report

import (
	"fmt"
	"strconv"
	"strings"
)

// Threshold is a condition that a run must meet: a metric, an operator and a bound.
// ParseThreshold makes it. No run meets the zero value.
type Threshold struct {
	metric metric
	op     string
	bound  float64 // in the metric's unit
	text   string
}

// String returns the condition as it was written, without spaces.
func (t Threshold) String() string { return t.text }

// ParseThreshold parses a condition such as overhead_p99<300ms, lost==0,
// ack_p99.9<=50ms, accepted>=1000 or error_rate<1%. A time needs a unit (us, ms or s),
// a share needs %, memory B, KB, MB, GB, KiB, MiB or GiB, and a count has no unit. The
// metric rate is the number of reactions accepted a second. A metric of one stage begins
// with the stage, as in stage2.ack_p99.
func ParseThreshold(s string) (Threshold, error) {
	text := strings.Join(strings.Fields(s), "")
	at := strings.IndexAny(text, "<>=!")
	if at < 0 {
		return Threshold{}, fmt.Errorf("threshold %.60q: want a name, an operator (< <= > >= == !=) and a value, as in overhead_p99<300ms", s)
	}
	op := text[at : at+1]
	if strings.HasPrefix(text[at+1:], "=") {
		op += "="
	}
	if op == "=" || op == "!" {
		return Threshold{}, fmt.Errorf("threshold %.60q: %q is no operator: use < <= > >= == or !=", s, op)
	}
	m, err := findMetric(text[:at])
	if err != nil {
		return Threshold{}, fmt.Errorf("threshold %.60q: %w", s, err)
	}
	bound, err := parseBound(text[at+len(op):], m.unit)
	if err != nil {
		return Threshold{}, fmt.Errorf("threshold %.60q: %w", s, err)
	}
	return Threshold{m, op, bound, text}, nil
}

// parseBound parses the value that a metric with unit u is compared with.
func parseBound(s string, u unit) (float64, error) {
	digits := strings.TrimRight(s, "µusm%KMGiB")
	suffix := s[len(digits):]
	v, err := strconv.ParseFloat(digits, 64)
	if err != nil || strings.Trim(digits, "0123456789.") != "" {
		return 0, fmt.Errorf("%.20q is no value: want digits and a unit, as in 300ms, 1%% or 1000", s)
	}
	switch u {
	case millis:
		return bounded(v, suffix, map[string]float64{"us": 0.001, "µs": 0.001, "ms": 1, "s": 1000}, "a time wants a unit: us, ms or s")
	case micros:
		return bounded(v, suffix, map[string]float64{"us": 1, "µs": 1, "ms": 1e3, "s": 1e6}, "a time wants a unit: us, ms or s")
	case octets:
		return bounded(v, suffix, map[string]float64{"B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}, "memory wants a unit: B, KB, MB, GB, KiB, MiB or GiB")
	case percent:
		return bounded(v, suffix, map[string]float64{"%": 1}, "a share wants %, as in 1%")
	}
	return bounded(v, suffix, map[string]float64{"": 1}, "a count has no unit")
}

func bounded(v float64, suffix string, factors map[string]float64, wants string) (float64, error) {
	factor, ok := factors[suffix]
	if !ok {
		return 0, fmt.Errorf("the unit is %.10q, and %s", suffix, wants)
	}
	return v * factor, nil
}

// Evaluate returns which conditions a report meets. A condition on a metric that the
// report does not contain is not met. Actual is in milliseconds for a latency, in
// microseconds for processor time, in percent for a share and in bytes for memory.
func Evaluate(conds []Threshold, r Report) []ThresholdResult {
	results := make([]ThresholdResult, 0, len(conds))
	for _, t := range conds {
		result := ThresholdResult{Condition: t.text}
		if t.metric.value != nil {
			if v := t.metric.value(r); v != nil {
				result.Actual, result.Met = v, t.met(*v)
			}
		}
		results = append(results, result)
	}
	return results
}

func (t Threshold) met(v float64) bool {
	switch t.op {
	case "<":
		return v < t.bound
	case "<=":
		return v <= t.bound
	case ">":
		return v > t.bound
	case ">=":
		return v >= t.bound
	case "==":
		return v == t.bound
	case "!=":
		return v != t.bound
	}
	return false
}
