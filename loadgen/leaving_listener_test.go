package loadgen_test

import (
	"testing"
	"time"

	"github.com/emostream/emostream/loadgen"
)

// What others were shown long before a listener left counts as missing for it. What
// they were shown shortly before does not, even if it was late.
func TestLeavingIsNotMissing(t *testing.T) {
	for name, tt := range map[string]struct {
		late, after time.Duration
		want        int64
	}{
		"at once":                {0, 0, 0},
		"a moment later":         {0, time.Second, 0},
		"long after":             {0, time.Minute, 1},
		"late, at once":          {time.Minute, 0, 0},
		"late, a moment later":   {time.Minute, time.Second, 0},
		"late, and long after":   {time.Minute, time.Minute, 1},
		"just when it is missed": {0, 2 * time.Second, 1},
	} {
		t.Run(name, func(t *testing.T) {
			windows, events, err := loadgen.MissingOfLeaver(tt.late, tt.after)
			if err != nil || windows != tt.want || events != tt.want {
				t.Errorf("it left without %d windows and %d events, %v; want %d of each", windows, events, err, tt.want)
			}
		})
	}
}
