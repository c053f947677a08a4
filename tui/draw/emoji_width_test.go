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

// methods holds the two ways to count columns, with the renderer's names for them.
var methods = map[string]struct {
	width  draw.WidthMethod
	method ansi.Method
}{
	"by code point": {draw.WidthByCodePoint, ansi.WcWidth},
	"by grapheme":   {draw.WidthByGrapheme, ansi.GraphemeWidth},
}

// The test draws each emoji in a row between two borders. The right border must be in
// the last column, and the text after the emoji must begin at the right column.
func TestEmojisLineUp(t *testing.T) {
	const width = 20
	for name, m := range methods {
		t.Run(name, func(t *testing.T) {
			for e := range emoji.All() {
				cell := draw.Emoji(string(e), m.width, false)
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

func TestEmoji(t *testing.T) {
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
				draw.Emoji(test.emoji, draw.WidthByCodePoint, false), draw.Emoji(test.emoji, draw.WidthByGrapheme, false),
				draw.Emoji(test.emoji, draw.WidthByGrapheme, true), draw.EmojiName(test.emoji, 8),
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %+q, want %+q", got, want)
			}
		})
	}
}

// EmojiName returns ASCII of exactly the requested width for every emoji.
func TestEmojiName(t *testing.T) {
	for e := range emoji.All() {
		for _, width := range []int{-1, 0, 1, 2, 12} {
			name := draw.EmojiName(string(e), width)
			if len(name) != max(0, width) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("%s in %d columns is %q", e, width, name)
			}
		}
	}
}
