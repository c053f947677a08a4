package tui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/tui/draw"
)

// draw returns the screen, exactly as large as the terminal.
func (d Dashboard) draw() string {
	if d.width < minWidth || d.height < minHeight {
		return tooSmall(d.width, d.height, d.theme)
	}
	lines := []string{d.header()}
	lines = append(lines, d.body(d.height-2)...)
	h := d.help
	h.SetWidth(d.width)
	return strings.Join(draw.Block(append(lines, h.View(d.keys)), d.width, d.height), "\n")
}

// body draws the lines between the header and the keys.
func (d Dashboard) body(height int) []string {
	switch {
	case d.showHelp:
		h := d.help
		return draw.Frame("Keys", strings.Split(h.FullHelpView(d.keys.FullHelp()), "\n"), d.width, height, d.theme)
	case d.onePanel, d.width < framedWidth, d.height < framedHeight:
		return d.panel(d.focus, d.width, height)
	}
	log := 0 // A third of the height, if that leaves room for six lines in each other panel.
	if third := min(height/3, height-2*8); !d.hideLog && third > 2 {
		log = third
	}
	left, upper := d.width/2, (height-log)/2
	right, lower := d.width-left, height-log-upper
	lines := draw.Beside(d.panel(stagesPanel, left, upper), d.panel(windowsPanel, right, upper))
	lines = append(lines, draw.Beside(d.panel(serversPanel, left, lower), d.panel(factsPanel, right, lower))...)
	if log > 0 {
		lines = append(lines, d.panel(logPanel, d.width, log)...)
	}
	return lines
}

// panel draws a panel in its frame.
func (d Dashboard) panel(p section, width, height int) []string {
	title, content := "", func(int, int) []string { return nil }
	switch p {
	case stagesPanel:
		title, content = "Stages", d.stages
	case windowsPanel:
		title, content = d.windowTitle(), d.windows
	case serversPanel:
		title, content = d.serversTitle(), d.servers
	case factsPanel:
		title, content = "Addresses", d.facts
	case logPanel:
		title, content = d.logTitle(), d.log
	case panels:
	}
	t := d.theme
	if p == d.focus {
		title, t.Border = "▸ "+title, t.Main
	}
	return draw.Frame(title, content(width-4, height-2), width, height, t)
}

// minStateWidth is the width that the state always gets; the text to its left is cut if
// needed.
const minStateWidth = 19

// header draws the version, the state and the uptime.
func (d Dashboard) header() string {
	t := d.theme
	left := t.Title.Render("emostream up") + " " + t.Muted.Render(text.CleanCells(d.snapshot.Version))
	up := t.Muted.Render("  up " + text.Seconds(d.snapshot.Uptime))
	room := d.width - ansi.StringWidth(left) - 1 - ansi.StringWidth(up)
	return draw.Ends(left, ansi.Truncate(d.state(), max(room, minStateWidth), "…")+up, d.width)
}

// state returns the state of the pipeline as text. It is the state of the first stage
// that is not running, if there is one.
func (d Dashboard) state() string {
	for _, s := range d.snapshot.Stages {
		switch {
		case s.State == Failed:
			return d.theme.Bad.Render(s.Name + " failed")
		case d.stopping && s.State != Stopped:
			return d.theme.Warn.Render("stopping " + s.Name)
		case s.State == NotReady && !d.stopping:
			return d.theme.Warn.Render(s.Name + " not ready: " + text.CleanCells(s.Detail))
		case !d.stopping && s.State != Running:
			return d.theme.Warn.Render(s.Name + " " + string(s.State))
		}
	}
	switch {
	case d.stopping:
		return d.theme.Warn.Render("stopping")
	case len(d.snapshot.Stages) == 0:
		return d.theme.Warn.Render("starting")
	}
	return d.theme.Good.Render("running")
}
