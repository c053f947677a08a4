package ingest_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/emostream/emostream/internal/quota"
	"github.com/emostream/emostream/server/ingest"
)

// sentRefusal is an answer that tells how many requests are in flight while it is sent.
type sentRefusal struct {
	*httptest.ResponseRecorder
	metrics  *prometheus.Registry
	inFlight float64
}

func (w *sentRefusal) WriteHeader(status int) {
	all, _ := w.metrics.Gather()
	for _, f := range all {
		if f.GetName() == "emostream_requests_in_flight" {
			w.inFlight = f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	w.ResponseRecorder.WriteHeader(status)
}

// A refusal may be held back for a while, so it is sent when its request is in flight no
// more.
func TestRefusalsHoldNoPlace(t *testing.T) {
	for name, tt := range map[string]struct {
		path, contentType, body string
		status                  int
	}{
		"no emoji":                 {"/send_emoji", asJSON, `{"user_id":"ann","emoji_type":"x"}`, http.StatusUnprocessableEntity},
		"no JSON":                  {"/v1/reactions", asJSON, "[", http.StatusBadRequest},
		"another type":             {"/send_emoji", "text/plain", fire, http.StatusUnsupportedMediaType},
		"too large":                {"/send_emoji", asJSON, strings.Repeat(" ", 16<<10+1), http.StatusRequestEntityTooLarge},
		"more than its user may":   {"/send_emoji", asJSON, fire, http.StatusTooManyRequests},
		"an array that is refused": {"/v1/reactions", asJSON, "[" + strings.Repeat("1,", 200) + "1]", http.StatusUnprocessableEntity},
	} {
		t.Run(name, func(t *testing.T) {
			metrics := prometheus.NewRegistry()
			h := routes(&memory{t: t}, ingest.Config{Metrics: metrics, Quotas: ingest.Quotas{User: quota.Rate{PerSecond: 0.001, Burst: 1}}})
			if got := post(h, "/send_emoji", asJSON, fire); got.Code != http.StatusOK {
				t.Fatalf("answered %d %s", got.Code, got.Body)
			}
			r := httptest.NewRequest(http.MethodPost, tt.path, strings.NewReader(tt.body))
			r.Header.Set("Content-Type", tt.contentType)
			w := &sentRefusal{ResponseRecorder: httptest.NewRecorder(), metrics: metrics, inFlight: -1}
			h.ServeHTTP(w, r)
			if w.Code != tt.status || w.inFlight != 0 {
				t.Errorf("answered %d %s, want %d, while %v requests are in flight", w.Code, w.Body, tt.status, w.inFlight)
			}
		})
	}
}
