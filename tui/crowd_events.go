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
	c.before, c.now = c.now, at
	var woke tea.Cmd
	if gap > asleep {
		c, woke = c.wake(gap)
	}
	c = c.onScreen()
	c.burst, c.outbox = c.burst.step(c.outbox, at)
	if end, ok := c.past.Newest(); ok && !c.faded {
		length := end.Window.End - end.Window.Start
		if c.serverNow() > end.Window.End+2*length+time.Second.Milliseconds() {
			c.faded, c.flock = true, c.flock.Aim(nil)
		}
	}
	w, h := c.field()
	c.flock = c.flock.Step(gap, w*h)
	var cmd tea.Cmd
	if at.Sub(c.asked) >= c.surveyPause() {
		c, cmd = c.survey()
	}
	return c, tea.Batch(woke, cmd)
}

// wake is for after the machine slept: nothing that was connected can be trusted.
func (c Crowd) wake(gap time.Duration) (Crowd, tea.Cmd) {
	c.clock = Clock{}
	c = c.say(fmt.Sprintf("this machine slept for %s: connecting anew", text.Seconds(gap)), false)
	c, ask := c.survey()
	return c, tea.Batch(ask, c.renew())
}

func (c Crowd) renew() tea.Cmd {
	renew := c.cfg.Renew
	return func() tea.Msg { renew(); return nil }
}

// surveyPause is the time between two questions to the main server.
func (c Crowd) surveyPause() time.Duration {
	switch {
	case !c.link.Live():
		return 3 * time.Second
	case c.clock.Vague():
		return time.Second
	}
	return surveyed
}

// survey asks the main server how things are.
func (c Crowd) survey() (Crowd, tea.Cmd) {
	if c.asking {
		return c, nil
	}
	c.asking, c.asked = true, c.now
	status := c.cfg.Status
	ask := func(time.Time) tea.Msg {
		s, err := status()
		return Surveyed{s, err}
	}
	if c.clock.Known() && c.clock.Vague() {
		return c, tea.Tick(c.clock.Ask(c.now).Sub(c.now), ask)
	}
	return c, func() tea.Msg { return ask(time.Time{}) }
}

// surveyed takes in how things are. A main server that answers again ends the wait
// of who found nobody; what a server asked to wait for is obeyed.
func (c Crowd) surveyed(s Surveyed) (Crowd, tea.Cmd) {
	c.asking = false
	if s.Err != nil {
		c.lastError = reason(s.Err)
		return c, nil
	}
	c.clock = c.clock.Saw(s.Status.Clock)
	c.servers = s.Status.Servers
	c.link = c.link.Known(c.servers)
	if c.link.State.Phase == sse.Reconnecting && client.Unreached(c.link.State.Err) {
		return c, c.renew()
	}
	return c, nil
}

// serverNow is the server's time in ms.
func (c Crowd) serverNow() int64 { return c.clock.Server(c.now).UnixMilli() }

// hear takes in what the stream said.
func (c Crowd) hear(h Heard) (Crowd, tea.Cmd) {
	c.now = c.cfg.Now()
	was := c.link
	for _, l := range h.Links {
		c.link = c.link.Take(l)
		if why := c.link.Why(); why != "" {
			c.lastError = why
		}
	}
	replayed := c.link.Replayed
	c.events += len(h.Swarms) + h.Lost
	for _, s := range h.Swarms {
		c = c.take(s)
	}
	if c.link.Live() && c.link.Resumed && (was.LiveAt != c.link.LiveAt || c.link.Replayed != replayed) {
		c = c.say(c.link.resumed(), false)
	}
	if was.Live() && !c.link.Live() {
		return c.survey() // is it leaving?
	}
	return c, nil
}

// take takes a swarm in.
func (c Crowd) take(s wire.Swarm) Crowd {
	if c.clock.Known() && s.Window.Start > c.serverNow()+mostFuture.Milliseconds() {
		c.lastError = "a window of the future was left out: is this machine's clock right?"
		return c
	}
	before, _ := c.past.Newest()
	_, known := c.past.Ending(s.Window.End)
	past, news := c.past.Take(s)
	if !news {
		return c
	}
	c.past = past
	missed := s.Window.End <= c.clock.Server(c.link.LiveAt).UnixMilli()
	switch {
	case known:
	case missed && c.link.Resumed:
		c.link.Replayed++
	case !missed && s.Total > 0: // that nothing came is told late on purpose
		c.shown = append(slices.Clip(c.shown), s.Window.End)
	}
	if s.Window.End < before.Window.End {
		return c
	}
	if s.Window.End > before.Window.End {
		c.came, c.faded = c.now, false
	}
	c.flock = c.flock.Aim(rates(s))
	return c
}

// rates are how many of each emoji float up in a second.
func rates(s wire.Swarm) []Rate {
	length := time.Duration(s.Window.End-s.Window.Start) * time.Millisecond
	var list []Rate
	for _, t := range s.Emojis {
		list = append(list, Rate{t.Emoji, t.Scaled / length.Seconds()})
	}
	return list
}

// onScreen notes what the frame before this one has shown.
func (c Crowd) onScreen() Crowd {
	for _, end := range c.shown {
		if c.clock.Vague() {
			break
		}
		c.delay = c.delay.Add(time.Duration(c.serverNow()-end) * time.Millisecond)
	}
	c.shown = nil
	var took []time.Duration
	c.outbox, took = c.outbox.Seen(c.now, func(o Own) bool {
		s, ok := c.past.Containing(o.At)
		return ok && slices.ContainsFunc(s.Emojis, func(t wire.EmojiCount) bool { return t.Emoji == o.Emoji })
	})
	for _, d := range took {
		c.seen = c.seen.Add(d)
	}
	return c
}

// say shows a notice for a while.
func (c Crowd) say(text string, bad bool) Crowd {
	c.notice = notice{text: text, bad: bad, until: c.now.Add(noticed)}
	return c
}

// tap sends an emoji, and lets one rise at once: a key is answered now.
func (c Crowd) tap(emoji string) Crowd {
	c.now = c.cfg.Now()
	c.last = emoji
	outbox, taken := c.outbox.Tap(emoji, 1, c.now)
	c.outbox = outbox
	if !taken {
		return c.say("too many taps are waiting for the server: the last ones were not sent", true)
	}
	slot := slices.Index(c.cfg.Palette, emoji)
	c.flock = c.flock.Launch(emoji, (float64(slot)+0.5)/float64(len(c.cfg.Palette)))
	return c
}

// flush makes the request that is due.
func (c Crowd) flush() (Crowd, tea.Cmd) {
	var batch []Taps
	if c.outbox, batch = c.outbox.Due(c.now); batch == nil {
		return c, nil
	}
	reactions := make([]client.Reaction, len(batch))
	for i, t := range batch {
		reactions[i] = client.Reaction{UserID: c.cfg.User, Emoji: t.Emoji, Channel: c.cfg.Channel, Count: t.N}
	}
	send, now := c.cfg.Send, c.cfg.Now
	return c, func() tea.Msg {
		s := Sent{Asked: now()}
		s.Outcomes, s.Err = send(reactions)
		s.Answered = now()
		return s
	}
}

func (c Crowd) sent(s Sent) Crowd {
	c.now = c.cfg.Now()
	var trouble string
	if c.outbox, trouble = c.outbox.Answered(s); trouble != "" {
		c.lastError = trouble
		c = c.say(trouble, true)
		c.notice.passing = strings.HasPrefix(trouble, notYet)
		return c
	}
	if c.notice.passing {
		c.notice = notice{}
	}
	c.ack = c.ack.Add(s.Answered.Sub(s.Asked))
	for _, o := range s.Outcomes {
		c.clock = c.clock.Saw(client.ClockReading{Asked: s.Asked, Answered: s.Answered, Server: o.AcceptedAt, Within: time.Millisecond})
	}
	return c
}

// leave closes the view once what was tapped is answered for; asked again, at once.
func (c Crowd) leave() Crowd {
	c.now = c.cfg.Now()
	c.burst = c.burst.stopped()
	if !c.leaving.IsZero() {
		c.leaving = c.leaving.Add(-leaveWait)
		return c
	}
	c.leaving = c.now
	return c
}
