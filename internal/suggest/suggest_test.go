package suggest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/suggest"
)

func TestNearest(t *testing.T) {
	words := []string{"linger", "listen", "log-level", "log-format", "max-batch", "top", "to"}
	for _, tt := range []struct{ what, word, want string }{
		{"the word itself", "linger", "linger"},
		{"a letter is missing", "linge", "linger"},
		{"a letter too many", "lingger", "linger"},
		{"a letter is wrong", "linter", "linger"},
		{"two letters have changed places", "lignre", "linger"},
		{"the beginning of one", "log-lev", "log-level"},
		{"two are as near: the first one", "tob", "top"},
		{"half of a short word", "tp", "top"},
		{"more than half of it", "xy", ""},
		{"nothing near", "frobnicate", ""},
		{"nothing at all", "", ""},
		{"what nobody meant", strings.Repeat("linger", 20), ""},
	} {
		t.Run(tt.what, func(t *testing.T) {
			if got := suggest.Nearest(tt.word, slices.Values(words)); got != tt.want {
				t.Errorf("%q for %q, want %q", got, tt.word, tt.want)
			}
		})
	}
	if got := suggest.Nearest("linger", slices.Values([]string{})); got != "" {
		t.Errorf("%q of no words", got)
	}
}
