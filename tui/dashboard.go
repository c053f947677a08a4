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
	appearance    draw.Appearance
	theme         draw.Theme
	help          help.Model
	keys          dashboardKeys
	snapshot      PipelineSnapshot
	focus         section
	onePanel      bool // the panel in focus has all the room
	hideLog       bool
	showHelp      bool
	firstServer   int // first subscriber server that is shown
	lastLogLine   int // of the log, the number of the last line that is shown; 0: the newest
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
	quit, help, next, previous, scroll, onePanel, log key.Binding
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
		onePanel: bind("enter", "one panel", "enter", "esc"),
		log:      bind("l", "log", "l"),
	}
}

// ShortHelp lists the keys for the line at the bottom, the most needed first.
func (k dashboardKeys) ShortHelp() []key.Binding {
	return []key.Binding{k.quit, k.help, k.next, k.scroll, k.onePanel, k.log}
}

// FullHelp lists all keys.
func (k dashboardKeys) FullHelp() [][]key.Binding {
	return [][]key.Binding{{k.quit, k.help, k.next, k.previous, k.scroll, k.onePanel, k.log}}
}

// NewDashboard returns the view of a pipeline, drawn as look says. stop asks the
// pipeline to stop.
func NewDashboard(look draw.Appearance, stop func()) Dashboard {
	d := Dashboard{Stop: stop, width: 80, height: 24, keys: newDashboardKeys()}
	return d.withAppearance(look)
}

func (d Dashboard) withAppearance(look draw.Appearance) Dashboard {
	d.appearance, d.theme = look, look.Styles()
	d.help = draw.NewHelp(d.theme)
	return d
}

// Init asks the terminal what it looks like.
func (d Dashboard) Init() tea.Cmd { return d.appearance.Init() }

// Update takes one message in.
func (d Dashboard) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		d.width, d.height = msg.Width, msg.Height
	case tea.BackgroundColorMsg, tea.ColorProfileMsg, tea.ModeReportMsg:
		return d.withAppearance(d.appearance.Update(msg)), nil
	case PipelineSnapshot:
		d.snapshot = msg
	case StopRequested:
		return d.showStopping(), nil
	case Ended:
		return d, tea.Quit
	case tea.KeyPressMsg:
		return d.press(msg)
	}
	return d, nil
}

func (d Dashboard) press(msg tea.KeyPressMsg) (tea.Model, tea.Cmd) {
	switch {
	case key.Matches(msg, d.keys.quit):
		if d.stopping {
			d.abandoned = true
			return d, tea.Quit
		}
		if d.Stop != nil {
			d.Stop()
		}
		return d.showStopping(), nil
	case d.showHelp: // any other key leaves the help
		d.showHelp = false
	case key.Matches(msg, d.keys.help):
		d.showHelp = true
	case key.Matches(msg, d.keys.next):
		d = d.moveFocus(1)
	case key.Matches(msg, d.keys.previous):
		d = d.moveFocus(-1)
	case key.Matches(msg, d.keys.scroll):
		d = d.scroll(msg.String())
	case key.Matches(msg, d.keys.onePanel):
		d.onePanel = !d.onePanel && msg.Code != tea.KeyEscape
	case key.Matches(msg, d.keys.log):
		d.hideLog = !d.hideLog
		if d.hideLog && d.focus == logPanel {
			d.focus = stagesPanel
		}
	}
	return d, nil
}

// stop shows that the pipeline was asked to stop, and what a second q does.
func (d Dashboard) showStopping() Dashboard {
	d.stopping = true
	d.keys.quit.SetHelp("q/^C", "leave at once")
	return d
}

// focused moves the focus by a panel.
func (d Dashboard) moveFocus(by section) Dashboard {
	n := panels
	if d.hideLog {
		n = logPanel
	}
	d.focus = (d.focus + by + n) % n
	return d
}

// page is how many lines page up and page down scroll.
const pageLines = 10

// scrolled moves the panel in focus by a line or a page. The log is held where it is
// while more lines come, until it is scrolled to its end again.
func (d Dashboard) scroll(key string) Dashboard {
	by := map[string]int{"up": -1, "k": -1, "pgup": -pageLines, "down": 1, "j": 1, "pgdown": pageLines}[key]
	switch d.focus {
	case serversPanel:
		d.firstServer = min(max(0, d.firstServer+by), max(0, len(d.snapshot.Servers)-1))
	case logPanel:
		last := d.lastLogLine
		if last == 0 {
			last = d.snapshot.Logged
		}
		d.lastLogLine = max(last+by, d.snapshot.Logged-len(d.snapshot.Log)+1)
		if d.lastLogLine >= d.snapshot.Logged {
			d.lastLogLine = 0
		}
	case stagesPanel, windowsPanel, factsPanel, panels:
	}
	return d
}

// View draws it all.
func (d Dashboard) View() tea.View {
	v := tea.NewView(d.theme.ForTerminal(d.draw()))
	v.AltScreen = true
	return v
}

// Abandoned says that the view was left before the pipeline had stopped.
func (d Dashboard) Abandoned() bool { return d.abandoned }
