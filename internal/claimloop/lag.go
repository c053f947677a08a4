package claimloop

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/emostream/emostream/internal/stream"
)

// Lag is a metric: how many records of each claimed partition are not read yet, by
// topic and partition. Loops set it, and may do so concurrently.
type Lag struct{ records *prometheus.GaugeVec }

// NewLag registers the metric under a name; reg may be nil.
func NewLag(reg prometheus.Registerer, name string) Lag {
	return Lag{promauto.With(reg).NewGaugeVec(prometheus.GaugeOpts{
		Name: name, Help: "Records of a partition that are not read yet.",
	}, []string{"topic", "partition"})}
}

// set notes the lag of a claimed partition; below 0 is 0.
func (l Lag) set(claim stream.Claim, records int64) {
	l.records.WithLabelValues(claim.Topic, strconv.Itoa(claim.Partition)).Set(float64(max(0, records)))
}

// forget drops a partition that is no longer claimed here: whoever claims it next
// tells its lag.
func (l Lag) forget(claim stream.Claim) {
	l.records.DeleteLabelValues(claim.Topic, strconv.Itoa(claim.Partition))
}
