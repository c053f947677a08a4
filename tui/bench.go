package tui

import (
	"slices"

	"charm.land/bubbles/v2/help"
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/tui/draw"
)

// maxSeconds is how many seconds of a run are kept. A chart has one column for each.
const maxSeconds = 512

// Bench shows a load test while it runs. It receives loadgen.Snapshot values as
// messages, and does not affect the run.
type Bench struct {
	// Target is the address under load.
	Target string
	// Stop ends the run early. It is called when the user first presses ctrl+c or q,
	// and must not block.
	Stop func()

	width, height int
	appearance    draw.Appearance
	theme         draw.Theme
	help          help.Model
	keys          benchKeys
	snapshot      loadgen.Snapshot
	rates, acks   []float64 // one value a second
	second        int       // the second of the run to which the newest value belongs
	step          int       // the step of a search to which the values belong
	stopping      bool
	abandoned     bool
}

// benchKeys are the key bindings, from which the help at the bottom is made.
type benchKeys struct{ stop key.Binding }

// ShortHelp lists the keys for the help.
func (k benchKeys) ShortHelp() []key.Binding { return []key.Binding{k.stop} }

// FullHelp lists the same keys.
func (k benchKeys) FullHelp() [][]key.Binding { return [][]key.Binding{k.ShortHelp()} }

// NewBench returns the view of a load test of target. It calls stop to end the run
// early.
func NewBench(target string, appearance draw.Appearance, stop func()) Bench {
	b := Bench{Target: target, Stop: stop, width: 80, height: 24, second: -1}
	b.keys.stop = key.NewBinding(key.WithKeys("ctrl+c", "q"), key.WithHelp("ctrl+c", "end the run and report"))
	return b.withAppearance(appearance)
}

func (b Bench) withAppearance(appearance draw.Appearance) Bench {
	b.appearance, b.theme = appearance, appearance.Styles()
	b.help = draw.NewHelp(b.theme)
	return b
}

// Init asks the terminal for its background colour.
func (b Bench) Init() tea.Cmd { return b.appearance.Init() }

// Update handles a message.
func (b Bench) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		b.width, b.height = msg.Width, msg.Height
	case tea.BackgroundColorMsg, tea.ColorProfileMsg, tea.ModeReportMsg:
		return b.withAppearance(b.appearance.Update(msg)), nil
	case loadgen.Snapshot:
		return b.withSnapshot(msg), nil
	case StopRequested:
		return b.showStopping(), nil
	case Ended:
		return b, tea.Quit
	case tea.KeyPressMsg:
		if !key.Matches(msg, b.keys.stop) {
			return b, nil
		}
		if b.stopping {
			b.abandoned = true
			return b, tea.Quit
		}
		if b.Stop != nil {
			b.Stop()
		}
		return b.showStopping(), nil
	}
	return b, nil
}

// showStopping shows that the run was asked to end, and says what a second ctrl+c does.
func (b Bench) showStopping() Bench {
	b.stopping = true
	b.keys.stop.SetHelp("ctrl+c", "leave without a report")
	return b
}

// withSnapshot takes over a snapshot. The charts grow by one value a second while the
// run is sending, and begin anew with each step of a search.
func (b Bench) withSnapshot(s loadgen.Snapshot) Bench {
	b.snapshot = s
	second := int(s.Elapsed.Seconds())
	if s.Step != b.step || second < b.second {
		b.rates, b.acks, b.second, b.step = nil, nil, -1, s.Step
	}
	if s.Phase == loadgen.Sending && second > b.second && second > 0 {
		b.second = second
		b.rates = appended(b.rates, s.Reached)
		b.acks = appended(b.acks, s.AckP99)
	}
	return b
}

// appended returns a history with one more value. It copies the history, because an
// older model may still be drawn and shares it.
func appended(history []float64, v float64) []float64 {
	history = history[max(0, len(history)-maxSeconds+1):]
	return append(slices.Clip(history), v)
}

// View draws the whole screen.
func (b Bench) View() tea.View {
	v := tea.NewView(b.theme.ForTerminal(b.draw()))
	v.AltScreen = true
	return v
}

// Abandoned returns whether the user left the view before the run had ended.
func (b Bench) Abandoned() bool { return b.abandoned }
