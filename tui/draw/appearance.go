package draw

import (
	"fmt"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
)

// Look is what decides how a view looks: what somebody asked for, and what the
// terminal told since. It is useful at its zero value, and keeps itself up to date
// from the messages that a model gets.
type Appearance struct {
	// Theme is auto (also when empty), dark, light, contrast or none. Auto is dark or
	// light like the terminal; contrast follows the terminal too; none has no colours.
	Theme string
	// ASCII draws nothing but ASCII: names instead of emojis.
	ASCII bool
	// Width is how the terminal counts columns.
	WidthMethod WidthMethod

	light   bool // the background, once the terminal has told
	profile colorprofile.Profile
}

// CheckTheme says what is wrong with the name of a theme.
func CheckTheme(name string) error {
	switch name {
	case "", "auto", "dark", "light", "contrast", "none":
		return nil
	}
	return fmt.Errorf("%.20q: use auto, dark, light, contrast or none", name)
}

// Init asks the terminal what it looks like.
func (l Appearance) Init() tea.Cmd { return tea.RequestBackgroundColor }

// Update takes in what a message says about the terminal. Other messages change
// nothing.
func (l Appearance) Update(msg tea.Msg) Appearance {
	switch msg := msg.(type) {
	case tea.BackgroundColorMsg:
		l.light = !msg.IsDark()
	case tea.ColorProfileMsg:
		l.profile = msg.Profile
	case tea.ModeReportMsg:
		if msg.Mode == ansi.ModeUnicodeCore {
			l.WidthMethod = widthMethodOf(msg)
		}
	}
	return l
}

// Dark says whether to draw for a dark background.
func (l Appearance) Dark() bool { return l.Theme == "dark" || l.Theme != "light" && !l.light }

// Styles is the theme to draw with.
func (l Appearance) Styles() Theme {
	t := l.colourTheme()
	t.ASCII = l.ASCII
	return t
}

func (l Appearance) colourTheme() Theme {
	switch {
	case l.Theme == "none":
		return Theme{Title: lipgloss.NewStyle().Bold(true), Bad: lipgloss.NewStyle().Bold(true)}
	case l.Theme == "contrast":
		return contrastTheme(l.Dark())
	case l.profile == colorprofile.ANSI:
		return basicTheme(l.Dark())
	}
	return NewTheme(l.Dark())
}

// Cell draws an emoji in exactly two columns of the terminal.
func (l Appearance) Emoji(emoji string) string { return Emoji(emoji, l.WidthMethod, l.ASCII) }
