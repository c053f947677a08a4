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

// Whatever is lost, doubled and shifted, when each emoji has one kind of trouble:
// the books say how much.
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

// The same seed makes the same run, another one another.
func TestMix(t *testing.T) {
	const n = 20_000
	of, emojis := loadgen.Mix(7, 100, 9)
	again, _ := loadgen.Mix(7, 100, 9)
	other, _ := loadgen.Mix(8, 100, 9)
	users, kinds := map[int]int{}, map[int]int{}
	same := 0
	for i := range int64(n) {
		user, kind := of(i)
		if u, k := again(i); u != user || k != kind {
			t.Fatalf("reaction %d is %d, %d and then %d, %d", i, user, kind, u, k)
		}
		if u, k := other(i); u == user && k == kind {
			same++
		}
		users[user]++
		kinds[kind]++
	}
	if same > n/10 {
		t.Errorf("%d of %d are the same with another seed", same, n)
	}
	if len(users) != 100 || len(kinds) != 9 || len(emojis) != 9 {
		t.Errorf("%d users send %d kinds of %d emojis", len(users), len(kinds), len(emojis))
	}
	if kinds[0] < 3*kinds[8] || kinds[8] == 0 {
		t.Errorf("the kinds are sent %v times, want favourites", kinds)
	}
	if _, most := loadgen.Mix(1, 1, loadgen.MaxKinds); len(most) != loadgen.MaxKinds {
		t.Errorf("%d kinds, want %d", len(most), loadgen.MaxKinds)
	}
}

// Wherever the greatest rate is, the search ends close below it.
func TestHuntEndsCloseBelow(t *testing.T) {
	for _, first := range []float64{1, 50, 100, 1e5} {
		for _, limit := range []float64{0.5, 3, 99, 100, 101, 4321, 1e5, 2e6} {
			tried := loadgen.Hunt(first, 1e6, 0.05, func(rate float64) bool { return rate <= limit })
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
