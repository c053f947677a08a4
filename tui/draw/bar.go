package draw

import (
	"math"
	"strings"

	"charm.land/lipgloss/v2"
)

// Bar draws a share from 0 to 1 as a horizontal bar in steps of an eighth of a cell.
// The result is exactly width cells long. track is the style of the empty part.
func Bar(share float64, width int, fill, track lipgloss.Style) string {
	if width <= 0 {
		return ""
	}
	if !(share > 0) {
		share = 0
	}
	n := int(math.Round(math.Min(1, share) * float64(width*8)))
	if share > 0 {
		n = max(1, n)
	}
	bar := strings.Repeat("█", n/8)
	cells := n / 8
	if part := n % 8; part > 0 {
		bar += string([]rune(" ▏▎▍▌▋▊▉")[part])
		cells++
	}
	return fill.Render(bar) + track.Render(strings.Repeat("░", width-cells))
}

// TracklessBar draws a bar whose empty part is spaces.
func TracklessBar(share float64, width int, fill lipgloss.Style) string {
	if width <= 0 {
		return ""
	}
	bar := strings.TrimRight(Bar(share, width, lipgloss.NewStyle(), lipgloss.NewStyle()), "░")
	return Fit(fill.Render(bar), width)
}
