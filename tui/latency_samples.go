package tui

import (
	"slices"
	"time"

	"github.com/emostream/emostream/internal/text"
)

// maxSamples is how many values LatencySamples keeps.
const maxSamples = 128

// LatencySamples holds the newest values of a latency, in milliseconds.
type LatencySamples struct{ values []float64 }

// Add returns the samples with one more. If there are too many, the oldest is dropped.
func (s LatencySamples) Add(d time.Duration) LatencySamples {
	values := s.values[max(0, len(s.values)-maxSamples+1):]
	return LatencySamples{append(slices.Clip(values), float64(d)/float64(time.Millisecond))}
}

// String returns the newest value and the median.
func (s LatencySamples) String() string {
	if len(s.values) == 0 {
		return "-"
	}
	sorted := slices.Sorted(slices.Values(s.values))
	return text.Millis(s.values[len(s.values)-1]) + ", p50 " + text.Millis(sorted[len(sorted)/2])
}
