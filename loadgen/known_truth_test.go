package loadgen_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/loadgen/report"
)

// An answer that does not come counts in the latencies, with at least the timeout.
func TestMissingAnswersAreInTheLatencies(t *testing.T) {
	t.Parallel()
	const timeout = time.Second
	never := func(n int64, _ http.ResponseWriter, r *http.Request) {
		if n%10 == 0 {
			<-r.Context().Done()
		}
	}
	for name, handle := range map[string]func(int64, http.ResponseWriter, *http.Request){
		"never answered": never,
		"hung up on": func(n int64, w http.ResponseWriter, _ *http.Request) {
			if n%10 == 0 {
				hangUp(w)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := loadgen.Run(t.Context(), loadgen.Config{
				Publish: &loadgen.Publish{PostURL: serve(t, handle)}, Rate: 200, Duration: time.Second, Connections: 64, Timeout: timeout,
			})
			if err != nil {
				t.Fatal(err)
			}
			ack, accepted, failed := r.Latency[report.Ack], r.Latency[report.AckAccepted], r.Latency[report.AckFailed]
			if ack == nil || accepted == nil || failed == nil {
				t.Fatalf("latencies: %v", r.Latency)
			}
			if ack.Count != 200 || accepted.Count != 180 || failed.Count != 20 || r.Latency[report.AckRefused] != nil {
				t.Errorf("%d in all, %d accepted, %d without an answer", ack.Count, accepted.Count, failed.Count)
			}
			const resolution = 0.99 // of a histogram
			atLeast := timeout.Seconds() * 1000 * resolution
			if ack.P99 < atLeast || failed.P50 < atLeast || ack.P50 >= atLeast {
				t.Errorf("ack: median %v, p99 %v; without an answer: median %v", ack.P50, ack.P99, failed.P50)
			}
		})
	}
}

// What was due and was not sent is told, with the reason.
func TestWhatWasNotSentIsTold(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		interrupted bool
		because     string
	}{
		"interrupted in a stall": {true, "interrupted while connections were busy"},
		"given up":               {false, "too slow for 2 connections"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			url := serve(t, func(n int64, _ http.ResponseWriter, r *http.Request) {
				if n < 10 {
					return
				}
				if tt.interrupted && n == 10 {
					time.AfterFunc(500*time.Millisecond, cancel)
				}
				<-r.Context().Done()
			})
			r, err := loadgen.Run(ctx, loadgen.Config{
				Publish: &loadgen.Publish{PostURL: url}, Rate: 1000, Duration: time.Second, Connections: 2, Timeout: longTimeout, Drain: 100 * time.Millisecond,
			})
			if err != nil {
				t.Fatal(err)
			}
			due := r.Sent + r.Unsent
			if r.Unsent == 0 || r.UnsentBecause != tt.because || r.Errors["not sent"] != r.Unsent {
				t.Errorf("sent %d, not sent %d because %q: %v", r.Sent, r.Unsent, r.UnsentBecause, r.Errors)
			}
			if tt.interrupted && due >= 1000 || !tt.interrupted && due != 1000 || r.Requests != r.Sent {
				t.Errorf("due %d, sent %d in %d requests", due, r.Sent, r.Requests)
			}
		})
	}
}

// A rate is over the time in which something was due or sent, and not over the time in
// which the last answers were awaited.
func TestRatesDoNotCountTheLastAnswers(t *testing.T) {
	t.Parallel()
	url := serve(t, func(int64, http.ResponseWriter, *http.Request) { <-time.After(300 * time.Millisecond) })
	r, err := loadgen.Run(t.Context(), loadgen.Config{Publish: &loadgen.Publish{PostURL: url}, Rate: 50, Duration: time.Second, Connections: 64})
	if err != nil {
		t.Fatal(err)
	}
	if r.Accepted != 50 || r.DurationMS < 1000 || r.DurationMS > 1200 {
		t.Errorf("%d accepted in %v ms, want 50 in about 1000", r.Accepted, r.DurationMS)
	}
}
