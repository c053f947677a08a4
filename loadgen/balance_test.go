package loadgen_test

import (
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/emostream/emostream/loadgen"
)

func TestBalance(t *testing.T) {
	type counts = map[loadgen.Cell]int64
	for name, tt := range map[string]struct {
		accepted, counted      counts
		inDoubt                map[int]int64
		lost, doubled, shifted int64
		off                    int
	}{
		"nothing":               {},
		"all of it":             {accepted: counts{{1, 0}: 5, {2, 1}: 3}, counted: counts{{1, 0}: 5, {2, 1}: 3}},
		"one lost":              {accepted: counts{{1, 0}: 5}, counted: counts{{1, 0}: 4}, lost: 1, off: 1},
		"a window lost":         {accepted: counts{{1, 0}: 5, {2, 0}: 1}, counted: counts{{2, 0}: 1}, lost: 5, off: 1},
		"one doubled":           {accepted: counts{{1, 0}: 5}, counted: counts{{1, 0}: 6}, doubled: 1, off: 1},
		"never sent":            {counted: counts{{1, 7}: 2}, doubled: 2, off: 1},
		"one counted later":     {accepted: counts{{1, 0}: 5, {2, 0}: 5}, counted: counts{{1, 0}: 4, {2, 0}: 6}, shifted: 1, off: 2},
		"one counted before":    {accepted: counts{{1, 0}: 5, {2, 0}: 5}, counted: counts{{1, 0}: 6, {2, 0}: 4}, lost: 1, doubled: 1, off: 2},
		"two shifted, one lost": {accepted: counts{{1, 0}: 5}, counted: counts{{1, 0}: 2, {3, 0}: 2}, shifted: 2, lost: 1, off: 2},
		"another emoji is none": {accepted: counts{{1, 0}: 1}, counted: counts{{1, 1}: 1}, lost: 1, doubled: 1, off: 2},
		"one in doubt counted":  {accepted: counts{{1, 0}: 5}, counted: counts{{1, 0}: 6}, inDoubt: map[int]int64{0: 1}, off: 1},
		"more than is in doubt": {accepted: counts{{1, 0}: 5}, counted: counts{{1, 0}: 8}, inDoubt: map[int]int64{0: 1}, doubled: 2, off: 1},
		"another's doubt":       {accepted: counts{{1, 0}: 5}, counted: counts{{1, 0}: 6}, inDoubt: map[int]int64{1: 9}, doubled: 1, off: 1},
	} {
		lost, doubled, shifted, off := loadgen.Balance(tt.accepted, tt.counted, tt.inDoubt)
		if lost != tt.lost || doubled != tt.doubled || shifted != tt.shifted || off != tt.off {
			t.Errorf("%s: %d lost, %d doubled, %d shifted, %d cells off; want %d, %d, %d, %d", name, lost, doubled, shifted, off, tt.lost, tt.doubled, tt.shifted, tt.off)
		}
	}
}

// If each emoji has only one kind of fault, the balance finds exactly how many
// reactions were lost, doubled and shifted.
func TestBalanceFindsWhatWasDone(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 500 {
		accepted := map[loadgen.Cell]int64{}
		for range 1 + rng.IntN(30) {
			accepted[loadgen.Cell{End: rng.Int64N(5), Kind: rng.IntN(6)}] += 1 + rng.Int64N(20)
		}
		counted := maps.Clone(accepted)
		var lost, doubled, shifted int64
		for c, n := range accepted {
			k := rng.Int64N(n + 1)
			switch c.Kind % 3 {
			case 0:
				counted[c] -= k
				lost += k
			case 1:
				counted[c] += k
				doubled += k
			default:
				counted[c] -= k
				counted[loadgen.Cell{End: 10 + rng.Int64N(3), Kind: c.Kind}] += k
				shifted += k
			}
		}
		l, d, s, _ := loadgen.Balance(accepted, counted, nil)
		if l != lost || d != doubled || s != shifted {
			t.Fatalf("accepted %v, counted %v: %d lost, %d doubled, %d shifted; want %d, %d, %d", accepted, counted, l, d, s, lost, doubled, shifted)
		}
	}
}
