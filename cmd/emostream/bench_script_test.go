package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/emostream/emostream/loadgen/report"
)

// fabricateReport writes the report of a run that never took place and lasted a minute,
// as in `report a.json overhead=120 lost=3 host=left`. Further settings are rate, and
// at: how many seconds after the other runs this one began.
func fabricateReport(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: report FILE [NAME=VALUE...]")
	}
	host, n := "left", map[string]int{"overhead": 110, "rate": 100}
	for _, arg := range args[1:] {
		name, value, _ := strings.Cut(arg, "=")
		if name == "host" {
			host = value
			continue
		}
		v, err := strconv.Atoi(value)
		ts.Check(err)
		n[name] = v
	}
	ts.Check(report.WriteFile(ts.MkAbs(args[0]), fabricated(host, n), nil))
}

func fabricated(host string, n map[string]int) report.Report {
	overhead := report.NewHistogram()
	for i := range 6000 {
		overhead.Record(time.Duration(n["overhead"])*time.Millisecond + time.Duration(i%7)*time.Millisecond)
	}
	accepted, lost := int64(60*n["rate"]), int64(n["lost"])
	return report.Report{
		Schema: report.Schema, Started: time.Date(2026, 11, 25, 9, 30, n["at"], 0, time.UTC), DurationMS: 60_000,
		Options:     report.Options{Target: "http://127.0.0.1:5000", Rate: float64(n["rate"]), DurationMS: 60_000, Channel: "bench-" + host},
		Environment: report.Environment{Host: host, CPUs: 2},
		Sent:        accepted, Accepted: accepted, Requests: accepted,
		Counted: new(accepted - lost), Lost: &lost, Doubled: new(int64(0)), Shifted: new(int64(0)),
		Latency:    map[string]*report.Latency{report.Overhead: overhead.Latency()},
		Thresholds: []report.ThresholdResult{{Condition: "accepted<10000", Actual: new(float64(accepted)), Met: accepted < 10000}},
	}
}
