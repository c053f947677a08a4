package loadgen_test

import (
	"context"
	"math"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/loadgen/report"
)

// What is given up has waited since it was due, in whatever part of the load that was.
func TestGivenUpIsInTheLatencies(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	for range 25 {
		stages := randomStages(rng)
		s := loadgen.Staged(stages)
		if s.Total() == 0 {
			continue
		}
		warmUp, drain, timeout := time.Duration(rng.Int64N(int64(s.Length()))), time.Duration(1+rng.Int64N(int64(3*time.Second))), time.Duration(1+rng.Int64N(int64(2*time.Second)))
		next := rng.Int64N(s.Total() + 1)
		var unsent []int64
		if next > 0 {
			unsent = []int64{rng.Int64N(next)}
		}
		var want []*report.Histogram
		for range 1 + len(stages) {
			want = append(want, report.NewHistogram())
		}
		for n := range s.Total() {
			if due, _ := s.Due(n); n >= next || slices.Contains(unsent, n) {
				want[loadgen.PartOf(s, warmUp, due)].Record(max(timeout, s.Length()+drain-due))
			}
		}
		for i, got := range loadgen.GiveUp(s, warmUp, timeout, drain, next, unsent) {
			if got.Count() != want[i].Count() {
				t.Fatalf("%v, warm-up %v: %d given up in part %d, want %d", stages, warmUp, got.Count(), i, want[i].Count())
			}
			for _, q := range []float64{0, 0.01, 0.5, 0.9, 0.99, 1} {
				if is, of := got.Quantile(q).Seconds(), want[i].Quantile(q).Seconds(); math.Abs(is-of) > of/500+2e-6 {
					t.Errorf("%v, warm-up %v, timeout %v, drain %v: part %d, quantile %v is %v s, want %v s", stages, warmUp, timeout, drain, i, q, is, of)
				}
			}
		}
	}
}

// However many are given up, it takes no time worth mentioning: a test that goes through
// all of them would not end.
func TestGivesUpAnyNumber(t *testing.T) {
	const length = 1000 * time.Hour
	s := loadgen.Staged([]loadgen.Stage{{For: length, From: 1e7, To: 1e7}})
	if h := loadgen.GiveUp(s, 0, time.Second, time.Second, 1000, nil)[1]; h.Count() != s.Total()-1000 {
		t.Errorf("%d are given up, want %d", h.Count(), s.Total()-1000)
	}
}

// A request that an interrupted run ends has not timed out, and counts with the time that
// it was waited for. What was due and not sent then is in no latency. What is ended because
// drain has passed is told as given up.
func TestRequestsThatTheRunEnds(t *testing.T) {
	t.Parallel()
	does := func(n int64, _ time.Duration) deed { return deed{after: ms, status: http.StatusOK, never: n >= 20} }
	for name, tt := range map[string]struct {
		interrupted bool
		kind        string
		longest     time.Duration
		acks        func(r report.Report) int64
		lasted      time.Duration
	}{
		// Round trips are ended 1 s after nothing more is sent, and two looks at them later.
		"interrupted": {true, "interrupted", 2100 * ms, func(r report.Report) int64 { return r.Sent }, 2 * time.Second},
		"given up":    {false, "given up", 10 * time.Second, func(r report.Report) int64 { return r.Sent + r.Unsent }, 3500 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, interrupt := context.WithCancel(t.Context())
				defer interrupt()
				if tt.interrupted {
					time.AfterFunc(2100*ms, interrupt) // 2 s after sending has begun
				}
				r := (&trueServer{does: does}).run(ctx, t, loadgen.Config{Rate: 20, Duration: 3 * time.Second, Connections: 8, Timeout: 10 * time.Second, Drain: 500 * ms})
				if r.Sent != 28 || r.InDoubt != 8 || r.Errors[tt.kind] != 8 || r.Errors["timeout"] != 0 || r.Unsent == 0 {
					t.Errorf("sent %d, in doubt %d, not sent %d: %v", r.Sent, r.InDoubt, r.Unsent, r.Errors)
				}
				ack, failed := r.Latency[report.Ack], r.Latency[report.AckFailed]
				if ack.Count != tt.acks(r) || failed.Count != ack.Count-20 {
					t.Errorf("%d latencies, %d of them without an answer; sent %d, not sent %d", ack.Count, failed.Count, r.Sent, r.Unsent)
				}
				isNear(t, "the longest", failed.Max, report.InMS(tt.longest))
				isNear(t, "the duration", r.DurationMS, report.InMS(tt.lasted))
			})
		})
	}
}
