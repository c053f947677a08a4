package main

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"github.com/emostream/emostream/internal/text"
)

// column is a column of a table.
type column struct {
	title string
	width int  // in columns of the terminal; 0: its longest cell and two spaces
	right bool // aligned to the right
}

// tableLines draws a table without borders: the titles, and a line for each row. Two
// spaces separate a left-aligned column from a right-aligned one before it. Cells may be
// foreign text.
//
// lipgloss's table cannot be used, since output must stay as it was: that table pads
// the last column too, and takes an emoji for two characters where widths follow the
// contents.
func tableLines(columns []column, rows [][]string) []string {
	titles := make([]string, len(columns))
	for i, c := range columns {
		titles[i] = c.title
	}
	rows = append([][]string{titles}, rows...)
	for n, row := range rows {
		rows[n] = make([]string, len(columns))
		for i, cell := range row {
			rows[n][i] = text.Clean(cell)
		}
	}
	lines := make([]string, len(rows))
	for i, c := range columns {
		longest := 0
		for _, row := range rows {
			longest = max(longest, utf8.RuneCountInString(row[i]))
		}
		last := i == len(columns)-1
		for n, row := range rows {
			cell := row[i]
			switch {
			case c.right:
				cell = fmt.Sprintf("%*s", c.width, cell)
			case i > 0 && columns[i-1].right:
				cell = "  " + cell
			case last:
			case c.width > 0:
				cell = padded(cell, c.width)
			default:
				cell += strings.Repeat(" ", longest-utf8.RuneCountInString(cell)+2)
			}
			lines[n] += cell
		}
	}
	return lines
}

// padded fits text into width columns of the terminal, of which the last stays empty.
// Text that is too long ends with an ellipsis.
func padded(s string, width int) string {
	s = ansi.Truncate(s, width-1, "…")
	return s + strings.Repeat(" ", width-ansi.StringWidth(s))
}

// valueLines are lines of a name, a value and a remark, for reports that people read.
type valueLines struct {
	nameWidth int
	lines     []string
}

// add adds a line, which may be foreign text. The remark may be empty.
func (v *valueLines) add(name, value, remark string) {
	line := text.Clean(fmt.Sprintf("%-*s%12s  %s", v.nameWidth, name, value, remark))
	v.lines = append(v.lines, strings.TrimRight(line, " "))
}

// milliseconds makes a duration of n milliseconds.
func milliseconds(n int64) time.Duration { return time.Duration(n) * time.Millisecond }
