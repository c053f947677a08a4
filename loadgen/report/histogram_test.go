package report_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/emostream/emostream/loadgen/report"
)

func TestLatency(t *testing.T) {
	h := report.NewHistogram()
	if h.Latency() != nil {
		t.Error("nothing was counted, and yet there are figures")
	}
	for i := range 1000 {
		h.Record(time.Duration(i+1) * time.Millisecond)
	}
	got := h.Latency()
	for name, v := range map[string][2]float64{
		"count": {float64(got.Count), 1000}, "mean": {got.Mean, 500.5}, "p50": {got.P50, 500}, "p90": {got.P90, 900},
		"p99": {got.P99, 990}, "p999": {got.P999, 999}, "max": {got.Max, 1000},
	} {
		if math.Abs(v[0]-v[1]) > v[1]/500 {
			t.Errorf("%s = %v, want %v", name, v[0], v[1])
		}
	}
}

func TestLatencyBeyondItsRange(t *testing.T) {
	h := report.NewHistogram()
	for _, d := range []time.Duration{-time.Second, 0, time.Hour} {
		h.Record(d)
	}
	if l := h.Latency(); l.Count != 3 || l.P50 != 0.001 || math.Abs(l.Max-600_000) > 600 {
		t.Errorf("got %+v, want the nearest in the range", l)
	}
}

// A histogram is unchanged after it went through a report. The merged histograms of
// several reports equal the histogram of all their values.
func TestLatencyMergesExactly(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	all, merged := report.NewHistogram(), report.NewHistogram()
	for range 5 {
		part := report.NewHistogram()
		for range 1000 {
			d := time.Duration(math.Exp(rng.Float64()*27)) * time.Nanosecond // to 9 min
			part.Record(d)
			all.Record(d)
		}
		again, err := part.Latency().Decode()
		if err != nil {
			t.Fatal(err)
		}
		merged.Merge(again)
	}
	if got, want := merged.Latency(), all.Latency(); *got != *want {
		t.Errorf("merged: %+v\nwant    %+v", got, want)
	}
}

func TestLatencyRefusesWhatIsNoHistogram(t *testing.T) {
	for _, text := range []string{"", "x", "AAAA", "HISTFAAAAB"} {
		if h, err := (&report.Latency{Histogram: text}).Decode(); err == nil {
			t.Errorf("%q is read as %v", text, h)
		}
	}
}
