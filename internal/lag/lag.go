// Package lag measures how far whoever reads a partition is behind its end.
package lag

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/emostream/emostream/internal/stream"
)

// Gauge is a metric of the partitions that are read here, by topic and partition. It
// may be used concurrently.
type Gauge struct{ records *prometheus.GaugeVec }

// New registers a gauge; reg may be nil.
func New(reg prometheus.Registerer, name string) Gauge {
	return Gauge{promauto.With(reg).NewGaugeVec(prometheus.GaugeOpts{
		Name: name, Help: "Records of a partition that are not read yet.",
	}, []string{"topic", "partition"})}
}

// Set notes how many records of a partition wait to be read; below 0 is 0.
func (g Gauge) Set(claim stream.Claim, records int64) {
	g.records.WithLabelValues(claim.Topic, strconv.Itoa(claim.Partition)).Set(float64(max(0, records)))
}

// Left forgets a partition that is no longer read here: another copy tells of it.
func (g Gauge) Left(claim stream.Claim) {
	g.records.DeleteLabelValues(claim.Topic, strconv.Itoa(claim.Partition))
}
