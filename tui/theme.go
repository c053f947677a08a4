package tui

import "charm.land/lipgloss/v2"

// Theme is how things look. Colour never says what text does not say too, since a
// terminal may have none.
type Theme struct {
	Text, Muted, Title lipgloss.Style
	Border             lipgloss.Style
	Good, Warn, Bad    lipgloss.Style
	Main, Second       lipgloss.Style // of charts
	Track              lipgloss.Style // of what is not reached
}

// NewTheme returns the theme for a dark or a light background.
func NewTheme(dark bool) Theme {
	pick := lipgloss.LightDark(dark)
	ink := func(light, dark string) lipgloss.Style {
		return lipgloss.NewStyle().Foreground(pick(lipgloss.Color(light), lipgloss.Color(dark)))
	}
	return Theme{
		Text:   lipgloss.NewStyle(),
		Muted:  ink("#6f6c66", "#9a978f"),
		Title:  lipgloss.NewStyle().Bold(true),
		Border: ink("#c9c6bf", "#4a4843"),
		Good:   ink("#0f7d64", "#35b998"),
		Warn:   ink("#a85f05", "#e09a3a"),
		Bad:    ink("#b92e2a", "#ef6d67").Bold(true),
		Main:   ink("#2a78d6", "#5a9fee"),
		Second: ink("#a85f05", "#e09a3a"),
		Track:  ink("#d8d5ce", "#3a3834"),
	}
}
