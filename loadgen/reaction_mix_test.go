package loadgen_test

import (
	"testing"

	"github.com/emostream/emostream/loadgen"
)

// The same seed makes the same run, and another seed another run.
func TestReactionMix(t *testing.T) {
	const n = 20_000
	of, emojis := loadgen.UsersAndEmojis(7, 100, 9)
	again, _ := loadgen.UsersAndEmojis(7, 100, 9)
	other, _ := loadgen.UsersAndEmojis(8, 100, 9)
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
	if _, most := loadgen.UsersAndEmojis(1, 1, loadgen.MaxKinds); len(most) != loadgen.MaxKinds {
		t.Errorf("%d kinds, want %d", len(most), loadgen.MaxKinds)
	}
}
