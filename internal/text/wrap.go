package text

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Wrap breaks text into lines of at most width columns, at white space. It cuts a word
// that is wider than a line.
func Wrap(s string, width int) []string {
	return wrap(s, width, func(word string) []string {
		return strings.Split(ansi.Hardwrap(word, max(1, width), true), "\n")
	})
}

// WrapWords breaks text into lines at white space only. A word that is wider than width
// columns gets a wider line, so that what people copy, such as a command or an address,
// stays whole.
func WrapWords(s string, width int) []string {
	return wrap(s, width, func(word string) []string { return []string{word} })
}

// wrap breaks text into lines; it returns at least one. parts cuts a word into pieces
// that each fit a line.
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
