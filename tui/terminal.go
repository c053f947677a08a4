package tui

import (
	"io"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/emostream/emostream/tui/draw"
)

// Terminal is what a view is drawn on and reads keys from.
type Terminal struct {
	// In is where keys come from. If it is nil there are none, and ctrl+c is a signal.
	In  io.Reader
	Out io.Writer
	// Environ is the environment, which tells what the terminal can do (TERM) and
	// whether colours are wanted (NO_COLOR).
	Environ    []string
	Appearance draw.Appearance
	// Width and Height are its size, if Out is not a file that can be asked.
	Width, Height int
}

// program returns the program that runs a model on the terminal. It handles no
// signals; the caller does.
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

// noColour says whether NO_COLOR has any value. The renderer would only obey values
// such as 1 and true.
func (t Terminal) noColour() bool {
	return slices.ContainsFunc(t.Environ, func(v string) bool {
		value, ok := strings.CutPrefix(v, "NO_COLOR=")
		return ok && value != ""
	})
}
