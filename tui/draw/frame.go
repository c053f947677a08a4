package draw

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Frame draws lines in a box with a title. The result is exactly height lines of
// exactly width cells. Lines and parts of lines that do not fit are left out. If there
// is no room for a box, the result is blank.
func Frame(title string, lines []string, width, height int, t Theme) []string {
	return Box(title, Block(lines, width-4, height-2), width, height, t)
}

// Box draws a frame like Frame, around lines that fill it exactly: height-2 lines of
// width-4 cells.
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

// Beside puts two blocks of lines side by side.
func Beside(left, right []string) []string {
	var all []string
	for i := range min(len(left), len(right)) {
		all = append(all, left[i]+right[i])
	}
	return all
}
