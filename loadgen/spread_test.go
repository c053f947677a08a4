package loadgen_test

import (
	"testing"
	"time"

	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/loadgen/report"
)

// The spread of an event is from the first listener that was shown it to the last. One
// that came or came back later does not count.
func TestSpread(t *testing.T) {
	at := func(shown ...time.Duration) (all []loadgen.Showing) {
		for _, d := range shown {
			all = append(all, loadgen.Showing{Connected: -time.Minute, Shown: d * time.Millisecond})
		}
		return all
	}
	late := loadgen.Showing{Connected: time.Second, Shown: 2 * time.Second}
	for name, tt := range map[string]struct {
		showings []loadgen.Showing
		want     float64 // ms; 0: there is none
	}{
		"nobody":                   {nil, 0},
		"one listener":             {at(5), 0},
		"two":                      {at(5, 17), 12},
		"three":                    {at(5, 17, 40), 35},
		"the last one told first":  {at(40, 17, 20), 23},
		"one comes later":          {append(at(5, 17), late), 12},
		"one alone, and one later": {append(at(5), late), 0},
	} {
		t.Run(name, func(t *testing.T) {
			window, event, err := loadgen.Spreads(tt.showings)
			if err != nil {
				t.Fatal(err)
			}
			for kind, h := range map[string]*report.Histogram{"window": window, "event": event} {
				if n := h.Count(); (n == 1) != (tt.want > 0) || n > 1 {
					t.Errorf("the %s has %d spreads, want %v ms", kind, n, tt.want)
				} else if got := report.InMS(h.Quantile(1)); n > 0 && (got < tt.want*0.99 || got > tt.want*1.01) {
					t.Errorf("the spread of the %s is %v ms, want %v", kind, got, tt.want)
				}
			}
		})
	}
}
