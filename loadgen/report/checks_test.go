package report_test

import (
	"strings"
	"testing"

	"github.com/emostream/emostream/loadgen/report"
)

// missedIn returns the names of the checks of a run that are missed.
func missedIn(r report.Report, allowInvalid bool) string {
	var names []string
	for _, c := range report.Misses(report.Checks(r, allowInvalid)) {
		names = append(names, c.Name)
	}
	return strings.Join(names, ", ")
}

// What every run must show counts beside the conditions that were asked for. What could
// not be checked is not missed.
func TestChecks(t *testing.T) {
	good := fabricate(load{seed: 1, seconds: 2})
	change := func(f func(*report.Report)) report.Report {
		r := good
		f(&r)
		return r
	}
	for name, test := range map[string]struct {
		r       report.Report
		allowed bool
		want    string
	}{
		"good":                 {good, false, ""},
		"interrupted":          {change(func(r *report.Report) { r.Interrupted = true }), false, "a run to its end"},
		"lost":                 {change(func(r *report.Report) { r.Lost = new(int64(2)) }), false, "balanced books"},
		"doubled":              {change(func(r *report.Report) { r.Doubled = new(int64(2)) }), false, "balanced books"},
		"no books":             {change(func(r *report.Report) { r.Lost, r.Doubled = nil, nil }), false, ""},
		"books of a part":      {change(func(r *report.Report) { r.UnbalancedBecause = "why" }), false, "balanced books"},
		"nothing accepted":     {change(func(r *report.Report) { r.Accepted = 0 }), false, "anything accepted"},
		"nothing due":          {change(func(r *report.Report) { r.Accepted, r.Sent = 0, 0 }), false, ""},
		"invalid":              {change(func(r *report.Report) { r.Invalid = true }), false, "a valid run"},
		"invalid, and allowed": {change(func(r *report.Report) { r.Invalid = true }), true, ""},
		"a condition": {change(func(r *report.Report) {
			r.Thresholds = report.Evaluate(conditions("lost==0", "accepted<5", "ack_p99<1s"), *r)
		}), false, "accepted<5"},
		"a search that found a rate": {change(func(r *report.Report) { r.Search = []report.Step{{Rate: 5}, {Rate: 2, Met: true}} }), false, ""},
		"a search that found none":   {change(func(r *report.Report) { r.Search = []report.Step{{Rate: 5, Missed: []string{"x"}}} }), false, "a rate that holds"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := missedIn(test.r, test.allowed); got != test.want {
				t.Errorf("missed: %q, want %q", got, test.want)
			}
		})
	}
}

// A merge comes to its end also where a run of it did not: that is told, and not passed
// off as met.
func TestMergedChecks(t *testing.T) {
	r := fabricate(load{seed: 1, seconds: 2})
	r.Interrupted = true
	checks := report.MergedChecks(r, false)
	if missed := report.Misses(checks); len(missed) > 0 {
		t.Errorf("missed: %v", missed)
	}
	if checks[0].Outcome != report.NotChecked || !strings.Contains(checks[0].Says, "interrupted") {
		t.Errorf("the end: %+v", checks[0])
	}
	r.Interrupted = false
	if end := report.MergedChecks(r, false)[0]; end.Outcome != report.Met {
		t.Errorf("the end of whole runs: %+v", end)
	}
}

// A figure counts in a comparison if there is a limit and it is judged.
func TestChecksOfAComparison(t *testing.T) {
	base, slow := fabricate(load{seed: 1}), fabricate(load{seed: 2, slower: 2})
	other := fabricate(load{seed: 1, rate: 100})
	limit := 5.0
	for name, test := range map[string]struct {
		after  report.Report
		failOn *float64
		missed string
	}{
		"worse":           {slow, &limit, "overhead_p50, overhead_p90, overhead_p99, overhead_p99.9"},
		"no limit":        {slow, nil, ""},
		"the same":        {base, &limit, ""},
		"not comparable":  {other, &limit, "comparable runs"},
		"and no limit to": {other, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := report.Compare([]report.Report{base}, []report.Report{test.after}, test.failOn)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, m := range report.Misses(c.Checks()) {
				names = append(names, m.Name)
			}
			if got := strings.Join(names, ", "); !strings.HasPrefix(got, test.missed) || test.missed == "" && got != "" {
				t.Errorf("missed: %q, want %q", got, test.missed)
			}
		})
	}
}
