package text_test

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/emostream/emostream/internal/text"
)

func TestCleanCells(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"plain text":                 {"sub1 is full", "sub1 is full"},
		"accents":                    {"café, cafe\u0301", "café, cafe\u0301"},
		"wide letters":               {"東京", "東京"},
		"an emoji":                   {"🔥 hot", "🔥 hot"},
		"colours":                    {"\x1b[31mred\x1b[0m", "red"},
		"a title":                    {"\x1b]0;owned\x07text", "text"},
		"a title that does not end":  {"text\x1b]0;owned", "text"},
		"a single byte sequence":     {"a\x9b31mb", "ab"},
		"clear screen":               {"\x1b[2J\x1b[Htext", "text"},
		"white space":                {"a\tb\r\nc", "a b  c"},
		"bell and backspace":         {"a\a\b\x7fb", "ab"},
		"direction overrides":        {"a\u202eb\u2066c\u200fd", "abcd"},
		"zero width":                 {"pay\u200bpal\ufeff\u00ad\u2060", "paypal"},
		"joined by hand":             {"👩\u200d🚀", "👩🚀"},
		"a selector":                 {"❤️", "❤"},
		"a skin tone":                {"👍🏽", "👍"},
		"fillers":                    {"a\u3164\u115fb", "ab"},
		"hidden tags":                {"a\U000e0061\U000e0062", "a"},
		"a private character":        {"a\ue000b", "ab"},
		"half a flag":                {"\U0001f1e9x", "?x"},
		"a heap of marks":            {"a" + strings.Repeat("\u0301", 40) + "b", "?b"},
		"marks of nothing":           {"\u0301\u0301b", "b"},
		"bytes that are not UTF-8":   {"a\xffb", "ab"},
		"a sequence put together":    {"\x1b\x1b[31m[32mx", "[32mx"},
		"controls of the C1 set":     {"a\u009b31mb\u0085c", "a31mb c"},
		"nothing":                    {"", ""},
		"separators of lines":        {"a\u2028b\u2029c", "a b c"},
		"letters that form syllable": {"\u1112\u1161\u11ab", "?"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := text.CleanCells(test.text); got != test.want {
				t.Errorf("got %+q, want %+q", got, test.want)
			}
		})
	}
}

// Cleaned text has one width and nothing that a terminal would obey. Cleaning it again
// changes nothing.
func FuzzCleanCells(f *testing.F) {
	for _, s := range []string{"plain", "\x1b[31m🇩🇪\x1b]0;x\a", "नमस्ते", "👨‍👩‍👧", "e\u0301\u200b\u202e", "\x9b\xff", "1️⃣\u034f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := text.CleanCells(s)
		if g, w := ansi.StringWidth(got), ansi.StringWidthWc(got); g != w {
			t.Errorf("%+q is %d or %d columns wide", got, g, w)
		}
		if i := strings.IndexFunc(got, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e }); i >= 0 {
			t.Errorf("%+q has a control character", got)
		}
		if again := text.CleanCells(got); again != got {
			t.Errorf("%+q becomes %+q", got, again)
		}
	})
}

func TestClean(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"emoji of several code points": {"👩🏽‍🚀 ❤️ 🏴󠁧󠁢󠁳󠁣󠁴󠁿", "👩🏽‍🚀 ❤️ 🏴󠁧󠁢󠁳󠁣󠁴󠁿"},
		"line ends and tabs":           {"a\r\nb\tc", "a b c"},
		"colours":                      {"\x1b[31mred\x9b0m\u009b1m", "[31mred\ufffd0m1m"},
		"bell and delete":              {"a\a\x7fb", "ab"},
		"direction overrides":          {"a\u202eb\u2066c", "abc"},
		"bytes that are not UTF-8":     {"a\xffb", "a\ufffdb"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := text.Clean(test.text); got != test.want {
				t.Errorf("got %+q, want %+q", got, test.want)
			}
		})
	}
}

func TestEscapeControls(t *testing.T) {
	if got, want := string(text.EscapeControls([]byte("{\"a\":\"\x7f\u009b🔥\xff\"}"))), "{\"a\":\"\\u007f\\u009b🔥\ufffd\"}"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestClip(t *testing.T) {
	for n, want := range map[int]string{5: "tämäö", 4: "täm…", 1: "…"} {
		if got := text.Clip("tämäö", n, "…"); got != want {
			t.Errorf("in %d characters: got %q, want %q", n, got, want)
		}
	}
	if got := text.Clip("tämäö", 3, ""); got != "täm" {
		t.Errorf("without a tail: got %q", got)
	}
}
