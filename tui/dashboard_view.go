package tui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/tui/draw"
)

// The least size of the dashboard.
const (
	dashboardWidth  = 40
	dashboardHeight = 12
)

// tooSmall says that a view needs more room, in whatever room there is.
func tooSmall(width, height int, t draw.Theme) string {
	text := fmt.Sprintf("This needs %dx%d; the terminal has %dx%d.", dashboardWidth, dashboardHeight, width, height)
	return strings.Join(draw.Block(strings.Split(ansi.Wordwrap(t.Warn.Render(text), max(1, width), ""), "\n"), width, height), "\n")
}

// draw is the whole screen, exactly as large as the terminal.
func (d Dashboard) draw() string {
	if d.width < dashboardWidth || d.height < dashboardHeight {
		return tooSmall(d.width, d.height, d.theme)
	}
	lines := []string{d.header()}
	lines = append(lines, d.body(d.height-2)...)
	h := d.help
	h.SetWidth(d.width)
	return strings.Join(draw.Block(append(lines, h.View(d.keys)), d.width, d.height), "\n")
}

// body is what is between the header and the keys.
func (d Dashboard) body(height int) []string {
	switch {
	case d.showHelp:
		h := d.help
		return draw.Frame("Keys", strings.Split(h.FullHelpView(d.keys.FullHelp()), "\n"), d.width, height, d.theme)
	case d.onePanel, d.width < framedWidth, d.height < framedHeight:
		return d.panel(d.focus, d.width, height)
	}
	log := 0 // It has a third, but leaves the other panels room for six lines each.
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

// leastState is the room that the state has, whatever else is cut for it.
const minStateWidth = 19

// header is what this is, whether all is well, and for how long.
func (d Dashboard) header() string {
	t := d.theme
	left := t.Title.Render("emostream up") + " " + t.Muted.Render(text.CleanCells(d.snapshot.Version))
	up := t.Muted.Render("  up " + text.Seconds(d.snapshot.Uptime))
	room := d.width - ansi.StringWidth(left) - 1 - ansi.StringWidth(up)
	return draw.Ends(left, ansi.Truncate(d.state(), max(room, minStateWidth), "…")+up, d.width)
}

// state is the state of all stages in a few words: of those that are not as they
// should be, the first.
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
