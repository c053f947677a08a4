package loadgen

import (
	"sort"
	"strconv"

	"github.com/emostream/emostream/internal/emoji"
)

// MaxKinds is the greatest number of different emojis in a run. A swarm lists no more,
// and the balance needs each emoji to be listed.
const MaxKinds = 50

// reactionMix decides which user sends which emoji. Reaction i depends only on the
// seed, not on the connection or the time. The k-th emoji is sent 1/k times as often as
// the first, as in a real audience.
type reactionMix struct {
	seed   uint64
	users  int
	emojis []string
	shares []float64 // cumulative, the last one is 1

	recorded *Recording // decides instead; nil: there is none
}

func newReactionMix(seed uint64, users, kinds int) reactionMix {
	m := reactionMix{seed: seed, users: users, emojis: firstEmojis(kinds)}
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

// firstEmojis returns kinds different emojis, the favourites first.
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

// userAndEmoji returns the user of reaction i and the index of its emoji.
func (m reactionMix) userAndEmoji(i int64) (user, kind int) {
	if m.recorded != nil {
		return m.recorded.of(i)
	}
	a := splitMix64(m.seed + 2*uint64(i))
	b := splitMix64(m.seed + 2*uint64(i) + 1)
	user = int(a % uint64(m.users))
	share := float64(b>>11) / (1 << 53)
	kind = sort.Search(len(m.shares)-1, func(k int) bool { return share < m.shares[k] })
	return user, kind
}

// appendUser appends the id of a user.
func (m reactionMix) appendUser(b []byte, user int) []byte {
	if m.recorded != nil {
		return append(b, m.recorded.users[user]...)
	}
	return strconv.AppendInt(append(b, "bench-"...), int64(user), 10)
}

// appendUserInJSON appends the id of a user as it stands between the quotes of JSON.
func (m reactionMix) appendUserInJSON(b []byte, user int) []byte {
	if m.recorded != nil {
		return append(b, m.recorded.quoted[user]...)
	}
	return m.appendUser(b, user)
}

// splitMix64 maps x to a pseudo-random number, by the algorithm of that name.
func splitMix64(x uint64) uint64 {
	x = (x + 1) * 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
