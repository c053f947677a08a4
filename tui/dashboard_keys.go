package tui

import (
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// dashboardKeys are the key bindings, from which the help is made.
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
	case d.showHelp: // any other key closes the help
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

// moveFocus moves the focus to another panel.
func (d Dashboard) moveFocus(by section) Dashboard {
	n := panels
	if d.hideLog {
		n = logPanel
	}
	d.focus = (d.focus + by + n) % n
	return d
}

// pageLines is how many lines page up and page down move.
const pageLines = 10

// scroll moves the panel in focus by a line or a page. After the log was scrolled it
// stays at its place while new lines arrive, until it is scrolled to its end.
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
