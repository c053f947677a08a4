package draw

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Block cuts or pads lines to exactly height lines of exactly width cells.
func Block(lines []string, width, height int) []string {
	all := make([]string, 0, max(0, height))
	for i := range max(0, height) {
		line := ""
		if i < len(lines) {
			line = lines[i]
		}
		all = append(all, Fit(line, width))
	}
	return all
}

// Fit cuts or pads a line to exactly width cells.
func Fit(line string, width int) string {
	has := ansi.StringWidth(line)
	if has > width { // checked first, since Truncate is as slow as StringWidth
		line = ansi.Truncate(line, max(0, width), "…")
		has = ansi.StringWidth(line)
	}
	return line + strings.Repeat(" ", max(0, width-has))
}

// AtRight pads a text with spaces on its left to at least width cells.
func AtRight(text string, width int) string {
	return strings.Repeat(" ", max(0, width-ansi.StringWidth(text))) + text
}

// Ends returns a line of width cells with one text at its left end and one at its
// right end. If both do not fit, the left one is cut.
func Ends(left, right string, width int) string {
	room := width - ansi.StringWidth(right) - 1
	if room < 1 {
		return Fit(right, width)
	}
	return Fit(left, room) + " " + right
}
