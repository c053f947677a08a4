package tui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/tui/draw"
)

// status draws the message, and the outcomes of the taps if there is room for them.
func (c Crowd) status(width int) string {
	message, taps := c.message(), c.tapSummary()
	if !c.framed() && ansi.StringWidth(message)+ansi.StringWidth(taps) >= width {
		return draw.Fit(message, width)
	}
	return draw.Ends(message, taps, width)
}

// message returns the message that is most important now.
func (c Crowd) message() string {
	t := c.theme
	switch why := c.connection.Trouble(); {
	case !c.leaving.IsZero():
		return t.Warn.Render(fmt.Sprintf("%d taps are on their way; q leaves without them", c.taps.Pending()))
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

// tapSummary returns how many taps had which outcome, as text.
func (c Crowd) tapSummary() string {
	o, t := c.taps, c.theme
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
