package text_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/emostream/emostream/internal/emoji"
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
		"controls of the C1 set":       {"a\u0080b\u0085c\u009fd", "abcd"},
		"just beyond C1":               {"a~\u00a0b", "a~\u00a0b"},
		"separators of lines":          {"a\u2028b\u2029c", "a b c"},
		"marks of direction":           {"a\u200eb\u200fc\u061cd", "abcd"},
		"invisible characters":         {"pay\u200bpal\ufeff\u00ad\u2060\u3164", "paypal"},
		"a joiner between letters":     {"pay\u200dpal", "paypal"},
		"hidden tags":                  {"a\U000e0061\U000e0062\U000e0001", "a"},
		"signs before Arabic numbers":  {"\u0600\u0661", "\u0600\u0661"},
		"one emoji after another":      {"🔥🏳️‍🌈1️⃣🇩🇪", "🔥🏳️‍🌈1️⃣🇩🇪"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := text.Clean(test.text); got != test.want {
				t.Errorf("got %+q, want %+q", got, test.want)
			}
		})
	}
}

// Every emoji is cleaned to itself, and so is its JSON.
func TestCleanKeepsEmoji(t *testing.T) {
	n := 0
	for e := range emoji.All() {
		if got := text.Clean(string(e)); got != string(e) {
			t.Errorf("Clean(%+q) = %+q", e, got)
		}
		if got := text.EscapeJSON([]byte(e)); string(got) != string(e) {
			t.Errorf("EscapeJSON(%+q) = %+q", e, got)
		}
		n++
	}
	if n < 3000 {
		t.Errorf("%d emoji", n)
	}
}

// What is cleaned has nothing that is hidden, and does not change when it is cleaned
// again. Escaped JSON has nothing that is hidden, either, and means the same.
func FuzzClean(f *testing.F) {
	for _, s := range []string{"plain", "\x1b[31m🇩🇪\x1b]0;x\a", "a\u202eb\u009b\u200d\u2028", "👨‍👩‍👧\u200b", "🏴\U000e0067\U000e007f\U000e0061", "\x9b\xff", "\u061c=1"} {
		f.Add(s)
	}
	hidden := func(s string) bool {
		return strings.ContainsFunc(s, func(r rune) bool {
			return r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 || r == 0x200b || r == 0x200e || r == 0x200f || r == 0x61c || r == 0xfeff
		})
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := text.Clean(s)
		if again := text.Clean(got); hidden(got) || again != got {
			t.Errorf("%+q is cleaned to %+q, and that to %+q", s, got, again)
		}
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		var before, after string
		escaped := text.EscapeJSON(b)
		if err := errors.Join(json.Unmarshal(b, &before), json.Unmarshal(escaped, &after)); err != nil || before != after || hidden(string(escaped)) {
			t.Errorf("%+q is escaped to %+q, which means %+q (%v)", b, escaped, after, err)
		}
	})
}

func TestCleanLines(t *testing.T) {
	if got, want := text.CleanLines("a\x1b[1m\n\u202eb\tc\n"), "a[1m\nb c\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCleanCell(t *testing.T) {
	for in, want := range map[string]string{
		"":                     "",
		"ann":                  "ann",
		"🔥":                    "🔥",
		"#️⃣":                  "#️⃣",
		"*️⃣":                  "*️⃣",
		"=1+1":                 "'=1+1",
		"+cmd":                 "'+cmd",
		"-cmd":                 "'-cmd",
		"@SUM(A1)":             "'@SUM(A1)",
		"\t=1":                 "' =1",
		"\r=1":                 "'=1",
		"\n =1":                "'  =1",
		"\u200b=1":             "'=1",
		"＝1+1":                 "'＝1+1",
		"a=1":                  "a=1",
		"'=1":                  "'=1",
		"-1.5":                 "-1.5",
		"+1":                   "+1",
		"-1+1":                 "'-1+1",
		"-":                    "'-",
		"2026-11-25T09:30:00Z": "2026-11-25T09:30:00Z",
		"a\u202e\x1b[1m":       "a[1m",
	} {
		if got := text.CleanCell(in); got != want {
			t.Errorf("CleanCell(%+q) = %+q, want %+q", in, got, want)
		}
	}
}

func TestHideSecrets(t *testing.T) {
	for in, want := range map[string]string{
		"http://localhost:5000":                                        "http://localhost:5000",
		"reach http://ann:secret@host/x: no":                           "reach http://…@host/x: no",
		`parse "https://ann:se@cret@host"`:                             `parse "https://…@host"`,
		"http://ann:se/cret@host":                                      "http://…@host",
		"http://ann@host and https://bob:x@host2":                      "http://…@host and https://…@host2",
		"mail ann@host":                                                "mail ann@host",
		`{"a":"http://h/x","b":"ann@host"}`:                            `{"a":"http://h/x","b":"ann@host"}`,
		"emoji-topic/0 at kafka1:9092 for ann@host":                    "emoji-topic/0 at kafka1:9092 for ann@host",
		`Get "http://h/v1/swarm?channel=b&ticket=abc.DEF-_1&x=1": EOF`: `Get "http://h/v1/swarm?channel=b&ticket=…&x=1": EOF`,
		"at /v1/swarm?ticket=abc and ticket=abc":                       "at /v1/swarm?ticket=… and ticket=abc",
	} {
		if got := text.HideSecrets(in); got != want {
			t.Errorf("HideSecrets(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestEscapeJSON(t *testing.T) {
	if got, want := string(text.EscapeJSON([]byte("{\"a\":\"\u202e\U000e0041\"}"))), `{"a":"\u202e\udb40\udc41"}`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := string(text.EscapeJSON([]byte("{\"a\":\"\x7f\u009b🔥\xff\"}"))), "{\"a\":\"\\u007f\\u009b🔥\ufffd\"}"; got != want {
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
