package tui

import (
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/emostream/emostream/internal/wire"
)

// tick returns the command that causes the next frame.
func (c Crowd) tick() tea.Cmd {
	d := time.Second / time.Duration(c.cfg.FPS)
	if !c.isMoving() {
		d = max(d, idleFrameInterval)
	}
	return tea.Tick(d, func(at time.Time) tea.Msg { return Tick{at} })
}

// isMoving returns whether anything except the countdown moves.
func (c Crowd) isMoving() bool {
	return c.floating.Moving() || c.burst.running() || c.now.Sub(c.newestArrived) < barEasing
}

// sidePanelsChange returns whether a message may change the panels beside the field.
// Keys do not change them. A frame changes them while their bars move, and when another
// window should have arrived.
func (c Crowd) sidePanelsChange(msg tea.Msg) bool {
	switch msg.(type) {
	case tea.KeyPressMsg:
		return false
	case Tick:
		newest, ok := c.history.Newest()
		length := newest.Window.End - newest.Window.Start
		return c.lastFrame.Sub(c.newestArrived) < barEasing ||
			ok && c.arrivedBy()/length != (c.arrivedBy()-c.now.Sub(c.lastFrame).Milliseconds())/length
	}
	return true
}

// frame advances everything to the time at.
func (c Crowd) frame(at time.Time) (Crowd, tea.Cmd) {
	gap := at.Round(0).Sub(c.now.Round(0)) // Round removes the monotonic clock, which stands still while a machine sleeps.
	c.lastFrame, c.now = c.now, at
	var woke tea.Cmd
	if gap > sleepGap {
		c, woke = c.afterSleep(gap)
	}
	c = c.measureShown()
	c.burst, c.taps = c.burst.tapDue(c.taps, at)
	if end, ok := c.history.Newest(); ok && !c.faded {
		length := end.Window.End - end.Window.Start
		if c.serverNow() > end.Window.End+2*length+time.Second.Milliseconds() {
			c.faded, c.floating = true, c.floating.SetRates(nil)
		}
	}
	w, h := c.field()
	c.floating = c.floating.Step(gap, w*h)
	var cmd tea.Cmd
	if at.Sub(c.polledAt) >= c.nextPollAfter() {
		c, cmd = c.poll()
	}
	c, ask := c.askSettings()
	return c, tea.Batch(woke, cmd, ask)
}

func (c Crowd) reconnect() tea.Cmd {
	reconnect := c.cfg.Reconnect
	return func() tea.Msg { reconnect(); return nil }
}

// measureShown records the latencies of the windows and own taps that the previous
// frame showed first.
func (c Crowd) measureShown() Crowd {
	for _, end := range c.unmeasured {
		if c.clock.TooRough() {
			break
		}
		c.windowLatency = c.windowLatency.Add(time.Duration(c.serverNow()-end) * time.Millisecond)
	}
	c.unmeasured = nil
	var took []time.Duration
	c.taps, took = c.taps.MarkShown(c.now, func(o OwnTaps) bool {
		s, ok := c.history.Containing(o.At)
		return ok && slices.ContainsFunc(s.Emojis, func(t wire.EmojiCount) bool { return t.Emoji == o.Emoji })
	})
	for _, d := range took {
		c.tapLatency = c.tapLatency.Add(d)
	}
	return c
}

// notify shows a notice for a while.
func (c Crowd) notify(text string, bad bool) Crowd {
	c.notice = notice{text: text, bad: bad, until: c.now.Add(noticeTime)}
	return c
}
