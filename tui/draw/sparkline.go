package draw

import (
	"math"
	"strings"
)

// eighths are the blocks that fill a cell from below, from empty to full.
const blocks = " ▁▂▃▄▅▆▇█"

// Sparkline draws the newest values as columns, one a cell, as lines of exactly
// width cells; the newest is at the right. top is the value that reaches the upper
// edge; 0: the greatest that is drawn. A value above 0 is always seen.
func Sparkline(values []float64, width, height int, top float64) []string {
	if width <= 0 || height <= 0 {
		return nil
	}
	values = values[max(0, len(values)-width):]
	if top <= 0 {
		for _, v := range values {
			if v > top { // which no NaN is
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

// filled is how many of n eighths a value fills.
func filled(v, top float64, n int) int {
	if !(v > 0) || !(top > 0) {
		return 0
	}
	return max(1, int(math.Round(math.Min(1, v/top)*float64(n))))
}
