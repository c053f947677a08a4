package draw

import (
	"strings"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/emostream/emostream/internal/emoji"
)

// WidthMethod is how a terminal counts the columns of text.
type WidthMethod int

const (
	// WidthByCodePoint adds up the columns of all code points. It is assumed until the
	// terminal reports otherwise.
	WidthByCodePoint WidthMethod = iota
	// WidthByGrapheme counts code points that form one picture as one picture.
	// Terminals with mode 2027 do so.
	WidthByGrapheme
)

// notAnEmoji is drawn instead of text that package emoji does not know as an emoji.
const notAnEmoji = "? "

// widthMethodOf returns how a terminal counts columns, from its report about mode 2027.
// The renderer of Bubble Tea decides by the same report.
func widthMethodOf(r tea.ModeReportMsg) WidthMethod {
	if r.Value == ansi.ModeReset || r.Value == ansi.ModeSet || r.Value == ansi.ModePermanentlySet {
		return WidthByGrapheme
	}
	return WidthByCodePoint
}

// Emoji draws an emoji in exactly two columns. On a terminal that counts code points,
// an emoji of several code points (a skin tone, a keycap, a family) is shown by its
// first code point. A flag is shown by the letters of its country, since such terminals
// disagree about its width. Text that is not an emoji is shown as a question mark.
func Emoji(e string, w WidthMethod, ascii bool) string {
	known := emoji.Emoji(e)
	switch {
	case ascii:
		return EmojiName(e, 2)
	case known.Name() == "":
		return notAnEmoji
	case w == WidthByGrapheme:
		return asOnePicture(e)
	}
	first, size := utf8.DecodeRuneInString(e)
	if a := flagLetter(first); a != 0 {
		second, _ := utf8.DecodeRuneInString(e[size:])
		return string([]rune{a, flagLetter(second)})
	}
	return Fit(e[:size], 2)
}

// asOnePicture returns an emoji for a terminal that counts by grapheme. The renderer
// counts only one column for some emojis with a skin tone; these are shown without the
// skin tone.
func asOnePicture(e string) string {
	if ansi.StringWidth(e) == 2 {
		return e
	}
	_, size := utf8.DecodeRuneInString(e)
	return e[:size] + "\ufe0f" // the selector of the coloured picture, which is two columns wide
}

// flagLetter returns the letter of a regional indicator, or 0 for other code points.
// Two regional indicators make a flag.
func flagLetter(r rune) rune {
	if r < '🇦' || r > '🇿' {
		return 0
	}
	return 'A' + r - '🇦'
}

// EmojiName returns an emoji's shortcode, cut or padded to exactly width columns.
func EmojiName(e string, width int) string {
	name := emoji.Emoji(e).Shortcode()
	if name == "" {
		name = strings.TrimSpace(notAnEmoji)
	}
	width = max(0, width)
	return name[:min(width, len(name))] + strings.Repeat(" ", max(0, width-len(name)))
}
