package tui

import (
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/emostream/emostream/internal/wire"
)

// hear takes in what the stream said.
func (c Crowd) takeStream(h StreamEvents) (Crowd, tea.Cmd) {
	c.now = c.cfg.Now()
	was := c.connection
	for _, l := range h.Changes {
		c.connection = c.connection.Change(l)
		if why := c.connection.Trouble(); why != "" {
			c.lastError = why
		}
	}
	replayed := c.connection.Replayed
	c.events += len(h.Swarms) + h.Lost
	for _, s := range h.Swarms {
		c = c.takeSwarm(s)
	}
	if c.connection.Live() && c.connection.Resumed && (was.LiveAt != c.connection.LiveAt || c.connection.Replayed != replayed) {
		c = c.notify(c.connection.resumed(), false)
	}
	if was.Live() && !c.connection.Live() {
		return c.poll() // is it leaving?
	}
	return c, nil
}

// take takes a swarm in.
func (c Crowd) takeSwarm(s wire.Swarm) Crowd {
	if c.clock.Known() && s.Window.Start > c.serverNow()+maxFuture.Milliseconds() {
		c.lastError = "a window of the future was left out: is this machine's clock right?"
		return c
	}
	before, _ := c.history.Newest()
	_, known := c.history.Ending(s.Window.End)
	past, news := c.history.Add(s)
	if !news {
		return c
	}
	c.history = past
	missed := s.Window.End <= c.clock.ServerTime(c.connection.LiveAt).UnixMilli()
	switch {
	case known:
	case missed && c.connection.Resumed:
		c.connection.Replayed++
	case !missed && s.Total > 0: // that nothing came is told late on purpose
		c.unmeasured = append(slices.Clip(c.unmeasured), s.Window.End)
	}
	if s.Window.End < before.Window.End {
		return c
	}
	if s.Window.End > before.Window.End {
		c.newestCame, c.faded = c.now, false
	}
	c.floating = c.floating.SetRates(floatingRates(s))
	return c
}

// rates are how many of each emoji float up in a second.
func floatingRates(s wire.Swarm) []FloatRate {
	length := time.Duration(s.Window.End-s.Window.Start) * time.Millisecond
	var list []FloatRate
	for _, t := range s.Emojis {
		list = append(list, FloatRate{t.Emoji, t.Scaled / length.Seconds()})
	}
	return list
}
