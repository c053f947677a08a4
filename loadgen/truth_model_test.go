package loadgen_test

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/loadgen/report"
)

// deed is what a server does with a request.
type deed struct {
	after  time.Duration // from when it came until it is answered
	status int           // of the answer; 0: there is none, and the connection ends
	never  bool          // it is never answered
	closes bool          // the connection ends after the answer
}

// deeds says what a server does with request n, which comes at a moment after the start.
type deeds func(n int64, at time.Duration) deed

// truth is what must become of a run, by arithmetic.
type truth struct {
	sent, accepted, rejected, inDoubt, unsent int64
	errors                                    map[string]int64
	lasted                                    time.Duration
	starts                                    []time.Duration // when each request is sent
	dues                                      []time.Duration // when each request is due
	ack                                       map[string][]time.Duration
}

// work works out what must become of a run against a server whose answers take no time
// on the network. A request that is due waits for the first connection that is free.
func work(cfg loadgen.Config, does deeds) truth {
	t := truth{errors: map[string]int64{}, ack: map[string][]time.Duration{}, lasted: cfg.Duration}
	free := make([]time.Duration, cfg.Connections)
	for n := int64(0); ; n++ {
		c := 0
		for i := range free {
			if free[i] < free[c] {
				c = i
			}
		}
		due := time.Duration(float64(n) / cfg.Rate * float64(time.Second))
		if cfg.Rate == 0 {
			due = free[c]
		}
		if due >= cfg.Duration {
			return t
		}
		at := max(due, free[c])
		if at >= cfg.Duration+cfg.Drain {
			t.unsent++
			t.errors["not sent"]++
			t.lasted = cfg.Duration + cfg.Drain // it was given up then
			t.add(report.AckFailed, max(t.lasted-due, cfg.Timeout))
			continue
		}
		t.sent++
		t.starts, t.dues = append(t.starts, at), append(t.dues, due)
		t.lasted = max(t.lasted, at)
		d := does(n, at)
		free[c] = at + d.after
		if d.never {
			free[c] = at + cfg.Timeout
		}
		t.end(d, free[c]-due, cfg.Timeout)
	}
}

// end adds a request that ended some time after it was due.
func (want *truth) end(d deed, took, timeout time.Duration) {
	kind := report.AckRefused
	switch {
	case d.never || d.status == 0:
		kind, took = report.AckFailed, max(took, timeout)
		want.inDoubt++
		want.errors[map[bool]string{true: "timeout", false: "closed"}[d.never]]++
	case d.status < 300:
		kind = report.AckAccepted
		want.accepted++
	default:
		if d.status == http.StatusSeeOther || d.status >= 500 { // see client.AnswerOutcome
			want.inDoubt++
		} else {
			want.rejected++
		}
		want.errors[strconv.Itoa(d.status)]++
	}
	want.add(kind, took)
}

// add adds a latency.
func (want *truth) add(kind string, took time.Duration) {
	want.ack[kind] = append(want.ack[kind], took)
	want.ack[report.Ack] = append(want.ack[report.Ack], took)
}

// near is how far a figure may be from the truth, as a share of it.
const near = 0.03

// isNear checks a figure. What is too short for a histogram may differ by its resolution.
func isNear(t *testing.T, name string, got, want float64) {
	t.Helper()
	const resolution = 0.002 // ms
	if math.Abs(got-want) > near*want+resolution {
		t.Errorf("%s is %v, want %v", name, got, want)
	}
}

// checkLatency checks a latency against all its values.
func checkLatency(t *testing.T, name string, got *report.Latency, want []time.Duration) {
	t.Helper()
	if len(want) == 0 {
		if got != nil {
			t.Errorf("%s has %d values, want none", name, got.Count)
		}
		return
	}
	if got == nil || got.Count != int64(len(want)) {
		t.Errorf("%s is %+v, want %d values", name, got, len(want))
		return
	}
	slices.Sort(want)
	sum := time.Duration(0)
	for _, d := range want {
		sum += d
	}
	at := func(q float64) float64 {
		return report.InMS(want[min(len(want), int(math.Ceil(q*float64(len(want)))))-1])
	}
	isNear(t, name+" p50", got.P50, at(0.5))
	isNear(t, name+" p90", got.P90, at(0.9))
	isNear(t, name+" p99", got.P99, at(0.99))
	isNear(t, name+" max", got.Max, at(1))
	isNear(t, name+" mean", got.Mean, report.InMS(sum)/float64(len(want)))
}

// check checks every figure and count of a report of requests.
func (want *truth) check(t *testing.T, r report.Report) {
	t.Helper()
	type counts struct{ sent, accepted, rejected, inDoubt, unsent, requests int64 }
	if got, is := (counts{r.Sent, r.Accepted, r.Rejected, r.InDoubt, r.Unsent, r.Requests}), (counts{want.sent, want.accepted, want.rejected, want.inDoubt, want.unsent, want.sent}); got != is {
		t.Errorf("counts %+v, want %+v", got, is)
	}
	failed := int64(0)
	for kind, n := range want.errors {
		failed += n
		if r.Errors[kind] != n {
			t.Errorf("%d %s, want %d", r.Errors[kind], kind, n)
		}
	}
	if len(r.Errors) != len(want.errors) {
		t.Errorf("errors %v, want %v", r.Errors, want.errors)
	}
	for _, name := range []string{report.Ack, report.AckAccepted, report.AckRefused, report.AckFailed} {
		checkLatency(t, name, r.Latency[name], want.ack[name])
	}
	isNear(t, "duration", r.DurationMS, report.InMS(want.lasted))
	for metric, want := range map[string]float64{
		"rate": float64(want.accepted) / want.lasted.Seconds(), "error_rate": 100 * float64(failed) / float64(want.sent+want.unsent), "unsent": float64(want.unsent),
		"errors": float64(failed), "in_doubt": float64(want.inDoubt),
	} {
		of, err := report.ParseThreshold(metric + ">=0" + map[bool]string{true: "%"}[metric == "error_rate"])
		if err != nil {
			t.Fatal(err)
		}
		if got := report.Evaluate([]report.Threshold{of}, r)[0].Actual; got == nil {
			t.Errorf("%s is not measured", metric)
		} else {
			isNear(t, metric, *got, want)
		}
	}
}
