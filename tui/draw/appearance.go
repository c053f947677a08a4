package draw

import (
	"fmt"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
)

// Appearance decides how a screen looks. It depends on what the user set and on what
// the terminal has reported: its background, its colours, and how it counts columns.
// The zero value is ready to use. A model passes its messages to Update.
type Appearance struct {
	// Theme is auto (the default), dark, light, contrast or none. auto is dark or light
	// like the terminal's background. contrast follows the background too. none has no
	// colours.
	Theme string
	// ASCII restricts drawing to ASCII: emojis are shown by their names.
	ASCII bool
	// WidthMethod is how the terminal counts columns, if it has reported that.
	WidthMethod WidthMethod

	light   bool // the terminal reported a light background
	profile colorprofile.Profile
}

// CheckTheme returns an error if there is no theme of that name.
func CheckTheme(name string) error {
	switch name {
	case "", "auto", "dark", "light", "contrast", "none":
		return nil
	}
	return fmt.Errorf("%.20q: use auto, dark, light, contrast or none", name)
}

// Init asks the terminal for its background colour.
func (l Appearance) Init() tea.Cmd { return tea.RequestBackgroundColor }

// Update returns the appearance after a message. Only messages in which the terminal
// reports something about itself change it.
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

// Dark returns whether to draw for a dark background.
func (l Appearance) Dark() bool { return l.Theme == "dark" || l.Theme != "light" && !l.light }

// Styles returns the theme to draw with.
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

// Emoji draws an emoji in exactly two columns of the terminal.
func (l Appearance) Emoji(emoji string) string { return Emoji(emoji, l.WidthMethod, l.ASCII) }
