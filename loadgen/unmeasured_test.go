package loadgen_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/loadgen/report"
)

// A gate is not green because everything was refused: conditions on what a run could not
// measure are missed.
func TestRunMissesWhatItDidNotMeasure(t *testing.T) {
	t.Parallel()
	unauthorized := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	silent := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	accepting := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) })
	start := func(t *testing.T, publish, stream http.Handler) *loadgen.Publish {
		t.Helper()
		mux := http.NewServeMux()
		mux.Handle("/pub", publish)
		mux.Handle("/sub", stream)
		srv := httptest.NewServer(mux)
		t.Cleanup(srv.Close)
		return &loadgen.Publish{PostURL: srv.URL + "/pub", StreamURLs: []string{srv.URL + "/sub"}}
	}
	const books, listeners = "lost==0 doubled==0 shifted==0 gaps==0 behind==0 e2e_p99<1s overhead_p99<1s", " reconnects==0 repeats==0 sse_connect_p99<10s first_event_max<10s"
	for name, tt := range map[string]struct {
		publish, stream http.Handler
		missed          string
		met             string
	}{
		"everything is refused":       {unauthorized, unauthorized, books + listeners + " ack_p99<10s error_rate<1% rejected==0 accepted>0", "in_doubt==0"},
		"everything but the stream":   {unauthorized, silent, books + " ack_p99<10s accepted>0", "reconnects==0 sse_connect_p99<10s"},
		"nobody can listen":           {accepting, unauthorized, books + listeners, "rejected==0 ack_p99<10s"},
		"nothing comes of the stream": {accepting, silent, "lost==0 gaps==0 behind==0 e2e_p99<1s first_event_max<10s", "doubled==0 rejected==0 ack_p99<10s"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := loadgen.Run(t.Context(), loadgen.Config{
				Publish: start(t, tt.publish, tt.stream), Rate: 100, Duration: 100 * time.Millisecond, Connections: 2,
				BalanceTimeout: 100 * time.Millisecond, Drain: longTimeout, Timeout: 10 * time.Second,
			})
			if err != nil {
				t.Fatal(err)
			}
			check(t, r, tt.missed, false)
			check(t, r, tt.met, true)
			if dead := strings.HasPrefix(tt.missed, books+listeners); dead != strings.HasPrefix(r.UnbalancedBecause, "no listener was ever connected: the server answered 401 Unauthorized") {
				t.Errorf("the books are not whole because %q", r.UnbalancedBecause)
			}
			if r.Accepted == 0 && r.Lost != nil {
				t.Errorf("nothing was accepted, and %d are lost", *r.Lost)
			}
		})
	}
	t.Run("a main server refuses everything", func(t *testing.T) {
		t.Parallel()
		s := startFaulty(t, faults{refuse: 1})
		r, err := loadgen.Run(t.Context(), loadgen.Config{Server: s.url, Rate: 100, Duration: 200 * time.Millisecond, Connections: 2, Timeout: longTimeout, Drain: longTimeout})
		if err != nil {
			t.Fatal(err)
		}
		check(t, r, books+" ack_p99<10s window_wait_max<10s", false)
		check(t, r, "connected==1 in_doubt==0", true)
	})
	t.Run("there is no stream", func(t *testing.T) {
		t.Parallel()
		p := start(t, accepting, unauthorized)
		p.StreamURLs = nil
		r, err := loadgen.Run(t.Context(), loadgen.Config{Publish: p, Rate: 100, Duration: 100 * time.Millisecond, Connections: 2})
		if err != nil {
			t.Fatal(err)
		}
		check(t, r, books+listeners+" refused==0 events<1", false)
		check(t, r, "rejected==0 connected==0", true)
	})
}

// check checks which of some conditions, with spaces between, a report meets.
func check(t *testing.T, r report.Report, conditions string, met bool) {
	t.Helper()
	for condition := range strings.FieldsSeq(conditions) {
		of, err := report.ParseThreshold(condition)
		if err != nil {
			t.Fatal(err)
		}
		if got := report.Evaluate([]report.Threshold{of}, r)[0]; got.Met != met {
			t.Errorf("%s is met: %t", of, got.Met)
		}
	}
}
