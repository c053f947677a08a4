package loadgen_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/loadgen"
)

// A view holds windows that belong together, and none that is far from the others.
func TestSlots(t *testing.T) {
	const most = loadgen.MaxSlots
	for name, tt := range map[string]struct {
		ends []int64
		want []int
	}{
		"one after the other":  {[]int64{20, 22, 26}, []int{0, 1, 3}},
		"an earlier one":       {[]int64{20, 16, 20}, []int{0, 0, 2}},
		"of another length":    {[]int64{20, 23}, []int{0, -1}},
		"the last one":         {[]int64{20, 20 + 2*(most-1)}, []int{0, most - 1}},
		"too far ahead":        {[]int64{20, 20 + 2*most}, []int{0, -1}},
		"the first one":        {[]int64{20, 20 - 2*(most-1)}, []int{0, 0}},
		"too far back":         {[]int64{20, 20 - 2*most}, []int{0, -1}},
		"the end of all times": {[]int64{20, math.MaxInt64 - 1}, []int{0, -1}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, loadgen.Slots(2, tt.ends...)); diff != "" {
				t.Errorf("slots (-want +got):\n%s", diff)
			}
		})
	}
}
