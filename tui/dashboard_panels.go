package tui

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/tui/draw"
)

func (d Dashboard) stages(width, height int) []string {
	t := d.theme
	const name, state, rates, lags = 9, 9, 9, 6
	columns := func(n, s, r, l string) string {
		return draw.Fit(n, name) + " " + draw.Fit(s, state) + draw.AtRight(r, rates) + " " + draw.AtRight(l, lags)
	}
	lines := []string{t.Muted.Render(columns("stage", "state", "rate", "lag"))}
	for _, s := range d.snapshot.Stages {
		each, lag := "-", "-"
		if s.Rate >= 0 {
			each = text.Rate(s.Rate)
		}
		if s.Lag >= 0 {
			lag = text.Short(s.Lag)
		}
		lines = append(lines, columns(s.Name, d.stateStyle(s.State).Render(string(s.State)), each, lag))
	}
	return d.withDetails(lines, width, height)
}

// withDetails adds the details of each stage: behind its line, or on a line below if
// there is more room, or not at all.
func (d Dashboard) withDetails(lines []string, width, height int) []string {
	const gap, least = 2, 20
	room, longest := width-ansi.StringWidth(lines[0])-gap, 0
	for _, s := range d.snapshot.Stages {
		longest = max(longest, ansi.StringWidth(s.Detail))
	}
	under := longest > room && height >= 2*len(lines)-1
	if !under && room < least {
		return lines
	}
	all := lines[:1:1]
	for i, s := range d.snapshot.Stages {
		detail := d.theme.Muted.Render(text.CleanCells(s.Detail))
		if under {
			all = append(all, lines[i+1], strings.Repeat(" ", gap)+detail)
		} else {
			all = append(all, lines[i+1]+strings.Repeat(" ", gap)+detail)
		}
	}
	return all
}

func (d Dashboard) stateStyle(s State) lipgloss.Style {
	switch s {
	case Running:
		return d.theme.Good
	case Failed:
		return d.theme.Bad
	case Stopped:
		return d.theme.Muted
	case Starting, NotReady, Stopping:
	}
	return d.theme.Warn
}

func (d Dashboard) windowTitle() string {
	if d.snapshot.Window.Window.End == 0 {
		return "Window"
	}
	return "Window until " + time.UnixMilli(d.snapshot.Window.Window.End).UTC().Format(time.TimeOnly) + " UTC"
}

// windows draws the newest window: its total, a chart of the totals up to it, and its
// emojis with their counts.
func (d Dashboard) windows(width, height int) []string {
	t, w := d.theme, d.snapshot.Window
	if w.Window.End == 0 {
		return []string{t.Muted.Render("nobody has tapped yet")}
	}
	title := t.Title.Render(text.Thousands(w.Total)) + t.Muted.Render(" in "+text.CleanCells(w.Channel))
	lines := []string{draw.Ends(title, t.Muted.Render(d.windowNote(width-ansi.StringWidth(title)-2)), width)}
	for _, l := range draw.Sparkline(d.snapshot.Totals, width, max(1, height/5), 0) {
		lines = append(lines, t.Main.Render(l))
	}
	return append(lines, countBars(w, width, height-len(lines), d.appearance, t)...)
}

// windowNote returns how many other channels are active, and how long after its end the
// window was sent, as far as there is room.
func (d Dashboard) windowNote(width int) string {
	var notes []string
	if d.snapshot.Channels > 0 {
		notes = append(notes, fmt.Sprintf("%d more active", d.snapshot.Channels))
	}
	if d.snapshot.Delay > 0 {
		notes = append(notes, "sent after "+text.Millis(d.snapshot.Delay.Seconds()*1000))
	}
	for len(notes) > 0 && ansi.StringWidth(strings.Join(notes, ", ")) > width {
		notes = notes[:len(notes)-1]
	}
	return strings.Join(notes, ", ")
}

// countBars draws the emojis of a swarm, one line for each, with a bar for its count.
func countBars(s wire.Swarm, width, lines int, appearance draw.Appearance, t draw.Theme) []string {
	const counts = 7
	var all []string
	for _, e := range s.Emojis[:min(len(s.Emojis), max(0, lines))] {
		name := appearance.Emoji(e.Emoji)
		if appearance.ASCII {
			name = draw.EmojiName(e.Emoji, 10)
		}
		room := width - ansi.StringWidth(name) - counts - 2
		share := float64(e.Count) / float64(max(1, s.Emojis[0].Count))
		all = append(all, name+" "+draw.TracklessBar(share, room, t.Main)+" "+draw.AtRight(text.Short(e.Count), counts))
	}
	return all
}

func (d Dashboard) serversTitle() string {
	clients := 0
	for _, s := range d.snapshot.Servers {
		clients += s.Clients
	}
	return "Servers: " + text.Thousands(int64(clients)) + " clients"
}

func (d Dashboard) servers(width, height int) []string {
	var lines []string
	first := min(d.firstServer, max(0, len(d.snapshot.Servers)-height))
	for _, s := range d.snapshot.Servers[first:] {
		lines = append(lines, d.server(s, width))
	}
	return lines
}

// server draws the line of a server: how many clients it has, or what is wrong with it.
func (d Dashboard) server(s Server, width int) string {
	t := d.theme
	line := draw.Fit(text.CleanCells(s.Name), 6) + " "
	if width >= 50 {
		line += t.Muted.Render(draw.Fit(text.CleanCells(s.Cluster), 10)) + " "
	}
	switch {
	case s.State == "":
		return line + t.Warn.Render("not heard of yet")
	case s.Silent > 0:
		return line + t.Bad.Render("silent for "+text.Seconds(s.Silent))
	case s.State != wire.StateServing:
		return line + t.Warn.Render(text.CleanCells(s.State))
	}
	full := text.Thousands(int64(s.Clients)) + " of " + text.Thousands(int64(s.Capacity))
	share, style := float64(s.Clients)/float64(max(1, s.Capacity)), t.Main
	if share >= 0.9 {
		style = t.Warn
	}
	after := draw.AtRight(full, 13) + " " + draw.AtRight(text.Rate(s.Rate), 8)
	return line + draw.Bar(share, width-ansi.StringWidth(line)-ansi.StringWidth(after)-1, style, t.Track) + " " + after
}

// facts draws names and values. Long values are wrapped.
func (d Dashboard) facts(width, _ int) []string {
	const name = 8
	var lines []string
	for _, f := range d.snapshot.Facts {
		label := f.Name
		for _, part := range text.Wrap(text.CleanCells(f.Value), width-name-1) {
			lines = append(lines, d.theme.Muted.Render(draw.Fit(label, name))+" "+part)
			label = ""
		}
	}
	return lines
}

func (d Dashboard) logTitle() string {
	if d.lastLogLine > 0 {
		return fmt.Sprintf("Log: %d newer lines", d.snapshot.Logged-d.lastLogLine)
	}
	return "Log"
}

// log draws the newest lines, or the lines to which the user has scrolled.
func (d Dashboard) log(width, height int) []string {
	if len(d.snapshot.Log) == 0 {
		return []string{d.theme.Muted.Render("nothing to report")}
	}
	gone := d.snapshot.Logged - len(d.snapshot.Log)
	end := len(d.snapshot.Log)
	if d.lastLogLine > 0 {
		end = min(end, max(d.lastLogLine-gone, height))
	}
	var lines []string
	for _, l := range d.snapshot.Log[max(0, end-height):end] {
		level := draw.Fit(l.Level.String(), 5)
		lines = append(lines, draw.Fit(d.theme.Muted.Render(l.Time)+" "+d.levelStyle(l.Level).Render(level)+" "+text.CleanCells(l.Text), width))
	}
	return lines
}

func (d Dashboard) levelStyle(l slog.Level) lipgloss.Style {
	switch {
	case l >= slog.LevelError:
		return d.theme.Bad
	case l >= slog.LevelWarn:
		return d.theme.Warn
	}
	return d.theme.Muted
}
