package tui

import (
	"io"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/emostream/emostream/tui/draw"
)

// Terminal is the terminal on which a view is drawn and from which keys are read.
type Terminal struct {
	// In is the source of keys. If it is nil there are no keys, and ctrl+c is a signal.
	In  io.Reader
	Out io.Writer
	// Environ is the environment. It says what the terminal can do (TERM) and whether
	// colours are wanted (NO_COLOR).
	Environ    []string
	Appearance draw.Appearance
	// Width and Height are the terminal's size, in case Out cannot be asked for it.
	Width, Height int
}

// program returns the program that runs a model on the terminal. The program handles no
// signals: that is left to the caller.
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

// noColour returns whether NO_COLOR has any value. The renderer alone would obey only
// values such as 1 and true.
func (t Terminal) noColour() bool {
	return slices.ContainsFunc(t.Environ, func(v string) bool {
		value, ok := strings.CutPrefix(v, "NO_COLOR=")
		return ok && value != ""
	})
}
