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

// FuzzParse checks that every input gives an emoji of the list or a well-formed error.
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
		if err != nil {
			checkRefusal(t, e, err)
			return
		}
		if again, err := emoji.Parse(string(e)); again != e || err != nil || !known[e] {
			t.Errorf("%q: %+q parses to %+q, %v", s, e, again, err)
		}
	})
}

// checkRefusal checks that a refusal is short and can be printed safely.
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

// FuzzShortcode checks that a word between colons gives the emoji with that shortcode,
// or an error, and that a shortcode that an error suggests exists.
func FuzzShortcode(f *testing.F) {
	for _, s := range []string{
		"fire", "frie", "Fire", "thumbs-up", "+1", "-1", "m", "mann_dark_skin_tone", "zzz", "", " ", ":", "fire:fire", "f\xff", "\u00e9t\u00e9",
		"family_man_woman_girl_boy", strings.Repeat("a", 76), strings.Repeat("_", 76),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, word string) {
		e, err := emoji.Parse(":" + word + ":")
		if err == nil {
			if again, err := emoji.Parse(":" + e.Shortcode() + ":"); err != nil || again != e || strings.ContainsAny(word, ": \t\n") {
				t.Errorf("%q means %s, whose shortcode is %s: %v", word, e, e.Shortcode(), err)
			}
			return
		}
		checkRefusal(t, e, err)
		_, rest, ok := strings.Cut(err.Error(), "did you mean \":")
		if !ok {
			return
		}
		suggestion, _, _ := strings.Cut(rest, ":\"?")
		if _, err := emoji.Parse(":" + suggestion + ":"); err != nil {
			t.Errorf("%q: refused with the suggestion %q, which is none", word, suggestion)
		}
	})
}
