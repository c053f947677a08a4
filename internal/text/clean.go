package text

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"github.com/emostream/emostream/internal/emoji"
)

// Clean makes foreign text safe to print on one line, on a terminal or into a file.
// Line ends and tabs become spaces. Control characters are left out, and so are
// characters that are invisible or change the direction of writing. A byte that is not
// UTF-8 becomes U+FFFD. Emoji stay whole.
func Clean(s string) string {
	var before rune
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t', isSeparator(r):
			r = ' '
		case r < ' ' || isHidden(before, r):
			return -1
		}
		before = r
		return r
	}, s)
}

// CleanLines does what Clean does, and keeps the line ends.
func CleanLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		lines[i] = Clean(line)
	}
	return strings.Join(lines, "\n")
}

// CleanCell makes foreign text safe in a cell of a CSV file: it cleans it, and puts an
// apostrophe before what a spreadsheet would take for a formula. Numbers stay as they
// are.
func CleanCell(s string) string {
	s = Clean(s)
	first, _ := utf8.DecodeRuneInString(strings.TrimLeft(s, " "))
	if !strings.ContainsRune("=+-@＝＋－＠", first) {
		return s
	}
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return s
	}
	return "'" + s
}

// OriginalCell returns a cell of a CSV file without the apostrophe that CleanCell has put
// before it.
func OriginalCell(s string) string {
	if rest, ok := strings.CutPrefix(s, "'"); ok && CleanCell(rest) == s {
		return rest
	}
	return s
}

// HideSecrets hides what lets in whoever knows it: the user and password of the URLs in a
// text, and the tickets of streams.
func HideSecrets(s string) string {
	return ticket.ReplaceAllString(userinfo.ReplaceAllString(s, "$1…@"), "$1…")
}

// ShownURL returns a URL without its user, password and ticket. Unlike HideSecrets it takes the
// whole text for one URL, which may be wrong in any way: whatever stands before the last @
// is hidden, but for the scheme.
func ShownURL(s string) string {
	if at := strings.LastIndex(s, "@"); at > 0 {
		s = scheme.FindString(s) + "…" + s[at:]
	}
	return ticket.ReplaceAllString(s, "$1…")
}

var scheme = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://`)

// userinfo matches more than a URL may have there, since it is for wrong ones, too.
var userinfo = regexp.MustCompile(`(://)[^\s"']*@`)

var ticket = regexp.MustCompile(`([?&]ticket=)[^&#\s"']*`)

// isHidden says whether r is a character that nobody sees, but that changes how a
// terminal or a page shows what stands around it. The invisible parts of an emoji are
// not: the joiner between two and the letters of a flag. before is the character before
// r.
func isHidden(before, r rune) bool {
	switch {
	case r < 0x7f:
		return false
	case isC1(r), isSeparator(r):
		return true
	case r == zeroWidthJoiner:
		return before < 0x203c // the first character that is an emoji and no letter, digit or sign
	case r >= 0xe0020 && r <= 0xe007f:
		return before != '🏴' && (before < 0xe0020 || before > 0xe007f)
	case unicode.Is(unicode.Prepended_Concatenation_Mark, r), r == 0xfe0e, r == 0xfe0f:
		return false
	}
	return unicode.In(r, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

const zeroWidthJoiner = 0x200d

// isC1 says whether r is DEL or a control character from U+0080 to U+009F.
func isC1(r rune) bool { return r >= 0x7f && r < 0xa0 }

// isSeparator says whether r separates lines or paragraphs.
func isSeparator(r rune) bool { return r == 0x2028 || r == 0x2029 }

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

// EscapeJSON makes JSON safe to print on a terminal. Within strings JSON may hold the
// characters that Clean leaves out, all but those below U+0020. Here they are escaped,
// so that the JSON means the same. Bytes that are not UTF-8 become U+FFFD.
func EscapeJSON(line []byte) []byte {
	if !slices.ContainsFunc(line, func(b byte) bool { return b >= 0x7f }) {
		return line
	}
	out := make([]byte, 0, len(line))
	var before rune
	for _, r := range string(line) {
		switch {
		case !isHidden(before, r):
			out = utf8.AppendRune(out, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
		before = r
	}
	return out
}

// JSONWriter returns a writer that passes on to w what [EscapeJSON] makes of it. Each
// Write must hold whole characters, as those of encoding/json and log/slog do.
func JSONWriter(w io.Writer) io.Writer { return jsonWriter{w} }

type jsonWriter struct{ w io.Writer }

func (j jsonWriter) Write(b []byte) (int, error) {
	if _, err := j.w.Write(EscapeJSON(b)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Clip cuts s to at most n characters. If it cuts, it replaces the last of them by
// tail, which is one character or empty.
func Clip(s string, n int, tail string) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:max(0, n-utf8.RuneCountInString(tail))]) + tail
}
