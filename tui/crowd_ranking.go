package tui

import (
	"fmt"
	"time"

	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/tui/draw"
)

// windowTitle names the newest window by its end.
func (c Crowd) windowTitle() string {
	newest, ok := c.history.Newest()
	if !ok {
		return "Window"
	}
	return "Window until " + time.UnixMilli(newest.Window.End).In(c.now.Location()).Format(time.TimeOnly)
}

// headline returns the total of the newest window and its change, as text.
func (c Crowd) headline() string {
	t := c.theme
	newest, ok := c.history.Newest()
	switch {
	case !ok && c.connection.State.Phase == sse.Live:
		return t.Muted.Render("no window yet")
	case !ok:
		return t.Muted.Render("no window yet: not connected")
	case newest.Total == 0:
		return t.Muted.Render("quiet")
	}
	what := "reactions"
	if newest.Total == 1 {
		what = "reaction"
	}
	return t.Title.Render(text.Thousands(newest.Total)) + " " + t.Muted.Render(what) + " " + c.change(newest.Total, func(s wire.Swarm) int64 { return s.Total })
}

// change formats the difference between a count of the newest window and the same count
// of the window before. It returns "" if that window is not known.
func (c Crowd) change(count int64, before func(wire.Swarm) int64) string {
	newest, _ := c.history.Newest()
	s, ok := c.history.Ending(newest.Window.Start)
	if !ok {
		return ""
	}
	switch d := count - before(s); {
	case d > 0:
		return c.theme.Good.Render("+" + text.Thousands(d))
	case d < 0:
		return c.theme.Warn.Render(text.Thousands(d))
	}
	return c.theme.Muted.Render("=")
}

// ranking draws the newest window's emojis, the most frequent first. If some do not
// fit, the last line says how many.
func (c Crowd) ranking(width, height int) []string {
	newest, ok := c.history.Newest()
	lines := []string{draw.Fit(c.headline(), width)}
	if !ok || len(newest.Emojis) == 0 {
		return lines
	}
	before, _ := c.history.Ending(newest.Window.Start)
	for i, t := range newest.Emojis {
		if len(lines) == height-1 && len(newest.Emojis)-i > 1 {
			rest := fmt.Sprintf("and %d more", len(newest.Emojis)-i)
			return append(lines, draw.Fit(c.theme.Muted.Render(rest), width))
		}
		lines = append(lines, c.rankingLine(t, newest, before, width))
	}
	return lines
}

// rankingLine draws the line of one emoji. The bar moves to its new length within
// barEasing.
func (c Crowd) rankingLine(t wire.EmojiCount, newest, before wire.Swarm, width int) string {
	const numbers = 8
	share, was := shareOf(newest, t.Emoji), shareOf(before, t.Emoji)
	if eased := float64(c.now.Sub(c.newestArrived)) / float64(barEasing); eased < 1 {
		share = was + (share-was)*max(0, eased)
	}
	cell := c.appearance.Emoji(t.Emoji)
	if c.theme.ASCII {
		cell = draw.EmojiName(t.Emoji, 8)
	}
	rest := fmt.Sprintf(" %*s", numbers-1, text.Thousands(t.Count)) + draw.Ends("", c.change(t.Count, func(s wire.Swarm) int64 { return countOf(s, t.Emoji) }), numbers)
	bar := draw.Bar(share, max(1, width-len("  ")-2*numbers-c.extraColumns()), c.theme.Main, c.theme.Track)
	return draw.Fit(cell+" "+bar+rest, width)
}

// extraColumns returns the width of one space, plus the extra width that a name has
// over an emoji.
func (c Crowd) extraColumns() int {
	if c.theme.ASCII {
		return 8 - 2 + 1
	}
	return 1
}

// shareOf returns an emoji's count as a share of the greatest count of the window.
func shareOf(s wire.Swarm, emoji string) float64 {
	if len(s.Emojis) == 0 || s.Emojis[0].Count <= 0 {
		return 0
	}
	return float64(countOf(s, emoji)) / float64(s.Emojis[0].Count)
}

func countOf(s wire.Swarm, emoji string) int64 {
	for _, t := range s.Emojis {
		if t.Emoji == emoji {
			return t.Count
		}
	}
	return 0
}

// totals draws the totals of the recent windows, the newest at the right.
func (c Crowd) totals(width, height int) []string {
	values := c.history.Totals(c.arrivedBy(), width)
	peak := 0.0
	for _, v := range values {
		peak = max(peak, v)
	}
	lines := []string{draw.Ends(c.theme.Muted.Render("each window"), c.theme.Muted.Render("peak ")+text.Thousands(int64(peak)), width)}
	for _, l := range draw.Sparkline(values, width, height-1, 0) {
		lines = append(lines, c.theme.Main.Render(l))
	}
	return lines
}
