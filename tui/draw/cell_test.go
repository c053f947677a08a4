package draw_test

import (
	"image"
	"slices"
	"strings"
	"testing"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"

	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/tui/draw"
)

// methods are the two ways to count columns, with what the renderer calls them.
var methods = map[string]struct {
	width  draw.Width
	method ansi.Method
}{
	"by code point": {draw.WidthByCodePoint, ansi.WcWidth},
	"by grapheme":   {draw.WidthByGrapheme, ansi.GraphemeWidth},
}

// Every emoji stands in a row between two borders, drawn by the renderer's own code:
// the right border is where the frame ends, and the emoji is one cell of two columns.
func TestCellsLineUp(t *testing.T) {
	const width = 20
	for name, m := range methods {
		t.Run(name, func(t *testing.T) {
			for e := range emoji.All() {
				cell := draw.Cell(string(e), m.width, false)
				row := draw.Frame("", []string{cell + " after"}, width, 3, draw.NewTheme(true))[1]
				buffer := uv.NewScreenBuffer(width, 1)
				buffer.Method = m.method
				uv.NewStyledString(row).Draw(buffer, image.Rect(0, 0, width, 1))
				if got := column(buffer, width-1); got != "│" {
					t.Errorf("%s (%+q), drawn as %+q: the border is %q", e, e, cell, got)
				}
				if got := column(buffer, 5); got != "a" {
					t.Errorf("%s (%+q), drawn as %+q: the text after it begins elsewhere", e, e, cell)
				}
			}
		})
	}
}

func column(b uv.ScreenBuffer, x int) string { return b.CellAt(x, 0).Content }

func TestCell(t *testing.T) {
	for name, test := range map[string]struct{ emoji, point, grapheme, ascii, name string }{
		"one code point":       {"🔥", "🔥", "🔥", "fi", "fire    "},
		"a selector":           {"❤️", "❤ ", "❤️", "he", "heart   "},
		"a keycap":             {"1️⃣", "1 ", "1️⃣", "on", "one     "},
		"a skin tone":          {"👍🏽", "👍", "👍🏽", "th", "thumbs_u"},
		"a narrow skin tone":   {"✌🏽", "✌ ", "✌️", "vi", "victory_"},
		"a flag":               {"🇩🇪", "DE", "🇩🇪", "de", "de      "},
		"a flag with tags":     {"🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🏴", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "sc", "scotland"},
		"a family":             {"👨‍👩‍👧", "👨", "👨‍👩‍👧", "fa", "family_m"},
		"a profession":         {"👩🏽‍🚀", "👩", "👩🏽‍🚀", "wo", "woman_as"},
		"not an emoji":         {"evil", "? ", "? ", "? ", "?       "},
		"two emojis":           {"🔥🔥", "? ", "? ", "? ", "?       "},
		"an escape sequence":   {"\x1b[2J", "? ", "? ", "? ", "?       "},
		"nothing":              {"", "? ", "? ", "? ", "?       "},
		"an unqualified emoji": {"❤", "❤ ", "❤️", "he", "heart   "},
	} {
		t.Run(name, func(t *testing.T) {
			want := []string{test.point, test.grapheme, test.ascii, test.name}
			got := []string{
				draw.Cell(test.emoji, draw.WidthByCodePoint, false), draw.Cell(test.emoji, draw.WidthByGrapheme, false),
				draw.Cell(test.emoji, draw.WidthByGrapheme, true), draw.CellName(test.emoji, 8),
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %+q, want %+q", got, want)
			}
		})
	}
}

// Names are ASCII and as wide as asked, whatever the emoji.
func TestCellName(t *testing.T) {
	for e := range emoji.All() {
		for _, width := range []int{-1, 0, 1, 2, 12} {
			name := draw.CellName(string(e), width)
			if len(name) != max(0, width) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("%s in %d columns is %q", e, width, name)
			}
		}
	}
}

func TestClean(t *testing.T) {
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
			if got := draw.Clean(test.text); got != test.want {
				t.Errorf("got %+q, want %+q", got, test.want)
			}
		})
	}
}

// Whatever is cleaned has one width and nothing that a terminal would obey, and
// cleaning it again changes nothing.
func FuzzClean(f *testing.F) {
	for _, s := range []string{"plain", "\x1b[31m🇩🇪\x1b]0;x\a", "नमस्ते", "👨‍👩‍👧", "e\u0301\u200b\u202e", "\x9b\xff", "1️⃣\u034f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := draw.Clean(s)
		if g, w := ansi.StringWidth(got), ansi.StringWidthWc(got); g != w {
			t.Errorf("%+q is %d or %d columns wide", got, g, w)
		}
		if i := strings.IndexFunc(got, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e }); i >= 0 {
			t.Errorf("%+q has a control character", got)
		}
		if again := draw.Clean(got); again != got {
			t.Errorf("%+q becomes %+q", got, again)
		}
	})
}
