package tui

import (
	"charm.land/bubbles/v2/help"
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/emostream/emostream/tui/draw"
)

// Dashboard shows a pipeline that runs in this process. It is fed with Pipeline
// values and shows them; the pipeline is the same without it.
type Dashboard struct {
	// Stop asks the pipeline to stop; it is called once and must not block.
	Stop func()

	width, height int
	look          draw.Look
	theme         draw.Theme
	help          help.Model
	keys          dashboardKeys
	now           Pipeline
	focus         section
	whole         bool // the panel in focus has all the room
	hideLog       bool
	helping       bool
	top           int // first subscriber server that is shown
	last          int // of the log, the number of the last line that is shown; 0: the newest
	stopping      bool
	abandoned     bool
}

// section is a part of the dashboard.
type section int

const (
	stagesPanel section = iota
	windowsPanel
	serversPanel
	factsPanel
	logPanel
	panels
)

// dashboardKeys are what the keys do; the help is made from them.
type dashboardKeys struct {
	quit, help, next, previous, scroll, whole, log key.Binding
}

func newDashboardKeys() dashboardKeys {
	bind := func(shown, does string, keys ...string) key.Binding {
		return key.NewBinding(key.WithKeys(keys...), key.WithHelp(shown, does))
	}
	return dashboardKeys{
		quit:     bind("q/^C", "stop", "q", "ctrl+c"),
		help:     bind("?", "help", "?"),
		next:     bind("tab", "next panel", "tab", "right"),
		previous: bind("shift+tab", "previous panel", "shift+tab", "left"),
		scroll:   bind("↑/↓", "scroll", "up", "k", "pgup", "down", "j", "pgdown"),
		whole:    bind("enter", "one panel", "enter", "esc"),
		log:      bind("l", "log", "l"),
	}
}

// ShortHelp lists the keys for the line at the bottom, the most needed first.
func (k dashboardKeys) ShortHelp() []key.Binding {
	return []key.Binding{k.quit, k.help, k.next, k.scroll, k.whole, k.log}
}

// FullHelp lists all keys.
func (k dashboardKeys) FullHelp() [][]key.Binding {
	return [][]key.Binding{{k.quit, k.help, k.next, k.previous, k.scroll, k.whole, k.log}}
}

// NewDashboard returns the view of a pipeline, drawn as look says. stop asks the
// pipeline to stop.
func NewDashboard(look draw.Look, stop func()) Dashboard {
	d := Dashboard{Stop: stop, width: 80, height: 24, keys: newDashboardKeys()}
	return d.looking(look)
}

func (d Dashboard) looking(look draw.Look) Dashboard {
	d.look, d.theme = look, look.Styles()
	d.help = draw.NewHelp(d.theme)
	return d
}

// Init asks the terminal what it looks like.
func (d Dashboard) Init() tea.Cmd { return d.look.Init() }

// Update takes one message in.
func (d Dashboard) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		d.width, d.height = msg.Width, msg.Height
	case tea.BackgroundColorMsg, tea.ColorProfileMsg, tea.ModeReportMsg:
		return d.looking(d.look.Update(msg)), nil
	case Pipeline:
		d.now = msg
	case Stopping:
		return d.stop(), nil
	case Ended:
		return d, tea.Quit
	case tea.KeyPressMsg:
		return d.pressed(msg)
	}
	return d, nil
}

func (d Dashboard) pressed(msg tea.KeyPressMsg) (tea.Model, tea.Cmd) {
	switch {
	case key.Matches(msg, d.keys.quit):
		if d.stopping {
			d.abandoned = true
			return d, tea.Quit
		}
		if d.Stop != nil {
			d.Stop()
		}
		return d.stop(), nil
	case d.helping: // any other key leaves the help
		d.helping = false
	case key.Matches(msg, d.keys.help):
		d.helping = true
	case key.Matches(msg, d.keys.next):
		d = d.focused(1)
	case key.Matches(msg, d.keys.previous):
		d = d.focused(-1)
	case key.Matches(msg, d.keys.scroll):
		d = d.scrolled(msg.String())
	case key.Matches(msg, d.keys.whole):
		d.whole = !d.whole && msg.Code != tea.KeyEscape
	case key.Matches(msg, d.keys.log):
		d.hideLog = !d.hideLog
		if d.hideLog && d.focus == logPanel {
			d.focus = stagesPanel
		}
	}
	return d, nil
}

// stop shows that the pipeline was asked to stop, and what a second q does.
func (d Dashboard) stop() Dashboard {
	d.stopping = true
	d.keys.quit.SetHelp("q/^C", "leave at once")
	return d
}

// focused moves the focus by a panel.
func (d Dashboard) focused(by section) Dashboard {
	n := panels
	if d.hideLog {
		n = logPanel
	}
	d.focus = (d.focus + by + n) % n
	return d
}

// page is how many lines page up and page down scroll.
const page = 10

// scrolled moves the panel in focus by a line or a page. The log is held where it is
// while more lines come, until it is scrolled to its end again.
func (d Dashboard) scrolled(key string) Dashboard {
	by := map[string]int{"up": -1, "k": -1, "pgup": -page, "down": 1, "j": 1, "pgdown": page}[key]
	switch d.focus {
	case serversPanel:
		d.top = min(max(0, d.top+by), max(0, len(d.now.Servers)-1))
	case logPanel:
		last := d.last
		if last == 0 {
			last = d.now.Logged
		}
		d.last = max(last+by, d.now.Logged-len(d.now.Log)+1)
		if d.last >= d.now.Logged {
			d.last = 0
		}
	case stagesPanel, windowsPanel, factsPanel, panels:
	}
	return d
}

// View draws it all.
func (d Dashboard) View() tea.View {
	v := tea.NewView(d.theme.Spell(d.draw()))
	v.AltScreen = true
	return v
}

// Abandoned says that the view was left before the pipeline had stopped.
func (d Dashboard) Abandoned() bool { return d.abandoned }
