package text

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"github.com/emostream/emostream/internal/emoji"
)

// Clean makes foreign text safe to print on one line, on a terminal or into a file.
// Line ends and tabs become spaces. Control characters are left out, and so are
// characters that change the direction of writing. A byte that is not UTF-8 becomes
// U+FFFD. Emoji stay whole.
func Clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case r < ' ', isC1(r), r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
			return -1
		}
		return r
	}, s)
}

// isC1 says whether r is DEL or a control character from U+0080 to U+009F.
func isC1(r rune) bool { return r >= 0x7f && r < 0xa0 }

// maxMarks is how many combining marks, such as accents, a character may have.
// Characters with more of them reach into the lines above and below.
const maxMarks = 3

// CleanCells makes foreign text safe to draw where columns must line up. It leaves out
// more than Clean: whole escape sequences, and everything invisible. Every terminal
// gives the result as many columns as ansi.StringWidth does. For that, an emoji loses
// its skin tone, and any other character on whose width terminals disagree becomes a
// question mark.
func CleanCells(s string) string {
	s = strings.Map(visible, ansi.Strip(s))
	var b strings.Builder
	for s != "" {
		c, width := ansi.FirstGraphemeCluster(s, ansi.GraphemeWidth)
		s = s[len(c):]
		first, size := utf8.DecodeRuneInString(c)
		switch {
		case unicode.Is(unicode.M, first): // a mark that has no character before it
		case width == ansi.StringWidthWc(c) && utf8.RuneCountInString(c) <= 1+maxMarks:
			b.WriteString(c)
		case emoji.Emoji(c[:size]).Name() != "":
			b.WriteString(c[:size])
		default:
			b.WriteByte('?')
		}
	}
	return b.String()
}

// visible returns a space for white space, -1 for a character that is invisible, and
// any other character as it is.
func visible(r rune) rune {
	switch {
	case unicode.IsSpace(r):
		return ' '
	case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
		return -1
	}
	return r
}

// EscapeControls makes a line of JSON safe to print on a terminal. JSON may hold DEL
// and the control characters from U+0080 on as they are, within strings only. Here they
// are escaped. Bytes that are not UTF-8 become U+FFFD.
func EscapeControls(line []byte) []byte {
	out := make([]byte, 0, len(line))
	for _, r := range string(line) {
		if isC1(r) {
			out = fmt.Appendf(out, `\u%04x`, r)
			continue
		}
		out = append(out, string(r)...)
	}
	return out
}

// Clip cuts s to at most n characters. If it cuts, it replaces the last of them by
// tail, which is one character or empty.
func Clip(s string, n int, tail string) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:max(0, n-utf8.RuneCountInString(tail))]) + tail
}
