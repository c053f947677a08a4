package tui

import (
	"io"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/emostream/emostream/tui/draw"
)

// Terminal is where a view is drawn and what it reads keys from.
type Terminal struct {
	// In is where keys come from; nil: there are none, and ctrl+c is a signal.
	In  io.Reader
	Out io.Writer
	// Environ is the environment, which says what the terminal can do and whether
	// colours are wanted (NO_COLOR).
	Environ    []string
	Appearance draw.Appearance
	// Width and Height are its size, for one that is no file and cannot tell.
	Width, Height int
}

// program runs a model on the terminal; signals stay with who runs it.
func (t Terminal) program(m tea.Model, more ...tea.ProgramOption) *tea.Program {
	options := []tea.ProgramOption{
		tea.WithInput(t.In), tea.WithOutput(t.Out), tea.WithEnvironment(t.Environ), tea.WithoutSignalHandler(),
	}
	if t.Width > 0 && t.Height > 0 {
		options = append(options, tea.WithWindowSize(t.Width, t.Height))
	}
	if t.noColour() {
		options = append(options, tea.WithColorProfile(colorprofile.ASCII))
	}
	return tea.NewProgram(m, append(options, more...)...)
}

// colourless says whether NO_COLOR is set to anything: the renderer knows it as a
// truth value only.
func (t Terminal) noColour() bool {
	return slices.ContainsFunc(t.Environ, func(v string) bool {
		value, ok := strings.CutPrefix(v, "NO_COLOR=")
		return ok && value != ""
	})
}
