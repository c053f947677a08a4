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
		moreLost, moreDoubled  int64 // how many more reactions in doubt may hide
	}{
		"nothing":                              {},
		"all of it":                            {accepted: counts{{1, 0, 0}: 5, {2, 1, 0}: 3}, counted: counts{{1, 0, 0}: 5, {2, 1, 0}: 3}},
		"one lost":                             {accepted: counts{{1, 0, 0}: 5}, counted: counts{{1, 0, 0}: 4}, lost: 1, off: 1},
		"a window lost":                        {accepted: counts{{1, 0, 0}: 5, {2, 0, 0}: 1}, counted: counts{{2, 0, 0}: 1}, lost: 5, off: 1},
		"one doubled":                          {accepted: counts{{1, 0, 0}: 5}, counted: counts{{1, 0, 0}: 6}, doubled: 1, off: 1},
		"never sent":                           {counted: counts{{1, 7, 0}: 2}, doubled: 2, off: 1},
		"one counted later":                    {accepted: counts{{1, 0, 0}: 5, {2, 0, 0}: 5}, counted: counts{{1, 0, 0}: 4, {2, 0, 0}: 6}, shifted: 1, off: 2},
		"one counted before":                   {accepted: counts{{1, 0, 0}: 5, {2, 0, 0}: 5}, counted: counts{{1, 0, 0}: 6, {2, 0, 0}: 4}, lost: 1, doubled: 1, off: 2},
		"two shifted, one lost":                {accepted: counts{{1, 0, 0}: 5}, counted: counts{{1, 0, 0}: 2, {3, 0, 0}: 2}, shifted: 2, lost: 1, off: 2},
		"another emoji is none":                {accepted: counts{{1, 0, 0}: 1}, counted: counts{{1, 1, 0}: 1}, lost: 1, doubled: 1, off: 2},
		"another channel's":                    {accepted: counts{{1, 0, 0}: 1}, counted: counts{{1, 0, 1}: 1}, lost: 1, doubled: 1, off: 2},
		"another channel's doubt":              {accepted: counts{{1, 0, 1}: 5}, counted: counts{{1, 0, 1}: 6}, inDoubt: map[int]int64{0: 9}, doubled: 1, off: 1},
		"one in doubt counted":                 {accepted: counts{{1, 0, 0}: 5}, counted: counts{{1, 0, 0}: 6}, inDoubt: map[int]int64{0: 1}, off: 1, moreLost: 1, moreDoubled: 1},
		"more than is in doubt":                {accepted: counts{{1, 0, 0}: 5}, counted: counts{{1, 0, 0}: 8}, inDoubt: map[int]int64{0: 1}, doubled: 2, off: 1, moreLost: 1, moreDoubled: 1},
		"another's doubt":                      {accepted: counts{{1, 0, 0}: 5}, counted: counts{{1, 0, 0}: 6}, inDoubt: map[int]int64{1: 9}, doubled: 1, off: 1},
		"one lost behind a doubt, and one not": {accepted: counts{{1, 0, 0}: 5}, counted: counts{{1, 0, 0}: 4}, inDoubt: map[int]int64{0: 1}, lost: 1, off: 1, moreLost: 1},
		"doubt of what was never accepted":     {accepted: counts{{1, 0, 0}: 5}, counted: counts{{1, 0, 0}: 5}, inDoubt: map[int]int64{3: 7}},
		"an emoji is hidden":                   {accepted: counts{{1, 0, 0}: 5, {1, 1, 0}: 3}, counted: counts{{1, 0, 0}: 5, {1, -1, 0}: 3}, off: 1},
		"two are, and of another window":       {accepted: counts{{1, 0, 0}: 5, {1, 1, 0}: 3}, counted: counts{{2, -1, 0}: 8}, off: 2},
		"hidden and lost":                      {accepted: counts{{1, 0, 0}: 5, {1, 1, 0}: 3}, counted: counts{{1, 0, 0}: 5, {1, -1, 0}: 2}, lost: 1, off: 1},
		"hidden and doubled":                   {accepted: counts{{1, 0, 0}: 5, {1, 1, 0}: 3}, counted: counts{{1, 0, 0}: 5, {1, -1, 0}: 5}, doubled: 2, off: 1},
		"hidden and in doubt":                  {accepted: counts{{1, 0, 0}: 5}, counted: counts{{1, -1, 0}: 7}, inDoubt: map[int]int64{0: 1, 1: 1}, off: 1, moreDoubled: 2},
		"hidden, and lost behind a doubt":      {accepted: counts{{1, 0, 0}: 5}, counted: counts{{1, -1, 0}: 5}, inDoubt: map[int]int64{0: 1}, off: 1, moreLost: 1},
		"hidden in another channel":            {accepted: counts{{1, 0, 0}: 5}, counted: counts{{1, -1, 1}: 5}, lost: 5, doubled: 5, off: 1},
		"more doubt than was accepted":         {accepted: counts{{1, 0, 0}: 5}, counted: counts{{1, 0, 0}: 5}, inDoubt: map[int]int64{0: 7}, moreLost: 5},
	} {
		lost, doubled, shifted, lostAtMost, doubledAtMost, off := loadgen.Balance(tt.accepted, tt.counted, tt.inDoubt)
		if lost != tt.lost || doubled != tt.doubled || shifted != tt.shifted || off != tt.off {
			t.Errorf("%s: %d lost, %d doubled, %d shifted, %d cells off; want %d, %d, %d, %d", name, lost, doubled, shifted, off, tt.lost, tt.doubled, tt.shifted, tt.off)
		}
		if lostAtMost != tt.lost+tt.moreLost || doubledAtMost != tt.doubled+tt.moreDoubled {
			t.Errorf("%s: at most %d lost, %d doubled; want %d, %d", name, lostAtMost, doubledAtMost, tt.lost+tt.moreLost, tt.doubled+tt.moreDoubled)
		}
	}
}

// However many of the reactions in doubt were counted, what was done is not less than the
// least number and not more than the greatest, and each of the two is possible.
func TestBalanceBoundsWhatDoubtHides(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 2000 {
		// One emoji in one window: of those accepted some are lost, or some doubled, and of
		// those in doubt some are counted.
		accepted, inDoubt := rng.Int64N(6), rng.Int64N(6)
		var lost, doubled int64
		if rng.IntN(2) == 0 {
			lost = rng.Int64N(accepted + 1)
		} else if accepted > 0 {
			doubled = rng.Int64N(6)
		}
		at := loadgen.Cell{End: 1}
		counted := accepted - lost + doubled + rng.Int64N(inDoubt+1)
		least, leastDoubled, _, most, mostDoubled, _ := loadgen.Balance(map[loadgen.Cell]int64{at: accepted}, map[loadgen.Cell]int64{at: counted}, map[int]int64{0: inDoubt})
		if lost < least || lost > most || doubled < leastDoubled || doubled > mostDoubled {
			t.Fatalf("%d accepted, %d in doubt, %d counted: %d lost, %d doubled; said to be %d to %d and %d to %d",
				accepted, inDoubt, counted, lost, doubled, least, most, leastDoubled, mostDoubled)
		}
		if most > least && counted-(accepted-most) > inDoubt+mostDoubled {
			t.Fatalf("%d accepted, %d in doubt, %d counted: %d cannot be lost", accepted, inDoubt, counted, most)
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
			accepted[loadgen.Cell{End: rng.Int64N(5), Kind: rng.IntN(6), Channel: rng.IntN(3)}] += 1 + rng.Int64N(20)
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
				counted[loadgen.Cell{End: 10 + rng.Int64N(3), Kind: c.Kind, Channel: c.Channel}] += k
				shifted += k
			}
		}
		l, d, s, mostLost, mostDoubled, _ := loadgen.Balance(accepted, counted, nil)
		if mostLost != lost || mostDoubled != doubled {
			t.Fatalf("nothing is in doubt, and at most %d are lost and %d doubled; want %d, %d", mostLost, mostDoubled, lost, doubled)
		}
		if l != lost || d != doubled || s != shifted {
			t.Fatalf("accepted %v, counted %v: %d lost, %d doubled, %d shifted; want %d, %d, %d", accepted, counted, l, d, s, lost, doubled, shifted)
		}
	}
}
