package tui

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/tui/draw"
)

// Heights of parts of the framed view.
const (
	youHeight        = 4
	totalsHeight     = 6
	instrumentsLines = 10
)

// View draws the whole screen.
func (c Crowd) View() tea.View {
	v := tea.NewView(c.theme.ForTerminal(strings.Join(c.draw(), "\n")))
	v.AltScreen = true
	v.WindowTitle = "emostream " + c.cfg.Channel
	if c.cfg.Mouse {
		v.MouseMode = tea.MouseModeCellMotion
	}
	return v
}

func (c Crowd) framed() bool { return c.width >= framedWidth && c.height >= framedHeight }

// draw returns the screen, exactly as large as the terminal.
func (c Crowd) draw() []string {
	switch {
	case c.width < minWidth || c.height < minHeight:
		return draw.Block([]string{
			c.theme.Warn.Render("this terminal is too small"),
			fmt.Sprintf("it has %d columns and %d lines", c.width, c.height),
			fmt.Sprintf("%dx%d are needed", minWidth, minHeight),
			c.theme.Muted.Render("make it larger, or press q"),
		}, c.width, c.height)
	case c.framed():
		return c.framedScreen()
	}
	return c.compactScreen()
}

// rightWidth returns the width of the panels beside the field.
func (c Crowd) rightWidth() int { return min(46, max(34, c.width*2/5)) }

// bodyHeight returns the height of the field and the panels with their frames.
func (c Crowd) bodyHeight() int { return c.height - 2 - youHeight - len(c.restriction(c.width)) }

// restriction returns a line that says that the channel takes fewer reactions than usual,
// and why; none if it is open.
func (c Crowd) restriction(width int) []string {
	if is := client.ChannelText(c.channel, c.now); is != "" {
		return []string{draw.Fit(c.theme.Warn.Render("the channel is "+is), width)}
	}
	return nil
}

// field returns the size of the field of floating emojis.
func (c Crowd) field() (width, height int) {
	if c.framed() {
		return c.width - c.rightWidth() - 4, c.bodyHeight() - 2
	}
	return c.width, max(1, c.height-5-c.compactRows()-len(c.restriction(c.width)))
}

// framedScreen draws the screen with frames.
func (c Crowd) framedScreen() []string {
	left, body := c.width-c.rightWidth(), c.bodyHeight()
	fieldWidth, fieldHeight := c.field()
	field := draw.Box("The crowd", c.floatingField(fieldWidth, fieldHeight), left, body, c.theme)
	if c.panel != nil {
		field = draw.Frame(c.panel.title(), c.panel.lines(c, fieldWidth, fieldHeight), left, body, c.theme)
	}
	lines := append([]string{c.header()}, c.restriction(c.width)...)
	lines = append(lines, draw.Beside(field, c.sidePanels)...)
	lines = append(lines, draw.Frame("You", []string{c.palette(c.width - 4), c.status(c.width - 4)}, c.width, youHeight, c.theme)...)
	lines = append(lines, c.footer())
	return draw.Block(lines, c.width, c.height)
}

// drawSidePanels draws the panels beside the field.
func (c Crowd) drawSidePanels(width, height int) []string {
	upper := height
	var frames []string
	if c.instruments {
		lower := min(height-5, instrumentsLines+2)
		frames = draw.Frame("Instruments", c.instrumentRows(width-4), width, lower, c.theme)
		upper -= lower
	}
	if upper >= 2*totalsHeight {
		totals := totalsHeight + upper/12
		frames = append(draw.Frame("Totals", c.totals(width-4, totals-2), width, totals, c.theme), frames...)
		upper -= totals
	}
	return append(draw.Frame(c.windowTitle(), c.ranking(width-4, upper-2), width, upper, c.theme), frames...)
}

// floatingField draws the field of floating emojis.
func (c Crowd) floatingField(width, height int) []string {
	size := 2
	if c.theme.ASCII {
		size = 6
	}
	cells := map[string]string{}
	return c.floating.Draw(width, height, size, func(e string) string {
		cell, ok := cells[e]
		if !ok {
			if cell = c.appearance.Emoji(e); c.theme.ASCII {
				cell = draw.EmojiName(e, size-1) + " "
			}
			cells[e] = cell
		}
		return cell
	})
}

// header draws the channel, the state of the connection, and the countdown.
func (c Crowd) header() string {
	t := c.theme
	left := t.Title.Render("emostream") + " " + t.Muted.Render(text.CleanCells(c.cfg.Channel)) + "  " + c.state()
	if u, err := url.Parse(c.connection.State.URL); err == nil && c.width >= 100 {
		left += " " + t.Muted.Render(text.CleanCells(u.Host))
	}
	return draw.Ends(left, c.countdown("window ends in ", 10), c.width)
}

func (c Crowd) state() string {
	words := c.connection.Headline(c.now)
	switch {
	case c.connection.Live():
		return c.theme.Good.Render("● " + words)
	case strings.HasPrefix(words, "refused"):
		return c.theme.Bad.Render("✗ " + words)
	}
	return c.theme.Warn.Render("○ " + words)
}

// countdown draws how long the current window still lasts, by the server's clock.
func (c Crowd) countdown(label string, width int) string {
	newest, ok := c.history.Newest()
	if !ok {
		return ""
	}
	length := newest.Window.End - newest.Window.Start
	left := length - ((c.serverNow()-newest.Window.End)%length+length)%length
	bar := draw.Bar(1-float64(left)/float64(length), width, c.theme.Main, c.theme.Track)
	return fmt.Sprintf("%s %s", c.theme.Muted.Render(fmt.Sprintf("%s%.1f s", label, float64(left)/1000)), bar)
}

func (c Crowd) footer() string {
	h := c.help
	h.SetWidth(c.width)
	if !c.framed() {
		return h.ShortHelpView([]key.Binding{c.keys.tap, c.keys.find, c.keys.help, c.keys.quit})
	}
	return h.View(c.keys)
}

// arrivedBy returns a time in ms, one second ago. Windows that ended by then should
// have arrived.
func (c Crowd) arrivedBy() int64 { return c.serverNow() - time.Second.Milliseconds() }
