package tui

import (
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/emostream/emostream/internal/wire"
)

// takeStream handles events of the stream.
func (c Crowd) takeStream(events StreamEvents) (Crowd, tea.Cmd) {
	c.now = c.cfg.Now()
	was := c.connection
	for _, change := range events.Changes {
		c.connection = c.connection.Change(change)
		if why := c.connection.Trouble(); why != "" {
			c.lastError = why
		}
	}
	if events.Channel != nil {
		c = c.takeChannel(*events.Channel)
	}
	replayed := c.connection.Replayed
	c.events += len(events.Swarms) + events.Lost
	for _, s := range events.Swarms {
		c = c.takeSwarm(s)
	}
	if c.connection.Live() && c.connection.Resumed && (was.LiveAt != c.connection.LiveAt || c.connection.Replayed != replayed) {
		c = c.notify(c.connection.resumed(), false)
	}
	if was.Live() && !c.connection.Live() {
		return c.poll() // the status says whether the server is leaving
	}
	return c, nil
}

// takeSwarm handles a swarm.
func (c Crowd) takeSwarm(s wire.Swarm) Crowd {
	if c.clock.Known() && s.Window.Start > c.serverNow()+maxFuture.Milliseconds() {
		c.lastError = "a window of the future was left out: is this machine's clock right?"
		return c
	}
	before, _ := c.history.Newest()
	earlier, known := c.history.Ending(s.Window.End)
	history, added := c.history.Add(s)
	if !added {
		return c
	}
	c.history = history
	if known && earlier.Total == s.Total {
		c = c.dropHidden(earlier, s)
		c.settings.soon = true // so that the keys follow
	}
	missed := s.Window.End <= c.clock.ServerTime(c.connection.LiveAt).UnixMilli()
	switch {
	case known:
	case missed && c.connection.Resumed:
		c.connection.Replayed++
	case !missed && s.Total > 0: // an empty window is sent late on purpose and not measured
		c.unmeasured = append(slices.Clip(c.unmeasured), s.Window.End)
	}
	if s.Window.End < before.Window.End {
		return c
	}
	if s.Window.End > before.Window.End {
		c.newestArrived, c.faded = c.now, false
	}
	c.floating = c.floating.SetRates(riseRates(s))
	return c
}

// dropHidden removes the emojis from the field that an earlier swarm of a window had and
// the later one lacks, though their totals are equal: those are hidden now.
func (c Crowd) dropHidden(earlier, later wire.Swarm) Crowd {
	for _, e := range earlier.Emojis {
		if !slices.ContainsFunc(later.Emojis, func(l wire.EmojiCount) bool { return l.Emoji == e.Emoji }) {
			c.floating = c.floating.Without(e.Emoji)
		}
	}
	return c
}

// riseRates returns how many of each emoji shall float up in a second.
func riseRates(s wire.Swarm) []RiseRate {
	length := time.Duration(s.Window.End-s.Window.Start) * time.Millisecond
	var list []RiseRate
	for _, t := range s.Emojis {
		list = append(list, RiseRate{t.Emoji, t.Scaled / length.Seconds()})
	}
	return list
}
