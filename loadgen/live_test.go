package loadgen_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/loadgen/report"
)

// What is known of a run when it is over is what its report says. Conditions on what only
// the end tells are not measured before.
func TestLive(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer target.Close()
	var live func() loadgen.Live
	var before loadgen.Live
	r, err := loadgen.Run(t.Context(), loadgen.Config{
		Publish: &loadgen.Publish{PostURL: target.URL}, Rate: 100, Duration: 200 * time.Millisecond, WarmUp: 50 * time.Millisecond, Connections: 2,
		Live: func(l func() loadgen.Live) { live, before = l, l() },
	})
	if err != nil {
		t.Fatal(err)
	}
	if before.Sent != 0 || before.Phase != loadgen.Registering {
		t.Errorf("before the run: %+v", before.Snapshot)
	}
	after := live()
	if w := r.WarmUp; w == nil || w.Sent != 5 || after.WarmUp == nil || after.WarmUp.Sent != 5 || after.Report().Load().Sent != 15 {
		t.Errorf("warm-up %+v, live %+v", w, after.WarmUp)
	}
	counts := func(r report.Report) []int64 {
		return []int64{r.Sent, r.Accepted, r.Rejected, r.InDoubt, r.Requests, r.Latency[report.Ack].Count, r.Latency[report.SendDelay].Count}
	}
	if d := cmp.Diff(counts(r), counts(after.Report())); d != "" {
		t.Errorf("the report and what was known (-report +live):\n%s", d)
	}
	if r.Sent != 20 {
		t.Errorf("%d were sent", r.Sent)
	}
	var conditions []report.Threshold
	for _, text := range []string{"ack_p99<10s", "error_rate<1%", "lost==0", "gaps==0"} {
		c, err := report.ParseThreshold(text)
		if err != nil {
			t.Fatal(err)
		}
		conditions = append(conditions, c)
	}
	for i, c := range report.Evaluate(conditions, after.Report()) {
		if known := i < 2; c.Met != known || (c.Actual != nil) != known {
			t.Errorf("%s: %v, %t", c.Condition, c.Actual, c.Met)
		}
	}
}

// A search tells of each of its runs.
func TestLiveOfASearch(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer target.Close()
	var rates []float64
	r, err := loadgen.FindMax(t.Context(), loadgen.Config{
		Publish: &loadgen.Publish{PostURL: target.URL}, Rate: 50, Duration: 50 * time.Millisecond, Connections: 2,
		Live: func(live func() loadgen.Live) {
			l := live()
			rates = append(rates, l.Rate)
			if l.Step != len(rates) {
				t.Errorf("run %d is told as run %d", len(rates), l.Step)
			}
		},
	}, loadgen.Search{Max: 100})
	if err != nil {
		t.Fatal(err)
	}
	var made []float64
	for _, s := range r.Search {
		made = append(made, s.Rate)
	}
	if d := cmp.Diff(made, rates); d != "" {
		t.Errorf("the rates that were tried and told (-tried +told):\n%s", d)
	}
}
