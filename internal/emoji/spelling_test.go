package emoji_test

import (
	"testing"

	"github.com/emostream/emostream/internal/emoji"
)

func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{
		"🔥":          "🔥",
		"❤\ufe0f":    "❤\ufe0f",
		"❤":          "❤\ufe0f",
		"❤\ufe0e":    "❤\ufe0f", // the style of text
		":heart:":    "❤\ufe0f",
		"👁‍🗨":        "👁️‍🗨️", // each of its parts without a selector
		"👍":          "👍",
		"👍🏽":         "👍🏽", // a tone is no spelling
		"♂":          "♂️",
		"":           "",
		"x":          "x",
		" ❤":         " ❤",
		"❤❤":         "❤❤",
		"❤\xff":      "❤\xff",
		":no-emoji:": ":no-emoji:",
	} {
		if got := emoji.Canonical(in); got != want {
			t.Errorf("Canonical(%+q) = %+q, want %+q", in, got, want)
		}
		if got := emoji.Canonical([]byte(in)); got != want {
			t.Errorf("Canonical of the bytes %+q = %+q, want %+q", in, got, want)
		}
	}
}

// What is canonical has no other canonical spelling, and Parse returns the same of all.
func TestCanonicalAgreesWithParse(t *testing.T) {
	for e := range emoji.All() {
		for _, in := range []string{string(e), ":" + e.Shortcode() + ":"} {
			if got, err := emoji.Parse(in); err != nil || string(got) != emoji.Canonical(in) || got != e {
				t.Errorf("Parse(%+q) = %+q, %v; Canonical has %+q", in, got, err, emoji.Canonical(in))
			}
		}
	}
}

// Counts may be of any text, so that a look-up of what is no emoji must not cost more.
func TestCanonicalDoesNotAllocate(t *testing.T) {
	for _, in := range append([]string{"❤", "❤\ufe0f\ufe0f", "❤\ufe0e"}, notEmoji...) {
		if n := testing.AllocsPerRun(100, func() { emoji.Canonical(in) }); n != 0 {
			t.Errorf("%q: %v allocations", in, n)
		}
	}
}

func BenchmarkCanonical(b *testing.B) {
	for name, in := range map[string]string{"emoji": "🔥", "selector": "⚽\ufe0f", "text": "invented text 12345", "unknown": "🔥x"} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				emoji.Canonical(in)
			}
		})
	}
}
