// Package quote quotes foreign text in messages, so that whoever reads a message sees
// every character of the text.
package quote

import (
	"fmt"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// Text returns s in quotation marks, for a message on one line. Invisible code points are
// written as U+FE0F. Control characters, quotation marks, backslashes and bytes that are
// not UTF-8 are escaped as in Go. If s has more than most bytes, Text returns its first
// ones, up to the end of a code point, and "…".
func Text(s string, most int) string {
	tail := ""
	if len(s) > most {
		s, tail = s[:cut(s, most)], "…"
	}
	quoted := []byte{'"'}
	begin := 0 // of what is not yet quoted
	for i, r := range s {
		if Invisible(r) {
			quoted = appendEscaped(quoted, s[begin:i])
			quoted = fmt.Appendf(quoted, "U+%04X", r)
			begin = i + utf8.RuneLen(r)
		}
	}
	return string(append(appendEscaped(quoted, s[begin:]), '"')) + tail
}

// cut returns where to cut s, at most bytes at the most, so that no code point is cut in
// two.
func cut(s string, most int) int {
	for end := most; end > max(0, most-utf8.UTFMax); end-- {
		if utf8.RuneStart(s[end]) {
			return end
		}
	}
	return most
}

func appendEscaped(dst []byte, s string) []byte {
	quoted := strconv.Quote(s)
	return append(dst, quoted[1:len(quoted)-1]...)
}

// Invisible says whether nobody sees r, or sees it as white space, or nothing tells how
// it looks: white space, characters of control and of format, joiners, variation
// selectors, fillers, and code points that stand for nothing. Those of ASCII are not
// invisible here, since escapes for them are better known.
func Invisible(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return false
	case !strconv.IsPrint(r), r == brailleBlank:
		return true
	}
	return unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

const brailleBlank = 0x2800
