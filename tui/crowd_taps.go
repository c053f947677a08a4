package tui

import (
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/emostream/emostream/internal/client"
)

// tap queues a tap, and lets the emoji rise at once, before the server answers.
func (c Crowd) tap(emoji string) Crowd {
	c.now = c.cfg.Now()
	c.lastEmoji = emoji
	taps, taken := c.taps.Tap(emoji, 1, c.now)
	c.taps = taps
	if !taken {
		return c.notify("too many taps are waiting for the server: the last ones were not sent", true)
	}
	slot := slices.Index(c.keyEmojis.emojis, emoji)
	c.floating = c.floating.Launch(emoji, (float64(slot)+0.5)/float64(len(c.keyEmojis.emojis)))
	return c
}

// sendDue returns the command for the next request of taps, if one is due.
func (c Crowd) sendDue() (Crowd, tea.Cmd) {
	var batch []Taps
	if c.taps, batch = c.taps.NextRequest(c.now); batch == nil {
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

// takeResult handles the answer to a request. If it refuses taps, the server may take other
// emojis than is known.
func (c Crowd) takeResult(s SendResult) Crowd {
	c.now = c.cfg.Now()
	var trouble string
	refused := c.taps.Refused
	if c.taps, trouble = c.taps.TakeResult(s); trouble != "" {
		c.lastError = trouble
		c = c.notify(trouble, true)
		c.notice.passing = strings.HasPrefix(trouble, notYet)
		if c.taps.Refused > refused {
			c.settings.soon = true
		}
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

// leave makes the view close once the outcomes of all taps are known. Called again, it
// closes the view at once.
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
