package tui

import (
	"charm.land/bubbles/v2/help"
	tea "charm.land/bubbletea/v2"

	"github.com/emostream/emostream/tui/draw"
)

// Dashboard shows a pipeline that runs in this process. It receives PipelineSnapshot
// values as messages, and does not affect the pipeline.
type Dashboard struct {
	// Stop asks the pipeline to stop. It is called once and must not block.
	Stop func()

	width, height int
	appearance    draw.Appearance
	theme         draw.Theme
	help          help.Model
	keys          dashboardKeys
	snapshot      PipelineSnapshot
	focus         section
	onePanel      bool // only the panel in focus is shown
	hideLog       bool
	showHelp      bool
	firstServer   int // index of the first subscriber server shown
	lastLogLine   int // number of the last log line shown; 0 means the newest
	stopping      bool
	abandoned     bool
}

// section is a panel of the dashboard.
type section int

const (
	stagesPanel section = iota
	windowsPanel
	serversPanel
	factsPanel
	logPanel
	panels
)

// NewDashboard returns the view of a pipeline. It calls stop to ask the pipeline to
// stop.
func NewDashboard(appearance draw.Appearance, stop func()) Dashboard {
	d := Dashboard{Stop: stop, width: 80, height: 24, keys: newDashboardKeys()}
	return d.withAppearance(appearance)
}

func (d Dashboard) withAppearance(appearance draw.Appearance) Dashboard {
	d.appearance, d.theme = appearance, appearance.Styles()
	d.help = draw.NewHelp(d.theme)
	return d
}

// Init asks the terminal for its background colour.
func (d Dashboard) Init() tea.Cmd { return d.appearance.Init() }

// Update handles a message.
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

// showStopping shows that the pipeline was asked to stop, and says what a second q
// does.
func (d Dashboard) showStopping() Dashboard {
	d.stopping = true
	d.keys.quit.SetHelp("q/^C", "leave at once")
	return d
}

// View draws the whole screen.
func (d Dashboard) View() tea.View {
	v := tea.NewView(d.theme.ForTerminal(d.draw()))
	v.AltScreen = true
	return v
}

// Abandoned returns whether the user left the view before the pipeline had stopped.
func (d Dashboard) Abandoned() bool { return d.abandoned }
