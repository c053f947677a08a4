package tui

import (
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/wire"
)

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

// surveyPause is the time between two questions to the main server.
func (c Crowd) nextPollAfter() time.Duration {
	switch {
	case !c.connection.Live():
		return 3 * time.Second
	case c.clock.TooRough():
		return time.Second
	}
	return pollInterval
}

// survey asks the main server how things are.
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

// surveyed takes in how things are. A main server that answers again ends the wait
// of who found nobody; what a server asked to wait for is obeyed.
func (c Crowd) takeStatus(s StatusAnswer) (Crowd, tea.Cmd) {
	c.polling = false
	if s.Err != nil {
		c.lastError = errorText(s.Err)
		return c, nil
	}
	c.clock = c.clock.Add(s.Status.Clock)
	c.servers = s.Status.Servers
	c.connection = c.connection.CheckDraining(c.servers)
	if c.connection.State.Phase == sse.Reconnecting && client.Unreached(c.connection.State.Err) {
		return c, c.reconnect()
	}
	return c, nil
}

// serverNow is the server's time in ms.
func (c Crowd) serverNow() int64 { return c.clock.ServerTime(c.now).UnixMilli() }

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

// tap sends an emoji, and lets one rise at once: a key is answered now.
func (c Crowd) tap(emoji string) Crowd {
	c.now = c.cfg.Now()
	c.lastEmoji = emoji
	outbox, taken := c.outbox.Tap(emoji, 1, c.now)
	c.outbox = outbox
	if !taken {
		return c.notify("too many taps are waiting for the server: the last ones were not sent", true)
	}
	slot := slices.Index(c.cfg.Palette, emoji)
	c.floating = c.floating.Launch(emoji, (float64(slot)+0.5)/float64(len(c.cfg.Palette)))
	return c
}

// flush makes the request that is due.
func (c Crowd) sendDue() (Crowd, tea.Cmd) {
	var batch []Taps
	if c.outbox, batch = c.outbox.NextRequest(c.now); batch == nil {
		return c, nil
	}
	reactions := make([]client.Reaction, len(batch))
	for i, t := range batch {
		reactions[i] = client.Reaction{UserID: c.cfg.User, Emoji: t.Emoji, Channel: c.cfg.Channel, Count: t.Count}
	}
	send, now := c.cfg.Send, c.cfg.Now
	return c, func() tea.Msg {
		s := SendResult{Asked: now()}
		s.Results, s.Err = send(reactions)
		s.Answered = now()
		return s
	}
}

func (c Crowd) takeResult(s SendResult) Crowd {
	c.now = c.cfg.Now()
	var trouble string
	if c.outbox, trouble = c.outbox.TakeResult(s); trouble != "" {
		c.lastError = trouble
		c = c.notify(trouble, true)
		c.notice.passing = strings.HasPrefix(trouble, notYet)
		return c
	}
	if c.notice.passing {
		c.notice = notice{}
	}
	c.ackLatency = c.ackLatency.Add(s.Answered.Sub(s.Asked))
	for _, o := range s.Results {
		c.clock = c.clock.Add(client.ClockReading{Asked: s.Asked, Answered: s.Answered, Server: o.AcceptedAt, Within: time.Millisecond})
	}
	return c
}

// leave closes the view once what was tapped is answered for; asked again, at once.
func (c Crowd) leave() Crowd {
	c.now = c.cfg.Now()
	c.burst = c.burst.stopped()
	if !c.leaving.IsZero() {
		c.leaving = c.leaving.Add(-leaveTimeout)
		return c
	}
	c.leaving = c.now
	return c
}
