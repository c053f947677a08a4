package tui

import (
	"github.com/charmbracelet/x/ansi"

	"github.com/emostream/emostream/tui/draw"
)

// compactScreen draws the screen for a terminal that has no room for frames.
func (c Crowd) compactScreen() []string {
	lines := append([]string{c.compactHeader()}, c.restriction(c.width)...)
	if c.panel != nil {
		height := c.height - 2 - len(lines)
		lines = append(lines, draw.Block(c.panel.lines(c, c.width, height), c.width, height)...)
		return draw.Block(append(lines, c.status(c.width), c.footer()), c.width, c.height)
	}
	width, height := c.field()
	lines = append(lines, c.floatingField(width, height)...)
	lines = append(lines, c.compactHeadline())
	lines = append(lines, draw.Block(c.ranking(c.width, c.compactRows()+1)[1:], c.width, c.compactRows())...)
	lines = append(lines, c.status(c.width), c.palette(c.width), c.footer())
	return draw.Block(lines, c.width, c.height)
}

// compactRows returns how many lines the ranking has.
func (c Crowd) compactRows() int { return max(3, (c.height-5)/3) }

// compactHeader draws the state of the connection and the countdown.
func (c Crowd) compactHeader() string {
	state, left := c.state(), c.countdown("", 8)
	if ansi.StringWidth(state)+ansi.StringWidth(left) >= c.width {
		return draw.Fit(state, c.width)
	}
	return draw.Ends(state, left, c.width)
}

// compactHeadline draws the total, its change and the sparkline on one line.
func (c Crowd) compactHeadline() string {
	headline := c.headline()
	room := c.width - ansi.StringWidth(headline) - 2
	if room < 4 {
		return draw.Fit(headline, c.width)
	}
	return headline + "  " + c.theme.Main.Render(draw.Sparkline(c.history.Totals(c.arrivedBy(), room), room, 1, 0)[0])
}
