package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/inspect/stats"
	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/tui/draw"
)

// statsLines draws a report for a person, in at most 80 columns.
func statsLines(r stats.Report, topic string, live, chart bool) []string {
	lines := statsSums(r, topic, live)
	if chart && len(r.Series) > 0 {
		lines = append(lines, "")
		lines = append(lines, rateChart(r.Series, r.Range.End)...)
	}
	if len(r.Emojis) > 0 {
		lines = append(lines, "")
		lines = append(lines, emojiTable(r.Emojis, chart)...)
		lines = appendRest(lines, r.EmojisSeen-len(r.Emojis), "emoji", r.EmojisOther)
	}
	if len(r.Channels) > 0 {
		lines = append(lines, "")
		lines = append(lines, channelTable(r.Channels)...)
		lines = appendRest(lines, r.ChannelsSeen-len(r.Channels), "channel", r.ChannelsOther)
	}
	return lines
}

// emojiTable lists emojis. With chart each has a bar as long as its share.
func emojiTable(emojis []stats.Emoji, chart bool) []string {
	columns := []column{{title: "EMOJI", width: 32}, {title: "REACTIONS", width: 12, right: true}, {title: "SHARE", width: 9, right: true}, {}}
	var rows [][]string
	for _, e := range emojis {
		bar := ""
		if chart {
			bar = draw.TracklessBar(e.Share, 24, lipgloss.NewStyle())
		}
		rows = append(rows, []string{emojiCell(e.Emoji), text.Thousands(e.Reactions), percent(e.Share), bar})
	}
	lines := tableLines(columns, rows)
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return lines
}

// channelTable lists channels, each with its most frequent emoji.
func channelTable(channels []stats.Channel) []string {
	columns := []column{
		{title: "CHANNEL", width: 24},
		{title: "REACTIONS", width: 12, right: true},
		{title: "SHARE", width: 9, right: true},
		{title: "A SECOND", width: 12, right: true},
		{title: "USERS", width: 12, right: true},
		{title: "TOP"},
	}
	var rows [][]string
	for _, c := range channels {
		top := strings.TrimSpace(draw.Emoji(c.Top, draw.WidthByCodePoint, false))
		rows = append(rows, []string{c.Channel, text.Thousands(c.Reactions), percent(c.Share), perSecond(c.PerSecond), text.Thousands(c.Users), top})
	}
	return tableLines(columns, rows)
}

// statsLinesWithin draws a report in at most height lines. It shortens the lists if
// needed.
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

// statsSums draws the sums above the lists.
func statsSums(r stats.Report, topic string, live bool) []string {
	v := valueLines{nameWidth: 10}
	if r.Range.End > r.Range.Start {
		v.add("span", milliseconds(r.Range.End-r.Range.Start).String(), fmt.Sprintf("%s to %s", wire.Time(r.Range.Start), wire.Time(r.Range.End)))
	}
	v.add("reactions", text.Thousands(r.Reactions), "in "+topic)
	v.add("a second", perSecond(r.PerSecond), "on average")
	if live && r.Newest != nil {
		v.add("now", perSecond(r.Newest.PerSecond), fmt.Sprintf("a second in the last whole %v", windowLength(*r.Newest)))
	}
	if p := r.Peak; p != nil {
		v.add("peak", perSecond(p.PerSecond), fmt.Sprintf("a second in the %v from %s: %s", windowLength(*p), p.Start, text.Thousands(p.Reactions)))
	}
	v.add("users", text.Thousands(r.Users), fmt.Sprintf("estimated, standard error %s", percent(r.UsersErr)))
	if r.Skipped > 0 {
		v.add("skipped", text.Thousands(r.Skipped), "records that are no reactions")
	}
	if r.Gone > 0 {
		v.add("gone", text.Thousands(r.Gone), "records that retention removed before they were read")
	}
	if r.Blocked > 0 {
		v.add("blocked", text.Thousands(r.Blocked), "records behind transactions of other programs that are open")
	}
	return v.lines
}

// windowLength returns the length of the window that had the peak.
func windowLength(p stats.Peak) time.Duration { return milliseconds(int64(p.End - p.Start)) }

// appendRest appends how many emojis or channels are not listed, and how many reactions
// had emojis or channels that were not counted one by one.
func appendRest(lines []string, more int, thing string, other int64) []string {
	if more > 0 {
		lines = append(lines, "and "+text.Plural(int64(more), "more "+thing))
	}
	if other > 0 {
		lines = append(lines, fmt.Sprintf("and %s of %ss beyond those told apart", text.Plural(other, "reaction"), thing))
	}
	return lines
}

// rateChart draws the rate over time, with its greatest value and the times at which it
// begins and ends.
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
	from, to := timeOfDay(int64(series[0].Start)), timeOfDay(end)
	return append(lines, from+strings.Repeat(" ", max(1, len(values)-len(from)-len(to)))+to)
}

// timeOfDay writes a time of the day in UTC, like all times of a report.
func timeOfDay(ms int64) string { return time.UnixMilli(ms).UTC().Format("15:04:05Z") }

// emojiCell returns an emoji with its name. An emoji of one code point is two columns
// wide on every terminal and in files. Of an emoji that has several, such as a family,
// only the first is shown; the name tells which emoji it is. Text that another program
// wrote in place of an emoji is shown in quotes.
func emojiCell(e string) string {
	name := emoji.Emoji(e).Name()
	if name == "" {
		name = strconv.Quote(text.CleanCells(e))
	}
	return draw.Emoji(e, draw.WidthByCodePoint, false) + "  " + name
}

// perSecond writes a number a second.
func perSecond(v float64) string {
	if v < 100 {
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return text.Thousands(int64(math.Round(v)))
}

// percent writes a share (0 to 1) in percent.
func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 1, 64) + " %" }
