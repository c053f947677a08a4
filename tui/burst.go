package tui

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/tui/draw"
)

// Bounds of a burst.
const (
	mostBurst = 10_000 // taps
	mostRate  = 1_000  // taps a second
)

// burst is a number of taps at a rate; the zero value is none.
type burst struct {
	emoji      string
	size, rate int
	sent       int
	began      time.Time
}

func (b burst) running() bool { return b.sent < b.size }

func (b burst) stopped() burst {
	b.size = b.sent
	return b
}

// step taps those that are due. Taps that the outbox does not take end the burst:
// it counts them as not sent.
func (b burst) step(o Outbox, now time.Time) (burst, Outbox) {
	if !b.running() {
		return b, o
	}
	due := min(b.size, 1+int(now.Sub(b.began).Seconds()*float64(b.rate)))
	if due <= b.sent {
		return b, o
	}
	o, taken := o.Tap(b.emoji, due-b.sent, now)
	b.sent = due
	if !taken {
		b = b.stopped()
	}
	return b, o
}

// burstPanel asks for a burst.
type burstPanel struct {
	emojis     []string
	emoji      int
	size, rate string
	onRate     bool // the field that digits go to
	typed      bool // they are added to it; else the first one replaces it
}

func newBurstPanel(c Crowd) burstPanel {
	emojis := slices.Clone(c.cfg.Palette)
	if !slices.Contains(emojis, c.last) {
		emojis = append(emojis, c.last)
	}
	size, rate := 50, 20
	if c.burst.rate > 0 {
		size, rate = c.burst.size, c.burst.rate
	}
	return burstPanel{emojis: emojis, emoji: slices.Index(emojis, c.last), size: fmt.Sprint(size), rate: fmt.Sprint(rate)}
}

func (burstPanel) title() string { return "Burst" }

func (p burstPanel) lines(c Crowd, width, _ int) []string {
	t := c.theme
	row := func(mark bool, name, value, hint string) string {
		at := "  "
		if mark {
			at = t.Main.Render("▸ ")
		}
		return draw.Fit(at+t.Muted.Render(draw.Fit(name, 6))+t.Title.Render(draw.Fit(value, 7))+t.Muted.Render(hint), width)
	}
	e := p.emojis[p.emoji]
	lines := []string{
		row(false, "emoji", c.named(e), "← →"),
		row(!p.onRate, "taps", p.size, fmt.Sprintf("1 to %s", text.Thousands(mostBurst))),
		row(p.onRate, "rate", p.rate, fmt.Sprintf("1 to %s a second", text.Thousands(mostRate))),
		"",
	}
	if why := p.wrong(); why != "" {
		return append(lines, draw.Fit(t.Warn.Render(why), width))
	}
	took := time.Duration(number(p.size)) * time.Second / time.Duration(number(p.rate))
	return append(lines, draw.Fit(t.Muted.Render("enter sends them, for "+text.Millis(took.Seconds()*1000)), width))
}

// wrong says what is not allowed.
func (p burstPanel) wrong() string {
	if n := number(p.size); n < 1 || n > mostBurst {
		return fmt.Sprintf("taps: 1 to %s", text.Thousands(mostBurst))
	}
	if n := number(p.rate); n < 1 || n > mostRate {
		return fmt.Sprintf("rate: 1 to %s a second", text.Thousands(mostRate))
	}
	return ""
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

func (p burstPanel) press(c Crowd, msg tea.KeyPressMsg) (Crowd, panel) {
	field := &p.size
	if p.onRate {
		field = &p.rate
	}
	switch s := msg.String(); s {
	case "esc", "b", "q":
		return c, nil
	case "tab", "shift+tab", "up", "down":
		p.onRate, p.typed = !p.onRate, false
	case "left":
		p.emoji = (p.emoji + len(p.emojis) - 1) % len(p.emojis)
	case "right":
		p.emoji = (p.emoji + 1) % len(p.emojis)
	case "backspace":
		*field = (*field)[:max(0, len(*field)-1)]
		p.typed = true
	case "enter":
		if p.wrong() != "" {
			return c, p
		}
		c.now = c.cfg.Now()
		c.last = p.emojis[p.emoji]
		c.burst = burst{emoji: c.last, size: number(p.size), rate: number(p.rate), began: c.now}
		return c, nil
	default:
		if len(s) != 1 || s < "0" || s > "9" {
			break
		}
		if !p.typed {
			*field = ""
		}
		if p.typed = true; len(*field) < 5 {
			*field += s
		}
	}
	return c, p
}
