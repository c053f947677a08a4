package text

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Wrap breaks text into lines of at most width columns, at white space. A word that
// is wider than a line is cut.
func Wrap(s string, width int) []string {
	return wrap(s, width, func(word string) []string {
		return strings.Split(ansi.Hardwrap(word, max(1, width), true), "\n")
	})
}

// WrapWords breaks text into lines at white space alone, so that what people copy,
// such as a command or an address, stays whole. A line is wider than width columns
// where one word is.
func WrapWords(s string, width int) []string {
	return wrap(s, width, func(word string) []string { return []string{word} })
}

// wrap returns at least one line. parts cuts a word into pieces that each fit a line.
func wrap(s string, width int, parts func(word string) []string) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(s) {
		if line != "" && ansi.StringWidth(line)+1+ansi.StringWidth(word) <= width {
			line += " " + word
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		pieces := parts(word)
		last := len(pieces) - 1
		lines, line = append(lines, pieces[:last]...), pieces[last]
	}
	return append(lines, line)
}
