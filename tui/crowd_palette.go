package tui

import (
	"fmt"
	"strings"

	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/tui/draw"
)

// roomySlot is the least width of a palette slot that has room for a count.
const roomySlot = 7

// palette draws the emojis on the keys 1 to 9, each with its number of pending or
// counted taps.
func (c Crowd) palette(width int) string {
	t := c.theme
	slot := width / len(c.keyEmojis.emojis)
	var b strings.Builder
	for i := range c.keyEmojis.emojis {
		e := c.keyEmojis.on(i)
		if e == "" {
			b.WriteString(draw.Fit(t.Muted.Render(fmt.Sprint(i+1)), slot))
			continue
		}
		if slot < roomySlot {
			b.WriteString(draw.Fit(t.Title.Render(fmt.Sprint(i+1))+c.appearance.Emoji(e), slot))
			continue
		}
		n := ""
		if pending := c.taps.PendingOf(e); pending > 0 {
			n = t.Warn.Render("+" + text.Thousands(int64(pending)))
		} else if counted := c.taps.AcceptedOf(e); counted > 0 {
			n = t.Good.Render(text.Thousands(int64(counted)))
		}
		b.WriteString(draw.Fit(t.Title.Render(fmt.Sprint(i+1))+" "+c.slotCell(e, slot)+" "+n, slot))
	}
	return draw.Fit(b.String(), width)
}

// slotCell draws the emoji of a slot. In ASCII it is the name, cut to the room.
func (c Crowd) slotCell(e string, slot int) string {
	if c.theme.ASCII {
		return draw.EmojiName(e, max(2, slot-6))
	}
	return c.appearance.Emoji(e)
}

// emojiInText returns an emoji for use in a sentence.
func (c Crowd) emojiInText(e string) string {
	const longest = 16
	if c.theme.ASCII {
		return strings.TrimSpace(draw.EmojiName(e, longest))
	}
	return c.appearance.Emoji(e)
}

// slotAt returns the index of the palette slot at a position on the screen, or -1 if
// there is none.
func (c Crowd) slotAt(x, y int) int {
	row, left, width := c.height-2-youHeight+2, 2, c.width-4
	if !c.framed() {
		row, left, width = c.height-2, 0, c.width
	}
	slot := (x - left) / max(1, width/len(c.keyEmojis.emojis))
	if y != row || x < left || slot >= len(c.keyEmojis.emojis) {
		return -1
	}
	return slot
}
