package tui

import (
	tea "charm.land/bubbletea/v2"

	"github.com/emostream/emostream/tui/draw"
)

// helpPanel lists all keys.
type helpPanel struct{}

func (helpPanel) title() string { return "Keys" }

func (helpPanel) lines(c Crowd, width, _ int) []string {
	var lines []string
	for _, group := range c.keys.FullHelp() {
		for _, b := range group {
			h := b.Help()
			lines = append(lines, draw.Fit(c.theme.Title.Render(draw.Fit(h.Key, 8))+c.theme.Muted.Render(longerDescription(h.Desc)), width))
		}
	}
	return lines
}

// longerDescription returns a longer description of a key than the line at the bottom
// has.
func longerDescription(does string) string {
	switch does {
	case "tap":
		return "tap; hold for a burst"
	case "repeat":
		return "tap the last emoji again"
	case "burst":
		return "a burst of your size and rate"
	case "find":
		return "find any emoji by its name"
	case "instruments":
		return "latencies, gaps, the last error"
	case "quit":
		return "quit (esc, ctrl+c)"
	}
	return does
}

func (p helpPanel) press(c Crowd, _ tea.KeyPressMsg) (Crowd, panel) { return c, nil }
