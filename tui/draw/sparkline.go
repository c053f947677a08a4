package draw

import (
	"math"
	"strings"
)

// blocks are characters that fill a cell from below, from empty to full in steps of an
// eighth.
const blocks = " ▁▂▃▄▅▆▇█"

// Sparkline draws the newest values as a chart of height lines of exactly width cells.
// Each value is a column of one cell, the newest at the right. A value of top fills the
// whole height; if top is 0, the greatest drawn value does. A value above 0 is at least
// one block high.
func Sparkline(values []float64, width, height int, top float64) []string {
	if width <= 0 || height <= 0 {
		return nil
	}
	values = values[max(0, len(values)-width):]
	if top <= 0 {
		for _, v := range values {
			if v > top { // false for NaN
				top = v
			}
		}
	}
	blocks := []rune(blocks)
	lines := make([]string, height)
	for row := range lines {
		var b strings.Builder
		b.WriteString(strings.Repeat(" ", width-len(values)))
		below := (height - 1 - row) * 8 // eighths in the rows under this one
		for _, v := range values {
			b.WriteRune(blocks[min(8, max(0, filled(v, top, height*8)-below))])
		}
		lines[row] = b.String()
	}
	return lines
}

// filled returns how many of n eighths a value fills.
func filled(v, top float64, n int) int {
	if !(v > 0) || !(top > 0) {
		return 0
	}
	return max(1, int(math.Round(math.Min(1, v/top)*float64(n))))
}
