package tui

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/tui/draw"
)

// The least room for the view at all.
const (
	minWidth  = 40
	minHeight = 12
)

// Heights of parts of the framed view.
const (
	youHeight        = 4
	totalsHeight     = 6
	instrumentsLines = 10
)

// View draws it all.
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

// draw is the whole screen, exactly as large as the terminal.
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

// rightWidth is how wide the column beside the field is.
func (c Crowd) rightWidth() int { return min(46, max(34, c.width*2/5)) }

// field is the room for floating emojis.
func (c Crowd) field() (width, height int) {
	if c.framed() {
		return c.width - c.rightWidth() - 4, c.height - 2 - youHeight - 2
	}
	return c.width, max(1, c.height-5-c.compactRows())
}

// wide is the view in frames.
func (c Crowd) framedScreen() []string {
	left, body := c.width-c.rightWidth(), c.height-2-youHeight
	fieldWidth, fieldHeight := c.field()
	field := draw.Box("The crowd", c.floatingField(fieldWidth, fieldHeight), left, body, c.theme)
	if c.panel != nil {
		field = draw.Frame(c.panel.title(), c.panel.lines(c, fieldWidth, fieldHeight), left, body, c.theme)
	}
	lines := []string{c.header()}
	lines = append(lines, draw.Beside(field, c.sidePanels)...)
	lines = append(lines, draw.Frame("You", []string{c.palette(c.width - 4), c.status(c.width - 4)}, c.width, youHeight, c.theme)...)
	lines = append(lines, c.footer())
	return draw.Block(lines, c.width, c.height)
}

// column is what stands beside the field.
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

// floating is the field.
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

// header is the channel, the state of the connection, and the countdown.
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

// countdown is how long the open window lasts, by the server's clock.
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

// status is what there is to say, and what became of the taps if there is room.
func (c Crowd) status(width int) string {
	message, taps := c.message(), c.tapSummary()
	if !c.framed() && ansi.StringWidth(message)+ansi.StringWidth(taps) >= width {
		return draw.Fit(message, width)
	}
	return draw.Ends(message, taps, width)
}

// message is the one line that matters most now.
func (c Crowd) message() string {
	t := c.theme
	switch why := c.connection.Trouble(); {
	case !c.leaving.IsZero():
		return t.Warn.Render(fmt.Sprintf("%d taps are on their way; q leaves without them", c.outbox.Pending()))
	case c.notice.bad && c.now.Before(c.notice.until):
		return t.Bad.Render(c.notice.text)
	case why != "":
		return t.Warn.Render(why)
	case c.now.Before(c.notice.until):
		return t.Good.Render(c.notice.text)
	case c.burst.running():
		return c.emojiInText(c.burst.emoji) + t.Muted.Render(fmt.Sprintf(" burst: %s of %s, b stops it", text.Thousands(int64(c.burst.sent)), text.Thousands(int64(c.burst.size))))
	}
	return c.ownShare()
}

// taps is what became of all taps.
func (c Crowd) tapSummary() string {
	o, t := c.outbox, c.theme
	var parts []string
	add := func(n int, what string, render func(...string) string) {
		if n > 0 {
			parts = append(parts, render(text.Thousands(int64(n))+" "+what))
		}
	}
	add(o.Pending(), "pending", t.Warn.Render)
	add(o.InDoubt, "in doubt", t.Bad.Render)
	add(o.Refused, "refused", t.Bad.Render)
	add(o.NotSent, "not sent", t.Bad.Render)
	add(o.Accepted, "counted", t.Good.Render)
	return strings.Join(parts, t.Muted.Render(" · "))
}

// shareWindows is how long, in windows, somebody's share is shown.
const ownShareWindows = 5

// share is how many of a window's most tapped own emoji were one's own.
func (c Crowd) ownShare() string {
	newest, ok := c.history.Newest()
	length := newest.Window.End - newest.Window.Start
	for back := int64(0); ok && back < ownShareWindows; back++ {
		s, known := c.history.Ending(newest.Window.End - back*length)
		if !known {
			continue
		}
		best := Taps{}
		for _, t := range c.outbox.OwnIn(s.Window.Start, s.Window.End) {
			if t.Count > best.Count {
				best = t
			}
		}
		for _, t := range s.Emojis {
			if best.Count > 0 && t.Emoji == best.Emoji {
				were := "were"
				if best.Count == 1 {
					were = "was"
				}
				m := c.theme.Muted.Render
				return fmt.Sprintf("%s %s %s %s %s", c.theme.Title.Render(text.Thousands(int64(best.Count))),
					m("of the"), c.theme.Title.Render(text.Thousands(t.Count)), c.emojiInText(t.Emoji), m(were+" yours"))
			}
		}
	}
	return c.theme.Muted.Render("press " + c.keys.tap.Help().Key + " to be part of it")
}

func (c Crowd) footer() string {
	h := c.help
	h.SetWidth(c.width)
	if !c.framed() {
		return h.ShortHelpView([]key.Binding{c.keys.tap, c.keys.find, c.keys.help, c.keys.quit})
	}
	return h.View(c.keys)
}

// compact is the view for a terminal without room for frames.
func (c Crowd) compactScreen() []string {
	lines := []string{c.compactHeader()}
	if c.panel != nil {
		lines = append(lines, draw.Block(c.panel.lines(c, c.width, c.height-3), c.width, c.height-3)...)
		return draw.Block(append(lines, c.status(c.width), c.footer()), c.width, c.height)
	}
	width, height := c.field()
	lines = append(lines, c.floatingField(width, height)...)
	lines = append(lines, c.compactHeadline())
	lines = append(lines, draw.Block(c.ranking(c.width, c.compactRows()+1)[1:], c.width, c.compactRows())...)
	lines = append(lines, c.status(c.width), c.palette(c.width), c.footer())
	return draw.Block(lines, c.width, c.height)
}

// rows is how many lines of the ranking the compact view has.
func (c Crowd) compactRows() int { return max(3, (c.height-5)/3) }

// brieflyWhere is the header in less room.
func (c Crowd) compactHeader() string {
	state, left := c.state(), c.countdown("", 8)
	if ansi.StringWidth(state)+ansi.StringWidth(left) >= c.width {
		return draw.Fit(state, c.width)
	}
	return draw.Ends(state, left, c.width)
}

// brief is the total, its change and the sparkline on a line.
func (c Crowd) compactHeadline() string {
	headline := c.headline()
	room := c.width - ansi.StringWidth(headline) - 2
	if room < 4 {
		return draw.Fit(headline, c.width)
	}
	return headline + "  " + c.theme.Main.Render(draw.Sparkline(c.history.Totals(c.arrivedBy(), room), room, 1, 0)[0])
}

// arrivedBy is the time whose windows have arrived if there were any.
func (c Crowd) arrivedBy() int64 { return c.serverNow() - time.Second.Milliseconds() }
