package tui

import (
	"fmt"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/wire"
)

// tick is the command that brings the next frame.
func (c Crowd) tick() tea.Cmd {
	d := time.Second / time.Duration(c.cfg.FPS)
	if !c.isMoving() {
		d = max(d, idleFrameInterval)
	}
	return tea.Tick(d, func(at time.Time) tea.Msg { return Tick{at} })
}

// moves says whether anything moves but the countdown.
func (c Crowd) isMoving() bool {
	return c.floating.Moving() || c.burst.running() || c.now.Sub(c.newestCame) < barEasing
}

// moved says whether what stands beside the field may have changed with a message:
// keys do not change it, and a frame does when its bars move or another window
// should have come.
func (c Crowd) sidePanelsChange(msg tea.Msg) bool {
	switch msg.(type) {
	case tea.KeyPressMsg:
		return false
	case Tick:
		newest, ok := c.history.Newest()
		length := newest.Window.End - newest.Window.Start
		return c.lastFrame.Sub(c.newestCame) < barEasing ||
			ok && c.arrivedBy()/length != (c.arrivedBy()-c.now.Sub(c.lastFrame).Milliseconds())/length
	}
	return true
}

// frame moves everything on to a time.
func (c Crowd) frame(at time.Time) (Crowd, tea.Cmd) {
	gap := at.Round(0).Sub(c.now.Round(0)) // by the wall clock, which goes on while a machine sleeps
	c.lastFrame, c.now = c.now, at
	var woke tea.Cmd
	if gap > sleepGap {
		c, woke = c.afterSleep(gap)
	}
	c = c.measureShown()
	c.burst, c.outbox = c.burst.tapDue(c.outbox, at)
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
	return c, tea.Batch(woke, cmd)
}

// wake is for after the machine slept: nothing that was connected can be trusted.
func (c Crowd) afterSleep(gap time.Duration) (Crowd, tea.Cmd) {
	c.clock = ServerClock{}
	c = c.notify(fmt.Sprintf("this machine slept for %s: connecting anew", text.Seconds(gap)), false)
	c, ask := c.poll()
	return c, tea.Batch(ask, c.reconnect())
}

func (c Crowd) reconnect() tea.Cmd {
	renew := c.cfg.Reconnect
	return func() tea.Msg { renew(); return nil }
}

// onScreen notes what the frame before this one has shown.
func (c Crowd) measureShown() Crowd {
	for _, end := range c.unmeasured {
		if c.clock.TooRough() {
			break
		}
		c.windowLatency = c.windowLatency.Add(time.Duration(c.serverNow()-end) * time.Millisecond)
	}
	c.unmeasured = nil
	var took []time.Duration
	c.outbox, took = c.outbox.MarkShown(c.now, func(o OwnTaps) bool {
		s, ok := c.history.Containing(o.At)
		return ok && slices.ContainsFunc(s.Emojis, func(t wire.EmojiCount) bool { return t.Emoji == o.Emoji })
	})
	for _, d := range took {
		c.tapLatency = c.tapLatency.Add(d)
	}
	return c
}

// say shows a notice for a while.
func (c Crowd) notify(text string, bad bool) Crowd {
	c.notice = notice{text: text, bad: bad, until: c.now.Add(noticeTime)}
	return c
}
