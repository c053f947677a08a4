package text_test

import (
	"slices"
	"testing"

	"github.com/emostream/emostream/internal/text"
)

func TestWrap(t *testing.T) {
	for name, test := range map[string]struct {
		text       string
		cut, whole []string
	}{
		"short":             {"one two", []string{"one two"}, []string{"one two"}},
		"at white space":    {"one  two\nthree", []string{"one two", "three"}, []string{"one two", "three"}},
		"a flag":            {"use --a-flag", []string{"use", "--a-flag"}, []string{"use", "--a-flag"}},
		"a wide word":       {"a 123456789 b", []string{"a", "12345678", "9 b"}, []string{"a", "123456789", "b"}},
		"letters two wide":  {"東京 東京 a", []string{"東京", "東京 a"}, []string{"東京", "東京 a"}},
		"nothing is a line": {" ", []string{""}, []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := text.Wrap(test.text, 8); !slices.Equal(got, test.cut) {
				t.Errorf("got %q, want %q", got, test.cut)
			}
			if got := text.WrapWords(test.text, 8); !slices.Equal(got, test.whole) {
				t.Errorf("with words whole: got %q, want %q", got, test.whole)
			}
		})
	}
}
