package draw

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Block makes lines exactly height lines of exactly width cells.
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

// Fit makes a line exactly width cells.
func Fit(line string, width int) string {
	has := ansi.StringWidth(line)
	if has > width { // it costs as much again, and most lines fit
		line = ansi.Truncate(line, max(0, width), "…")
		has = ansi.StringWidth(line)
	}
	return line + strings.Repeat(" ", max(0, width-has))
}

// AtRight makes a text at least width cells, with spaces before it.
func AtRight(text string, width int) string {
	return strings.Repeat(" ", max(0, width-ansi.StringWidth(text))) + text
}

// Ends puts one text at the left and one at the right of a line; where there is no
// room for both, the left one is cut.
func Ends(left, right string, width int) string {
	room := width - ansi.StringWidth(right) - 1
	if room < 1 {
		return Fit(right, width)
	}
	return Fit(left, room) + " " + right
}
