package tui

import (
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/sse"
)

// nextPollAfter returns the time from one request for the status to the next.
func (c Crowd) nextPollAfter() time.Duration {
	switch {
	case !c.connection.Live():
		return offlinePollInterval
	case c.clock.TooRough():
		return time.Second
	}
	return pollInterval
}

// poll asks the main server for its status, at the moment at which the answer says most
// about its clock.
func (c Crowd) poll() (Crowd, tea.Cmd) {
	if c.polling {
		return c, nil
	}
	c.polling, c.polledAt = true, c.now
	status := c.cfg.Status
	ask := func(time.Time) tea.Msg {
		s, err := status()
		return StatusAnswer{s, err}
	}
	if c.clock.Known() && c.clock.TooRough() {
		return c, tea.Tick(c.clock.NextReading(c.now).Sub(c.now), ask)
	}
	return c, func() tea.Msg { return ask(time.Time{}) }
}

// takeStatus handles the answer to poll. It shows that the main server can be reached.
// So if the last attempt to connect reached no server, the client connects again at
// once. If a server refused and asked to wait, the wait goes on.
func (c Crowd) takeStatus(s StatusAnswer) (Crowd, tea.Cmd) {
	c.polling = false
	if s.Err != nil {
		c.lastError = errorText(s.Err)
		return c, nil
	}
	c.clock = c.clock.Add(s.Status.Clock)
	c.servers = s.Status.Servers
	c.connection = c.connection.WithServers(c.servers)
	if c.connection.State.Phase == sse.Reconnecting && client.Unreached(c.connection.State.Err) {
		return c, c.reconnect()
	}
	return c, nil
}

// serverNow returns the server's time in ms.
func (c Crowd) serverNow() int64 { return c.clock.ServerTime(c.now).UnixMilli() }
