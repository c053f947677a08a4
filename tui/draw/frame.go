package draw

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Frame draws lines in a box with a title, as exactly height lines of exactly
// width cells. What does not fit is left out; a box without room is empty.
func Frame(title string, lines []string, width, height int, t Theme) []string {
	return Box(title, Block(lines, width-4, height-2), width, height, t)
}

// Box is Frame for lines that are exactly as many and as wide as fit into it.
func Box(title string, lines []string, width, height int, t Theme) []string {
	if width < 4 || height < 2 {
		return Block(nil, width, height)
	}
	title = ansi.Truncate(title, max(0, width-6), "…")
	dashes := width - 5 - ansi.StringWidth(title)
	top := t.Border.Render("╭─ ") + t.Title.Render(title) + t.Border.Render(" "+strings.Repeat("─", max(0, dashes))+"╮")
	if title == "" || dashes < 0 {
		top = t.Border.Render("╭" + strings.Repeat("─", width-2) + "╮")
	}
	all := append(make([]string, 0, height), top)
	left, right := t.Border.Render("│ "), t.Border.Render(" │")
	for _, l := range lines {
		all = append(all, left+l+right)
	}
	return append(all, t.Border.Render("╰"+strings.Repeat("─", width-2)+"╯"))
}

// Beside puts two blocks of lines next to each other.
func Beside(left, right []string) []string {
	var all []string
	for i := range min(len(left), len(right)) {
		all = append(all, left[i]+right[i])
	}
	return all
}

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
