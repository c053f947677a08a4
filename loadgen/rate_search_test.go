package loadgen_test

import (
	"testing"

	"github.com/emostream/emostream/loadgen"
)

// The search always ends close below the greatest rate that holds.
func TestRateSearchEndsCloseBelow(t *testing.T) {
	for _, first := range []float64{1, 50, 100, 1e5} {
		for _, limit := range []float64{0.5, 3, 99, 100, 101, 4321, 1e5, 2e6} {
			tried := loadgen.SearchRates(first, 1e6, 0.05, func(rate float64) bool { return rate <= limit })
			best := 0.0
			for _, rate := range tried {
				if rate <= limit {
					best = max(best, rate)
				}
				if rate > 1e6 {
					t.Errorf("from %v to %v: tried %v", first, limit, rate)
				}
			}
			want := min(limit, 1e6)
			if best < want/1.06 && want >= 1 || len(tried) >= 24 && first >= limit/1000 && first <= limit*1000 {
				t.Errorf("from %v, the limit at %v: ends with %v after %v", first, limit, best, tried)
			}
		}
	}
}
