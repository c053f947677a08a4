package tui

import (
	"context"
	"strings"

	"charm.land/bubbles/v2/help"
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/tui/draw"
)

// TextLines returns the lines of a page for a given width and height. The page cuts
// what does not fit.
type TextLines func(width, height int) []string

// ShowTextPage calls run, shows lines about its work, and returns when both have ended.
// It calls lines every snapshotInterval for the lines to show.
func ShowTextPage(ctx context.Context, title string, t Terminal, lines func() TextLines, run func(context.Context)) error {
	view := func(stop func()) tea.Model { return NewTextPage(title, t.Appearance, stop) }
	return t.showSnapshots(ctx, view, func() tea.Msg { return lines() }, run)
}

// TextPage shows lines under a title until the work has ended.
type TextPage struct {
	title         string
	stop          func()
	width, height int
	appearance    draw.Appearance
	theme         draw.Theme
	help          help.Model
	keys          textPageKeys
	lines         TextLines
}

// textPageKeys are the key bindings, from which the help at the bottom is made.
type textPageKeys struct{ stop key.Binding }

// ShortHelp lists the keys for the help.
func (k textPageKeys) ShortHelp() []key.Binding { return []key.Binding{k.stop} }

// FullHelp lists the same keys.
func (k textPageKeys) FullHelp() [][]key.Binding { return [][]key.Binding{k.ShortHelp()} }

// NewTextPage returns a page. It calls stop to ask the work to end.
func NewTextPage(title string, appearance draw.Appearance, stop func()) TextPage {
	p := TextPage{title: title, stop: stop, width: 80, height: 24}
	p.keys.stop = key.NewBinding(key.WithKeys("q", "esc", "ctrl+c"), key.WithHelp("q", "end and report"))
	return p.withAppearance(appearance)
}

func (p TextPage) withAppearance(appearance draw.Appearance) TextPage {
	p.appearance, p.theme = appearance, appearance.Styles()
	p.help = draw.NewHelp(p.theme)
	return p
}

// Init asks the terminal for its background colour.
func (p TextPage) Init() tea.Cmd { return p.appearance.Init() }

// Update handles a message.
func (p TextPage) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		p.width, p.height = msg.Width, msg.Height
	case tea.BackgroundColorMsg, tea.ColorProfileMsg, tea.ModeReportMsg:
		return p.withAppearance(p.appearance.Update(msg)), nil
	case TextLines:
		p.lines = msg
	case Ended:
		return p, tea.Quit
	case tea.KeyPressMsg:
		if key.Matches(msg, p.keys.stop) {
			p.stop()
		}
	}
	return p, nil
}

// View draws the whole screen.
func (p TextPage) View() tea.View {
	v := tea.NewView(p.theme.ForTerminal(p.draw()))
	v.AltScreen = true
	return v
}

func (p TextPage) draw() string {
	room := max(0, p.height-2)
	lines := []string{draw.Fit(p.theme.Title.Render(text.CleanCells(p.title)), p.width)}
	if p.lines != nil {
		lines = append(lines, draw.Block(p.lines(p.width, room), p.width, room)...)
	}
	h := p.help
	h.SetWidth(p.width)
	return strings.Join(draw.Block(append(draw.Block(lines, p.width, p.height-1), h.View(p.keys)), p.width, p.height), "\n")
}
