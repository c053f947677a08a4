package tui

import (
	"slices"
	"time"

	"github.com/emostream/emostream/internal/text"
)

// mostSamples is how many values a Samples keeps.
const mostSamples = 128

// Samples are the newest values of a measure, in milliseconds.
type Samples struct{ values []float64 }

// Add is the samples with one more; the oldest goes when there are too many.
func (s Samples) Add(d time.Duration) Samples {
	values := s.values[max(0, len(s.values)-mostSamples+1):]
	return Samples{append(slices.Clip(values), float64(d)/float64(time.Millisecond))}
}

// String is the newest value and the median, in words.
func (s Samples) String() string {
	if len(s.values) == 0 {
		return "-"
	}
	sorted := slices.Sorted(slices.Values(s.values))
	return text.Millis(s.values[len(s.values)-1]) + ", p50 " + text.Millis(sorted[len(sorted)/2])
}
