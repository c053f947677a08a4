package report_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/loadgen/report"
)

// fabricatePart makes up a part of a load. Request i of it was answered after i µs, and
// the last ones failed.
func fabricatePart(ms float64, sent, rejected int64) report.Part {
	p := report.Part{DurationMS: ms, Sent: sent, Accepted: sent - rejected, Rejected: rejected, Requests: sent, Errors: rejected, Latency: map[string]*report.Latency{}}
	ack := report.NewHistogram()
	for i := range sent {
		ack.Record(time.Duration(i) * time.Microsecond)
	}
	if l := ack.Latency(); l != nil {
		p.Latency[report.Ack] = l
	}
	return p
}

// fabricateStages makes up the report of a warm-up, a ramp, a constant rate of which not
// all could be sent, and a pause.
func fabricateStages(seed uint64) report.Report {
	r := fabricate(load{seed: seed, seconds: 4, failures: 500})
	r.Options.Rate, r.Options.Stages, r.Options.WarmUpMS = 0, "2s:100..5000,1s:3000,1s:0", 1000
	steady := fabricatePart(1100, 2700, 200)
	steady.Unsent, steady.Errors = 300, 500
	r.WarmUp = new(fabricatePart(1000, 1325, 300))
	r.Stages = []report.Stage{
		{ForMS: 2000, Rate: 100, EndRate: 5000, Part: fabricatePart(1000, 3775, 0)},
		{ForMS: 1000, Rate: 3000, EndRate: 3000, Part: steady},
		{ForMS: 1000, Part: fabricatePart(1000, 0, 0)},
	}
	r.Sent, r.Requests, r.Rejected, r.Unsent = 7800, 7800, 500, 300
	r.Accepted, r.Errors = 7300, map[string]int64{"503": 500, "not sent": 300, report.StreamError + "ended": 7}
	r.UnsentBecause = "too slow for 64 connections"
	return r
}

// The warm-up is in no rate and in no condition on what is sent. The books are whole.
// What a stage has measured is in its conditions, and a pause has measured nothing.
func TestConditionsOnParts(t *testing.T) {
	r := fabricateStages(1)
	const missing = -1
	for name, want := range map[string]float64{
		"sent": 6475, "accepted": 6275, "rejected": 200, "unsent": 300, "requests": 6475, "errors": 500 + 7, "rate": 6275. / 3, "error_rate": 100 * 500. / 6775,
		"counted": float64(*r.Counted), "lost": 0,
		"stage1.sent": 3775, "stage1.rate": 3775, "stage1.rejected": 0, "stage1.error_rate": 0, "stage1.ack_max": 3.775,
		"stage2.accepted": 2500, "stage2.rate": 2500 / 1.1, "stage2.errors": 500, "stage2.unsent": 300, "stage2.error_rate": 100 * 500. / 3000, "stage2.in_doubt": 0,
		"stage2.ack_p50": 1.35, "stage2.ack_p99": 2.673, "stage2.ack_p75": 2.025, "stage2.ack_mean": 1.35, "stage2.ack_refused_p99": missing,
		"stage3.sent": missing, "stage3.accepted": missing, "stage3.rate": missing, "stage3.unsent": missing, "stage3.error_rate": missing, "stage3.ack_p99": missing,
		"stage4.sent": missing,
	} {
		unit := map[bool]string{true: "ms", false: ""}[strings.Contains(name, "ack_")]
		if strings.HasSuffix(name, "error_rate") {
			unit = "%"
		}
		for _, c := range []struct {
			condition string
			met       bool
		}{{fmt.Sprintf("%s>=%.4f%s", name, want*0.999, unit), want != missing}, {fmt.Sprintf("%s<%.4f%s", name, max(0, want*0.999), unit), false}} {
			if want == missing {
				c.condition = strings.Replace(c.condition, "-0.9990", "0", 1)
			}
			got := report.Evaluate(conditions(c.condition), r)[0]
			if got.Met != c.met || (got.Actual == nil) != (want == missing) {
				t.Errorf("%s: met is %t, the value %v", c.condition, got.Met, got.Actual)
			}
			if got.Actual != nil && (*got.Actual < want*0.999 || *got.Actual > want*1.001) {
				t.Errorf("%s is %v, want %v", name, *got.Actual, want)
			}
		}
	}
}

func TestConditionsOnStagesThatAreNone(t *testing.T) {
	for condition, want := range map[string]string{
		"stage0.sent>1":                    "stages are counted from 1",
		"stage1.lost==0":                   `a stage has no "lost": it has the latencies ack_accepted`,
		"stage1.e2e_p99<1ms":               `a stage has no "e2e_p99"`,
		"stage1.ack_p100<1ms":              `a stage has no "ack_p100"`,
		"stage1.ack_p99<1":                 "a time wants a unit",
		"stage.sent>1":                     "of one stage as in stage2.ack_p99",
		"stage-1.sent>1":                   "there is no",
		"stage1.stage1.sent>1":             "a stage has no",
		"stage999999999999.x>1":            "a stage has no",
		"stage1sent>1":                     "there is no",
		"stage99999999999999999999.sent>1": "there is no",
	} {
		if _, err := report.ParseThreshold(condition); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", condition, err, want)
		}
	}
	for condition, want := range map[string]int{"stage12.sent>1": 12, "sent>1": 0} {
		if c := conditions(condition)[0]; c.Stage() != want {
			t.Errorf("%q is on stage %d", condition, c.Stage())
		}
	}
}

// A run of which only the warm-up was done has measured nothing.
func TestNothingButTheWarmUp(t *testing.T) {
	r := fabricate(load{seed: 1, seconds: 1})
	r.Options.WarmUpMS, r.Interrupted, r.Latency = 2000, true, map[string]*report.Latency{}
	r.WarmUp = new(fabricatePart(1000, r.Sent, 0))
	for _, got := range report.Evaluate(conditions("rate>=0", "error_rate<1%", "rejected==0", "ack_p99<1s", "errors==0"), r) {
		if got.Met || got.Actual != nil {
			t.Errorf("%s is met: %v", got.Condition, got.Actual)
		}
	}
	page(t, r)
}

// Merged, counts and rates of each stage are added, and so are its histograms.
func TestMergeStages(t *testing.T) {
	a, b := fabricateStages(1), fabricateStages(2)
	b.Stages[0].Part = fabricatePart(1200, 4000, 6)
	b.Thresholds = report.Evaluate(conditions("stage1.sent>=7775", "stage1.ack_max<5ms"), b)
	m := merge(t, a, b)
	all := report.NewHistogram()
	for _, n := range []int{3775, 4000} {
		for i := range n {
			all.Record(time.Duration(i) * time.Microsecond)
		}
	}
	want := report.Stage{ForMS: 2000, Rate: 200, EndRate: 10000, Part: report.Part{
		DurationMS: 1200, Sent: 7775, Accepted: 7769, Rejected: 6, Requests: 7775, Errors: 6, Latency: map[string]*report.Latency{report.Ack: all.Latency()},
	}}
	if diff := cmp.Diff(want, m.Stages[0]); diff != "" {
		t.Errorf("the first stage (-want +got):\n%s", diff)
	}
	if len(m.Stages) != 3 || m.WarmUp == nil || m.WarmUp.Sent != 2*1325 || m.Stages[1].Unsent != 600 {
		t.Errorf("stages %+v, warm-up %+v", m.Stages, m.WarmUp)
	}
	for _, th := range m.Thresholds {
		if !th.Met {
			t.Errorf("%s is missed: %v", th.Condition, th.Actual)
		}
	}
	if load := m.Load(); load.Sent != 2*6475 || load.DurationMS != 3000 {
		t.Errorf("measured: %+v", load)
	}
	if _, err := report.ReadJSON(encoded(t, m)); err != nil {
		t.Errorf("the joined report cannot be read: %v", err)
	}

	b.Stages = nil // of an older version
	if m := merge(t, a, b); m.Stages != nil || !strings.Contains(strings.Join(m.Notes, " "), "no figures by stage") {
		t.Errorf("stages %v, notes %q", m.Stages, m.Notes)
	}
	b.Options.WarmUpMS = 0
	if _, err := report.Merge([]report.Report{a, b}); err == nil || !strings.Contains(err.Error(), "warm-up") {
		t.Errorf("another warm-up: %v", err)
	}
}

// The page has the table of the parts, and tells in the charts over time where the
// warm-up ends.
func TestPageOfParts(t *testing.T) {
	html := page(t, fabricateStages(1))
	for _, want := range []string{
		"<h2>By stage<small>", "<th scope=\"row\">warm-up</th><td>1s</td><td></td><td>1,025</td><td>1,025</td><td>300</td>",
		"<th scope=\"row\">stage2</th><td>1s</td><td>3,000</td><td>2,273</td><td>2,500</td><td>200</td>", "reactions a second; the first 1s are warm-up",
	} {
		if !strings.Contains(html, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page(t, fabricate(load{seed: 1})), "By stage") {
		t.Error("a run without stages has a table of them")
	}
}

// Damage in the figures of a part is named.
func TestJSONOfDamagedParts(t *testing.T) {
	good := string(encoded(t, fabricateStages(1)))
	_, stages, _ := strings.Cut(good, `"stages": [`)
	for name, test := range map[string]struct{ old, by, want string }{
		"a missing key":   {`"unsent": 0,`, ``, "unsent is missing"},
		"a wrong count":   {`"count": 3775`, `"count": 3776`, "stages[0].latency.ack: its histogram holds 3775 values"},
		"a wrong warm-up": {`"count": 1325`, `"count": 1324`, "warm_up.latency.ack: its histogram holds 1325 values"},
	} {
		text := strings.Replace(good, test.old, test.by, 1)
		if strings.Contains(stages, test.old) {
			text = strings.Replace(good, stages, strings.Replace(stages, test.old, test.by, 1), 1)
		}
		if _, err := report.ReadJSON([]byte(text)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

// Runs with and without a warm-up cannot be compared.
func TestCompareTellsTheWarmUp(t *testing.T) {
	a, b := fabricate(load{seed: 1}), fabricate(load{seed: 1})
	b.Options.WarmUpMS, b.WarmUp = 5000, new(fabricatePart(5000, 10_000, 0))
	c, err := report.Compare([]report.Report{a}, []report.Report{b}, nil)
	if err != nil || c.Comparable || !strings.Contains(c.Incomparable(), "warm-up none against 5s") {
		t.Errorf("%v, comparable %t: %s", err, c.Comparable, c.Incomparable())
	}
}

// What was not sent is among what was due, so that the error rate is 100 % at most, also
// where a request holds several reactions, and where none was sent.
func TestErrorRateIsOfWhatWasDue(t *testing.T) {
	for name, tt := range map[string]struct {
		r      report.Report
		errors string
		want   float64
	}{
		"most was not sent": {report.Report{Sent: 16, Accepted: 15, Rejected: 1, Requests: 16, Unsent: 44, Errors: map[string]int64{"not sent": 44, "503": 1}}, "45 of 60", 75},
		"batches":           {report.Report{Sent: 1000, Rejected: 1000, Requests: 10, Unsent: 3000, Errors: map[string]int64{"not sent": 30, "503": 10}}, "40 of 40", 100},
		"none was sent":     {report.Report{Unsent: 600, Errors: map[string]int64{"not sent": 6, report.StreamError + "ended": 2}}, "6 of 6", 100},
	} {
		t.Run(name, func(t *testing.T) {
			of, err := report.ParseThreshold("error_rate>=0%")
			if err != nil {
				t.Fatal(err)
			}
			tt.r.DurationMS = 1000
			other := tt.r
			other.Seed = 1 // it is another run
			merged, err := report.Merge([]report.Report{tt.r, other})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range []report.Report{tt.r, merged} {
				if got := report.Evaluate([]report.Threshold{of}, r)[0].Actual; got == nil || *got != tt.want {
					t.Errorf("%v, want %v", got, tt.want)
				}
			}
			var page strings.Builder
			if err := report.WriteHTML(&page, tt.r); err != nil || !strings.Contains(page.String(), tt.errors) {
				t.Errorf("the page lacks %q, %v", tt.errors, err)
			}
		})
	}
}
