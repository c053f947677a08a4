package verify_test

import (
	"math/rand/v2"
	"testing"

	"github.com/emostream/emostream/aggregator"
	"github.com/emostream/emostream/internal/inspect/verify"
	"github.com/emostream/emostream/internal/wire"
)

func TestAssign(t *testing.T) {
	s := wire.Settings{WindowMS: 2000, LatenessMS: 10000}
	for name, tt := range map[string]struct {
		at, watermark int64
		end           int64
		late          bool
	}{
		"the first record of a log":          {1999, verify.Never, 2000, false},
		"the first moment of a window":       {2000, verify.Never, 4000, false},
		"its window can just be added to":    {1999, 11999, 2000, false},
		"its window has just closed":         {1999, 12000, 4000, true},
		"the one after it is open still":     {2000, 12000, 4000, false},
		"hours late":                         {-9999999, 13999, 4000, true},
		"hours late, and the next is oldest": {-9999999, 14000, 6000, true},
		"before the epoch":                   {-1, verify.Never, 0, false},
		"before the epoch, at a boundary":    {-2000, verify.Never, 0, false},
		"late before the epoch":              {-30000, -10001, -20000, true},
	} {
		t.Run(name, func(t *testing.T) {
			if end, late := verify.Assign(s, tt.at, tt.watermark); end != tt.end || late != tt.late {
				t.Errorf("Assign(%d, %d) = %d, %v; want %d, %v", tt.at, tt.watermark, end, late, tt.end, tt.late)
			}
		})
	}
}

// Assign and the aggregator, which each have the rule in their own words, agree.
func TestTheAggregatorKeepsTheRule(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 100000 {
		s := wire.Settings{WindowMS: 1 + rng.Int64N(50), LatenessMS: 1 + rng.Int64N(200)}
		w := aggregator.Windows{Length: s.WindowMS, Lateness: s.LatenessMS}
		at := rng.Int64N(1000) - 500
		watermark := at + rng.Int64N(800) - 400
		if rng.IntN(20) == 0 {
			watermark = verify.Never
		}
		end, late := verify.Assign(s, at, watermark)
		if wantEnd, wantLate := w.Assign(at, watermark); end != wantEnd || late != wantLate {
			t.Fatalf("%v: Assign(%d, %d) = %d, %v; the aggregator has %d, %v", s, at, watermark, end, late, wantEnd, wantLate)
		}
	}
	if verify.Never != aggregator.Never {
		t.Errorf("Never is %d, and %d to the aggregator", verify.Never, aggregator.Never)
	}
}
