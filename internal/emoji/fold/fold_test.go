package fold_test

import (
	"testing"

	"github.com/emostream/emostream/internal/emoji/fold"
)

func TestHash(t *testing.T) {
	bare := fold.Hash("❤‍🔥")
	for what, c := range map[string]struct {
		s    string
		same bool
	}{
		"selector in the middle":  {"❤️‍🔥", true},
		"selector at the end":     {"❤‍🔥️", true},
		"text selector":           {"❤\uFE0E\u200d🔥", false},
		"piece of a selector":     {"❤‍🔥\xEF\xB8", false},
		"something else entirely": {"🔥", false},
	} {
		t.Run(what, func(t *testing.T) {
			if same := fold.Hash(c.s) == bare; same != c.same {
				t.Errorf("same place: %t, want %t", same, c.same)
			}
			if fold.Hash(c.s) != fold.Hash([]byte(c.s)) {
				t.Error("bytes have another place than the string")
			}
		})
	}
}
