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
	// WidthByCodePoint adds up the columns of the code points. It is assumed until a
	// terminal reports otherwise.
	WidthByCodePoint WidthMethod = iota
	// WidthByGrapheme counts the code points that make one picture as that picture.
	// Terminals with mode 2027 do so.
	WidthByGrapheme
)

// notAnEmoji is drawn instead of text that is not an emoji of package emoji.
const notAnEmoji = "? "

// widthMethodOf returns how a terminal counts, by its report about mode 2027. The
// renderer of Bubble Tea decides by the same report.
func widthMethodOf(r tea.ModeReportMsg) WidthMethod {
	if r.Value == ansi.ModeReset || r.Value == ansi.ModeSet || r.Value == ansi.ModePermanentlySet {
		return WidthByGrapheme
	}
	return WidthByCodePoint
}

// Emoji draws an emoji in exactly two columns. On a terminal that counts code points,
// an emoji of several code points (a skin tone, a keycap, a family) is shown by the
// first of them. A flag is shown by the letters of its country, since such terminals
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
// counts one column for some emojis with a skin tone; they are shown without it.
func asOnePicture(e string) string {
	if ansi.StringWidth(e) == 2 {
		return e
	}
	_, size := utf8.DecodeRuneInString(e)
	return e[:size] + "\ufe0f" // the selector of the coloured picture, two columns wide
}

// flagLetter returns the letter that a regional indicator stands for, 0 for other code
// points. Two regional indicators are a flag.
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
