package tui

import (
	"fmt"

	"github.com/emostream/emostream/internal/text"
)

// ownShareWindows is in how many recent windows the user's own share is looked for.
const ownShareWindows = 5

// ownShare returns how many of a window's reactions were the user's own, as text. It
// takes the emoji that the user tapped most in the window.
func (c Crowd) ownShare() string {
	newest, ok := c.history.Newest()
	length := newest.Window.End - newest.Window.Start
	for back := int64(0); ok && back < ownShareWindows; back++ {
		s, known := c.history.Ending(newest.Window.End - back*length)
		if !known {
			continue
		}
		best := Taps{}
		for _, t := range c.taps.OwnIn(s.Window.Start, s.Window.End) {
			if t.Count > best.Count {
				best = t
			}
		}
		for _, t := range s.Emojis {
			if best.Count > 0 && t.Emoji == best.Emoji {
				were := "were"
				if best.Count == 1 {
					were = "was"
				}
				m := c.theme.Muted.Render
				return fmt.Sprintf("%s %s %s %s %s", c.theme.Title.Render(text.Thousands(int64(best.Count))),
					m("of the"), c.theme.Title.Render(text.Thousands(t.Count)), c.emojiInText(t.Emoji), m(were+" yours"))
			}
		}
	}
	return c.theme.Muted.Render("press " + c.keys.tap.Help().Key + " to be part of it")
}
