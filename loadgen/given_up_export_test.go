package loadgen

import (
	"time"

	"github.com/emostream/emostream/loadgen/report"
)

// GiveUp returns the latencies of what a sender gives up that has sent the requests before
// next, but not those of unsent: by part of the load, the warm-up first.
func GiveUp(s Schedule, warmUp, timeout, drain time.Duration, next int64, unsent []int64) []*report.Histogram {
	parts := newLoadParts(s, warmUp, true)
	of := &sender{schedule: s, parts: parts, timeout: timeout, drain: drain, stats: newRequestStats(len(parts.ends)), unsent: unsent}
	of.next.Store(next)
	of.giveUp()
	of.stats.collect()
	var all []*report.Histogram
	for i := range of.stats.parts {
		h := report.NewHistogram()
		of.stats.parts[i].addAcks(h)
		all = append(all, h)
	}
	return all
}
