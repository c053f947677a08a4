package emoji_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/emostream/emostream/internal/emoji"
)

// FuzzParse looks for input that is neither an emoji nor politely refused.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"", "🔥", "❤", "❤️", "🔥🔥", "🔥\uFE0F", "1", "1️⃣", "🇩", "🇩🇪", "👍🏽", "🏽", "👩‍🚀", "🏴󠁧󠁢󠁳󠁣󠁴󠁿",
		":fire:", ":fir:", ":", "::", ":\x00:", " :+1:", ":fire::fire:", "\xff\xfe", "\uFE0F", "\u200d",
		"\u202eA", "\x1b]0;title\a", "A\u0300\u0301", strings.Repeat("🔥", 30), strings.Repeat("\U000E0067", 30),
	} {
		f.Add(s)
	}
	known := map[emoji.Emoji]bool{}
	for e := range emoji.All() {
		known[e] = true
	}
	f.Fuzz(func(t *testing.T, s string) {
		e, err := emoji.Parse(s)
		if other, otherErr := emoji.ParseBytes([]byte(s)); other != e || (otherErr == nil) != (err == nil) {
			t.Errorf("%q: Parse %+q, %v, and ParseBytes %+q, %v", s, e, err, other, otherErr)
		}
		if err != nil {
			checkRefusal(t, e, err)
			return
		}
		if again, err := emoji.Parse(string(e)); again != e || err != nil || !known[e] {
			t.Errorf("%q: %+q parses to %+q, %v", s, e, again, err)
		}
	})
}

func checkRefusal(t *testing.T, e emoji.Emoji, err error) {
	t.Helper()
	said := err.Error()
	if e != "" || !errors.Is(err, emoji.ErrNotEmoji) || len(said) > 320 || !utf8.ValidString(said) {
		t.Errorf("%+q and a refusal of %d bytes: %q", e, len(said), said)
	}
	if slices.ContainsFunc([]rune(said), unicode.IsControl) {
		t.Errorf("control characters in %q", said)
	}
}
