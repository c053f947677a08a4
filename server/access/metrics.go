package access

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics count what became of tokens and of asking for keys.
type metrics struct {
	remembered, verified, missing, invalid, expired, unavailable, limited prometheus.Counter
	fetched, failed                                                       prometheus.Counter
	keys, fetchedAt                                                       prometheus.Gauge
}

func newMetrics(r prometheus.Registerer) metrics {
	f := promauto.With(r)
	tokens := f.NewCounterVec(prometheus.CounterOpts{Name: "emostream_tokens_total", Help: "Requests whose token was looked at, by outcome: remembered, verified, missing, invalid, expired, keys_unavailable, or rate_limited."}, []string{"outcome"})
	reads := f.NewCounterVec(prometheus.CounterOpts{Name: "emostream_token_key_reads_total", Help: "How often the keys of tokens were read, by outcome: ok or failed."}, []string{"outcome"})
	return metrics{
		remembered: tokens.WithLabelValues("remembered"), verified: tokens.WithLabelValues("verified"), missing: tokens.WithLabelValues("missing"),
		invalid: tokens.WithLabelValues("invalid"), expired: tokens.WithLabelValues("expired"), unavailable: tokens.WithLabelValues("keys_unavailable"), limited: tokens.WithLabelValues("rate_limited"),
		fetched: reads.WithLabelValues("ok"), failed: reads.WithLabelValues("failed"),
		keys:      f.NewGauge(prometheus.GaugeOpts{Name: "emostream_token_keys", Help: "Keys that tokens may be signed with."}),
		fetchedAt: f.NewGauge(prometheus.GaugeOpts{Name: "emostream_token_keys_read_timestamp_seconds", Help: "When the keys of tokens were last read, in seconds since 1970."}),
	}
}
