package draw

import (
	"strings"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/emostream/emostream/internal/emoji"
)

// Width is how a terminal counts the columns of text.
type WidthMethod int

const (
	// WidthByCodePoint adds the columns of each code point up. It is what is taken
	// for granted until a terminal says otherwise.
	WidthByCodePoint WidthMethod = iota
	// WidthByGrapheme gives what is drawn as one picture the columns of one. It is
	// what terminals with mode 2027 do.
	WidthByGrapheme
)

// unknown is drawn for what this program's table does not have.
const notAnEmoji = "? "

// widthOf is how a terminal counts, by what it reported of mode 2027. The renderer
// goes by the same report.
func widthMethodOf(r tea.ModeReportMsg) WidthMethod {
	if r.Value == ansi.ModeReset || r.Value == ansi.ModeSet || r.Value == ansi.ModePermanentlySet {
		return WidthByGrapheme
	}
	return WidthByCodePoint
}

// Cell draws an emoji in exactly two columns. On a terminal that counts code points,
// whatever is made of several is shown by its first: skin tones, selectors, keycaps
// and families. A flag is shown by the letters of its country, since such terminals
// do not agree how wide it is. What is not an emoji is a question mark.
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

// cluster is an emoji as one picture. Where the renderer counts one column for it,
// as it does for some skin tones, it is shown without them.
func asOnePicture(e string) string {
	if ansi.StringWidth(e) == 2 {
		return e
	}
	_, size := utf8.DecodeRuneInString(e)
	return e[:size] + "\ufe0f" // asks for the coloured picture, two columns wide
}

// letter is the letter that a regional indicator stands for, 0 for other code points.
func flagLetter(r rune) rune {
	if r < '🇦' || r > '🇿' {
		return 0
	}
	return 'A' + r - '🇦'
}

// CellName is an emoji's shortcode in exactly width columns of ASCII: cut, or with
// spaces after it.
func EmojiName(e string, width int) string {
	name := emoji.Emoji(e).Shortcode()
	if name == "" {
		name = strings.TrimSpace(notAnEmoji)
	}
	width = max(0, width)
	return name[:min(width, len(name))] + strings.Repeat(" ", max(0, width-len(name)))
}
