package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/inspect/stats"
	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/tui/draw"
)

// statsLines draw a report for a person, in at most 80 columns.
func statsLines(r stats.Report, topic string, live, chart bool) []string {
	lines := statsSums(r, topic, live)
	if chart && len(r.Series) > 0 {
		lines = append(lines, "")
		lines = append(lines, rateChart(r.Series, r.Range.End)...)
	}
	if len(r.Emojis) > 0 {
		lines = append(lines, "", fmt.Sprintf("%-32s%12s%9s", "EMOJI", "REACTIONS", "SHARE"))
		for _, e := range r.Emojis {
			lines = append(lines, withBar(fmt.Sprintf("%s%12s%9s", emojiCell(e.Emoji, 32), text.Thousands(e.Reactions), percent(e.Share)), e.Share, chart))
		}
		lines = appendRest(lines, r.EmojisSeen-len(r.Emojis), "emoji", r.EmojisOther)
	}
	if len(r.Channels) > 0 {
		lines = append(lines, "", fmt.Sprintf("%-24s%12s%9s%12s%12s  TOP", "CHANNEL", "REACTIONS", "SHARE", "A SECOND", "USERS"))
		for _, c := range r.Channels {
			lines = append(lines, fmt.Sprintf("%s%12s%9s%12s%12s  %s", padded(c.Channel, 24), text.Thousands(c.Reactions), percent(c.Share),
				perSecond(c.PerSecond), text.Thousands(c.Users), strings.TrimSpace(draw.Emoji(c.Top, draw.WidthByCodePoint, false))))
		}
		lines = appendRest(lines, r.ChannelsSeen-len(r.Channels), "channel", r.ChannelsOther)
	}
	return lines
}

// fitted shortens a report's lists until it has room.
func statsLinesWithin(r stats.Report, topic string, live, chart bool, height int) []string {
	for {
		lines := statsLines(r, topic, live, chart)
		switch {
		case len(lines) <= height || len(r.Emojis)+len(r.Channels) <= 2:
			return lines[:min(len(lines), max(1, height))]
		case len(r.Emojis) >= len(r.Channels):
			r.Emojis = r.Emojis[:len(r.Emojis)-1]
		default:
			r.Channels = r.Channels[:len(r.Channels)-1]
		}
	}
}

// statsHead are the sums.
func statsSums(r stats.Report, topic string, live bool) []string {
	var lines []string
	row := func(what, n, about string) {
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%-10s%12s  %s", what, n, about)))
	}
	if r.Range.End > r.Range.Start {
		row("span", ms(r.Range.End-r.Range.Start).String(), fmt.Sprintf("%s to %s", wire.Time(r.Range.Start), wire.Time(r.Range.End)))
	}
	row("reactions", text.Thousands(r.Reactions), "in "+topic)
	row("a second", perSecond(r.PerSecond), "on average")
	if live && r.Newest != nil {
		row("now", perSecond(r.Newest.PerSecond), fmt.Sprintf("a second in the last whole %v", length(*r.Newest)))
	}
	if p := r.Peak; p != nil {
		row("peak", perSecond(p.PerSecond), fmt.Sprintf("a second in the %v from %s: %s", length(*p), p.Start, text.Thousands(p.Reactions)))
	}
	row("users", text.Thousands(r.Users), fmt.Sprintf("estimated, standard error %s", percent(r.UsersErr)))
	if r.Skipped > 0 {
		row("skipped", text.Thousands(r.Skipped), "records that are no reactions")
	}
	if r.Gone > 0 {
		row("gone", text.Thousands(r.Gone), "records that retention removed before they were read")
	}
	return lines
}

func length(p stats.Peak) time.Duration { return ms(int64(p.End - p.Start)) }

// appendRest tells how many more there are than listed, and what was not told apart.
func appendRest(lines []string, more int, thing string, other int64) []string {
	if more > 0 {
		lines = append(lines, fmt.Sprintf("and %s more", text.Plural(int64(more), "more "+thing)))
	}
	if other > 0 {
		lines = append(lines, fmt.Sprintf("and %s of %ss beyond those told apart", text.Plural(other, "reaction"), thing))
	}
	return lines
}

// rateChart draws the course of the rate, with its greatest value and its times.
func rateChart(series []stats.Point, end int64) []string {
	values := make([]float64, len(series))
	top := 0.0
	for i, p := range series {
		values[i] = p.PerSecond
		top = math.Max(top, p.PerSecond)
	}
	lines := []string{fmt.Sprintf("A SECOND, up to %s", perSecond(top))}
	for _, l := range draw.Sparkline(values, len(values), 4, 0) {
		lines = append(lines, strings.TrimRight(l, " "))
	}
	from, to := clock(int64(series[0].Start)), clock(end)
	return append(lines, from+strings.Repeat(" ", max(1, len(values)-len(from)-len(to)))+to)
}

// clock is a time of the day in UTC, as all of the report is.
func clock(ms int64) string { return time.UnixMilli(ms).UTC().Format("15:04:05Z") }

// withBar adds a share as a bar.
func withBar(line string, share float64, chart bool) string {
	if !chart {
		return line
	}
	return strings.TrimRight(line+"  "+draw.TracklessBar(share, 24, lipgloss.NewStyle()), " ")
}

// emojiCell is an emoji with its name, exactly as wide. The columns behind it only
// stand on every terminal, and in a file, where it is of one code point: of a family
// the first one is shown, and the name says which it is. What another program wrote
// may be none, and is shown as what it is.
func emojiCell(e string, width int) string {
	name := emoji.Emoji(e).Name()
	if name == "" {
		name = strconv.Quote(text.CleanCells(e))
	}
	return draw.Emoji(e, draw.WidthByCodePoint, false) + "  " + padded(name, width-4)
}

// padded is text in exactly so many columns.
func padded(s string, width int) string {
	s = ansi.Truncate(s, width-1, "…")
	return s + strings.Repeat(" ", width-ansi.StringWidth(s))
}

// perSecond is a number a second.
func perSecond(v float64) string {
	if v < 100 {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return text.Thousands(int64(math.Round(v)))
}

func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 1, 64) + " %" }
