package tui

import (
	"fmt"
	"strings"

	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/tui/draw"
)

// roomySlot is the width of a slot of the palette that has room for a count.
const roomySlot = 7

// palette is the emojis on the keys, with how many of each were counted.
func (c Crowd) palette(width int) string {
	t := c.theme
	slot := width / len(c.cfg.Palette)
	var b strings.Builder
	for i, e := range c.cfg.Palette {
		if slot < roomySlot {
			b.WriteString(draw.Fit(t.Title.Render(fmt.Sprint(i+1))+c.appearance.Emoji(e), slot))
			continue
		}
		n := ""
		if pending := c.outbox.PendingOf(e); pending > 0 {
			n = t.Warn.Render("+" + text.Thousands(int64(pending)))
		} else if counted := c.outbox.AcceptedOf(e); counted > 0 {
			n = t.Good.Render(text.Thousands(int64(counted)))
		}
		b.WriteString(draw.Fit(t.Title.Render(fmt.Sprint(i+1))+" "+c.slotCell(e, slot)+" "+n, slot))
	}
	return draw.Fit(b.String(), width)
}

// slotCell is an emoji on its key; where there is nothing but names, as much of it
// as there is room for.
func (c Crowd) slotCell(e string, slot int) string {
	if c.theme.ASCII {
		return draw.EmojiName(e, max(2, slot-6))
	}
	return c.appearance.Emoji(e)
}

// named is an emoji in a sentence.
func (c Crowd) emojiInText(e string) string {
	const longest = 16
	if c.theme.ASCII {
		return strings.TrimSpace(draw.EmojiName(e, longest))
	}
	return c.appearance.Emoji(e)
}

// slotAt is the slot of the palette at a place on the screen, -1 when there is none.
func (c Crowd) slotAt(x, y int) int {
	row, left, width := c.height-2-youHeight+2, 2, c.width-4
	if !c.framed() {
		row, left, width = c.height-2, 0, c.width
	}
	slot := (x - left) / max(1, width/len(c.cfg.Palette))
	if y != row || x < left || slot >= len(c.cfg.Palette) {
		return -1
	}
	return slot
}
