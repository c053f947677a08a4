package loadgen

import (
	"sort"

	"github.com/emostream/emostream/internal/emoji"
)

// MostKinds is how many kinds of emojis a run may send: a swarm lists as many,
// and the books need to see each.
const MostKinds = 50

// mix decides who sends what: reaction i is the same for a seed, whichever
// connection sends it and whenever. The k-th emoji is sent 1/k as often as the
// first, since crowds have favourites.
type mix struct {
	seed   uint64
	users  int
	emojis []string
	shares []float64 // cumulative, the last one is 1
}

func newMix(seed uint64, users, kinds int) mix {
	m := mix{seed: seed, users: users, emojis: firstEmojis(kinds)}
	sum := 0.0
	for k := range m.emojis {
		sum += 1 / float64(k+1)
		m.shares = append(m.shares, sum)
	}
	for k := range m.shares {
		m.shares[k] /= sum
	}
	return m
}

// firstEmojis returns kinds emojis, the favourites first.
func firstEmojis(kinds int) []string {
	out := emoji.Favourites()
	have := map[string]bool{}
	for _, e := range out {
		have[e] = true
	}
	for e := range emoji.All() {
		if len(out) >= kinds {
			break
		}
		if !have[string(e)] {
			out = append(out, string(e))
		}
	}
	return out[:kinds]
}

// of is the user and the emoji of reaction i.
func (m mix) of(i int64) (user, kind int) {
	a := scramble(m.seed + 2*uint64(i))
	b := scramble(m.seed + 2*uint64(i) + 1)
	user = int(a % uint64(m.users))
	share := float64(b>>11) / (1 << 53)
	kind = sort.Search(len(m.shares)-1, func(k int) bool { return share < m.shares[k] })
	return user, kind
}

// scramble is SplitMix64: a random number for each number.
func scramble(x uint64) uint64 {
	x = (x + 1) * 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
