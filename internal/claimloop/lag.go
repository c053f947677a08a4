package claimloop

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/emostream/emostream/internal/stream"
)

// Lag is a metric: how many records of each claimed partition are not read yet, by
// topic and partition. Several loops may set it at the same time.
type Lag struct{ records *prometheus.GaugeVec }

// NewLag registers the metric under a name. reg may be nil.
func NewLag(reg prometheus.Registerer, name string) Lag {
	return Lag{promauto.With(reg).NewGaugeVec(prometheus.GaugeOpts{
		Name: name, Help: "Records of a partition that are not read yet.",
	}, []string{"topic", "partition"})}
}

// set sets the lag of a claimed partition. A number below 0 counts as 0.
func (l Lag) set(claim stream.Claim, records int64) {
	l.records.WithLabelValues(claim.Topic, strconv.Itoa(claim.Partition)).Set(float64(max(0, records)))
}

// forget removes the lag of a partition that is no longer claimed here. The process
// that claims it next reports its lag.
func (l Lag) forget(claim stream.Claim) {
	l.records.DeleteLabelValues(claim.Topic, strconv.Itoa(claim.Partition))
}
