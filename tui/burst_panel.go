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

// burstPanel asks the user for the emoji, the size and the rate of a burst.
type burstPanel struct {
	emojis     []string
	emoji      int
	size, rate string
	onRate     bool // digits go to the rate; if false, to the size
	editing    bool // digits are added to the field; if false, the first digit replaces it
}

func newBurstPanel(c Crowd) burstPanel {
	emojis := c.keyEmojis.offered()
	if !slices.Contains(emojis, c.lastEmoji) {
		emojis = append(emojis, c.lastEmoji)
	}
	size, rate := 50, 20
	if c.burst.rate > 0 {
		size, rate = c.burst.size, c.burst.rate
	}
	return burstPanel{emojis: emojis, emoji: slices.Index(emojis, c.lastEmoji), size: fmt.Sprint(size), rate: fmt.Sprint(rate)}
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
		row(false, "emoji", c.emojiInText(e), "← →"),
		row(!p.onRate, "taps", p.size, fmt.Sprintf("1 to %s", text.Thousands(maxBurstTaps))),
		row(p.onRate, "rate", p.rate, fmt.Sprintf("1 to %s a second", text.Thousands(maxBurstRate))),
		"",
	}
	if why := p.problem(); why != "" {
		return append(lines, draw.Fit(t.Warn.Render(why), width))
	}
	took := time.Duration(atoiOr0(p.size)) * time.Second / time.Duration(atoiOr0(p.rate))
	return append(lines, draw.Fit(t.Muted.Render("enter sends them, for "+text.Millis(took.Seconds()*1000)), width))
}

// problem returns what is wrong with the size or the rate, or "" if nothing is.
func (p burstPanel) problem() string {
	if n := atoiOr0(p.size); n < 1 || n > maxBurstTaps {
		return fmt.Sprintf("taps: 1 to %s", text.Thousands(maxBurstTaps))
	}
	if n := atoiOr0(p.rate); n < 1 || n > maxBurstRate {
		return fmt.Sprintf("rate: 1 to %s a second", text.Thousands(maxBurstRate))
	}
	return ""
}

func atoiOr0(s string) int {
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
		p.onRate, p.editing = !p.onRate, false
	case "left":
		p.emoji = (p.emoji + len(p.emojis) - 1) % len(p.emojis)
	case "right":
		p.emoji = (p.emoji + 1) % len(p.emojis)
	case "backspace":
		*field = (*field)[:max(0, len(*field)-1)]
		p.editing = true
	case "enter":
		if p.problem() != "" {
			return c, p
		}
		c.now = c.cfg.Now()
		c.lastEmoji = p.emojis[p.emoji]
		c.burst = burst{emoji: c.lastEmoji, size: atoiOr0(p.size), rate: atoiOr0(p.rate), began: c.now}
		return c, nil
	default:
		if len(s) != 1 || s < "0" || s > "9" {
			break
		}
		if !p.editing {
			*field = ""
		}
		if p.editing = true; len(*field) < 5 {
			*field += s
		}
	}
	return c, p
}
