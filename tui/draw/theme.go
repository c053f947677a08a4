package draw

import (
	"image/color"

	"charm.land/bubbles/v2/help"
	"charm.land/lipgloss/v2"
)

// Theme is a set of styles. Colour never carries information that is not in the text
// too, since a terminal may have no colours.
type Theme struct {
	Text, Muted, Title lipgloss.Style
	Border             lipgloss.Style
	Good, Warn, Bad    lipgloss.Style
	Main, Second       lipgloss.Style // two colours for charts
	Track              lipgloss.Style // the empty part of a bar
	// ASCII restricts drawing to ASCII. Emojis are shown by their names. Components
	// still draw other characters beyond ASCII, and ForTerminal replaces these.
	ASCII bool
}

// NewTheme returns the theme for a dark or a light background.
func NewTheme(dark bool) Theme {
	if dark {
		return newTheme("#9a978f", "#4a4843", "#35b998", "#e09a3a", "#ef6d67", "#5a9fee", "#e09a3a", "#3a3834")
	}
	return newTheme("#6f6c66", "#c6c6c6", "#0f7d64", "#a85f05", "#b92e2a", "#1c66c0", "#a85f05", "#dadada")
}

// basicTheme returns the theme for terminals with 16 colours. The basic colours nearest
// to those of NewTheme cannot be told from the background.
func basicTheme(dark bool) Theme {
	if dark {
		return newTheme("7", "8", "10", "11", "9", "12", "11", "8")
	}
	return newTheme("8", "7", "2", "3", "1", "4", "3", "7")
}

// contrastTheme returns the theme called contrast. Text has the terminal's own colour.
// The other colours have a contrast of at least 7:1 to a black or white background.
func contrastTheme(dark bool) Theme {
	if dark {
		return newTheme("", "#ffffff", "#5cf0c4", "#ffd36b", "#ffa8a3", "#9fd0ff", "#ffd36b", "#a6a6a6")
	}
	return newTheme("", "#000000", "#005540", "#4a2c00", "#8b0000", "#003f8a", "#4a2c00", "#595959")
}

// newTheme returns a theme with these colours. An empty name means the terminal's own
// colour.
func newTheme(muted, border, good, warn, bad, main, second, track string) Theme {
	return Theme{
		Title: lipgloss.NewStyle().Bold(true),
		Muted: coloured(muted), Border: coloured(border), Track: coloured(track),
		Good: coloured(good), Warn: coloured(warn), Bad: coloured(bad).Bold(true),
		Main: coloured(main), Second: coloured(second),
	}
}

func coloured(name string) lipgloss.Style {
	var c color.Color = lipgloss.NoColor{}
	if name != "" {
		c = lipgloss.Color(name)
	}
	return lipgloss.NewStyle().Foreground(c)
}

// NewHelp returns the component that lists keys, in the styles of a theme.
func NewHelp(t Theme) help.Model {
	h := help.New()
	h.Styles = help.Styles{
		Ellipsis: t.Muted, ShortKey: t.Title, ShortDesc: t.Muted, ShortSeparator: t.Border,
		FullKey: t.Title, FullDesc: t.Muted, FullSeparator: t.Border,
	}
	return h
}
