package tui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/tui/draw"
)

// instrumentRows draws the instruments: latencies, counts, the clock and the last
// error.
func (c Crowd) instrumentRows(width int) []string {
	t := c.theme
	row := func(name, value string) string { return draw.Ends(t.Muted.Render(name), value, width) }
	lines := []string{
		row("ack", c.ackLatency.String()),
		row("end → seen", c.windowLatency.String()),
		row("tap → seen", c.tapLatency.String()),
		row("events", text.Thousands(int64(c.events))),
		row("gaps", c.alarm(c.history.Gaps())),
		row("reconnects", c.alarm(c.connection.Reconnects)),
		row("clock", c.clockText()),
		row("watching", audience(c.servers)),
	}
	if c.lastError == "" {
		return append(lines, row("last error", "none"))
	}
	for l := range strings.SplitSeq(ansi.Wordwrap("last error: "+c.lastError, width, ""), "\n") {
		lines = append(lines, t.Bad.Render(l))
	}
	return lines
}

func (c Crowd) alarm(n int) string {
	if n == 0 {
		return "none"
	}
	return c.theme.Warn.Render(text.Thousands(int64(n)))
}

// clockText returns how far the server's clock is ahead of this machine's, as text.
func (c Crowd) clockText() string {
	if !c.clock.Known() {
		return "-"
	}
	ahead, within := c.clock.Offset()
	return fmt.Sprintf("%+d ± %d ms", ahead.Milliseconds(), within.Milliseconds())
}

// audience returns how many clients there are, and on how many servers, as text.
func audience(servers []client.ServerStatus) string {
	clients, alive := 0, 0
	for _, s := range servers {
		if s.Alive {
			clients, alive = clients+s.Clients, alive+1
		}
	}
	if alive == 0 {
		return "-"
	}
	plural := "s"
	if alive == 1 {
		plural = ""
	}
	return fmt.Sprintf("%s on %d server%s", text.Thousands(int64(clients)), alive, plural)
}
