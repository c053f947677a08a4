package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
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

// ErrAbandoned says that somebody left the view before what it shows had ended.
var ErrAbandoned = errors.New("the view was left before the end of what it shows")

// Messages to the view of something that runs in this process.
type (
	// Stopping says that it was asked to end.
	StopRequested struct{}
	// Ended says that it is over, and closes the view.
	Ended struct{}
)

// show runs a view while work does what it shows, and returns when both have ended.
// work gets a context that ends when ctx does, or when the view calls stop, and a
// function to send messages with. The terminal is left as it was found, also when
// work panics; then the panic goes on. A view that fails does not end the work.
func (t Terminal) show(ctx context.Context, view func(stop func()) tea.Model, work func(context.Context, func(tea.Msg))) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	p := t.program(view(stop), tea.WithFPS(20))
	defer context.AfterFunc(ctx, func() { p.Send(StopRequested{}) })()
	done := make(chan any, 1) // what work panicked with
	go func() {
		var failure any
		defer func() {
			done <- failure
			p.Send(Ended{})
		}()
		defer func() {
			if r := recover(); r != nil {
				failure = fmt.Sprintf("%v\n\n%s", r, debug.Stack()) // the stack below is not the one that failed
			}
		}()
		work(ctx, p.Send)
	}()
	last, err := p.Run()
	if v, ok := last.(interface{ Abandoned() bool }); ok && v.Abandoned() {
		return ErrAbandoned
	}
	if failure := <-done; failure != nil {
		panic(failure)
	}
	if err != nil {
		return fmt.Errorf("live view: %w", err)
	}
	return nil
}
