package quote_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/emostream/emostream/internal/text/quote"
)

func TestText(t *testing.T) {
	for name, tt := range map[string]struct {
		in   string
		most int
		want string
	}{
		"nothing":                     {"", 9, `""`},
		"plain text":                  {"main stage", 99, `"main stage"`},
		"an emoji":                    {"🔥", 99, `"🔥"`},
		"the selector of a picture":   {"⚽\ufe0f", 99, `"⚽U+FE0F"`},
		"the selector of text":        {"❤\ufe0e", 99, `"❤U+FE0E"`},
		"a joiner":                    {"👩\u200d🚀", 99, `"👩U+200D🚀"`},
		"letters of a flag":           {"🏴\U000e0067\U000e007f", 99, `"🏴U+E0067U+E007F"`},
		"a byte order mark":           {"\ufeff{}", 99, `"U+FEFF{}"`},
		"a space of no width":         {"a\u200bb", 99, `"aU+200Bb"`},
		"a space that does not break": {"a\u00a0b\u3000", 99, `"aU+00A0bU+3000"`},
		"a soft hyphen":               {"a\u00adb", 99, `"aU+00ADb"`},
		"the direction of writing":    {"\u202eabc\u2066", 99, `"U+202EabcU+2066"`},
		"fillers":                     {"\u3164\u115f\uffa0\u034f\u2800", 99, `"U+3164U+115FU+FFA0U+034FU+2800"`},
		"selectors of other scripts":  {"\u180b\ufe00\U000e0100", 99, `"U+180BU+FE00U+E0100"`},
		"a private character":         {"\ue000", 99, `"U+E000"`},
		"controls of the C1 set":      {"\u0085", 99, `"U+0085"`},
		"controls of ASCII":           {"\x1b[31m\n\x7f", 99, `"\x1b[31m\n\x7f"`},
		"quotes and backslashes":      {`a"b\c`, 99, `"a\"b\\c"`},
		"bytes that are not UTF-8":    {"\xff\ufe0f\xe2\x9d", 99, `"\xffU+FE0F\xe2\x9d"`},
		"accents":                     {"café, cafe\u0301", 99, `"café, cafe` + "\u0301" + `"`},
		"as long as it may be":        {"abcd", 4, `"abcd"`},
		"a byte longer":               {"abcde", 4, `"abcd"…`},
		"cut before a code point":     {"abc🔥", 4, `"abc"…`},
		"cut after a code point":      {"🔥\ufe0f", 4, `"🔥"…`},
		"cut in bytes that are none":  {"\x80\x80\x80\x80\x80\x80", 4, `"\x80\x80\x80\x80"…`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := quote.Text(tt.in, tt.most); got != tt.want {
				t.Errorf("got %+q, want %+q", got, tt.want)
			}
		})
	}
}

// What is quoted can be seen, whatever it is.
func FuzzText(f *testing.F) {
	for _, s := range []string{"plain", "\x1b[31m🇩🇪\x1b]0;x\a", "⚽\ufe0f", "🏴\U000e0067\U000e007f", "\x9b\xff\u2028\u00a0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := quote.Text(s, 32)
		if !utf8.ValidString(got) || len(got) > 4*32+len(`""…`) {
			t.Errorf("%+q is quoted as %+q", s, got)
		}
		if strings.ContainsFunc(got, func(r rune) bool {
			return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) || unicode.IsSpace(r) && r != ' '
		}) {
			t.Errorf("%+q is quoted as %+q, where something cannot be seen", s, got)
		}
	})
}
