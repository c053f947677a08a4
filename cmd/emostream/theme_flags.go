package main

import (
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/tui"
	"github.com/emostream/emostream/tui/draw"
)

// themeFlags are the flags of commands that draw on the full screen.
type themeFlags struct {
	theme string
	ascii bool
}

func (f *themeFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.theme, "theme", "auto", "colours of the screen: dark, light, contrast, none, or auto: as the terminal's background is (NO_COLOR: none)")
	cmd.Flags().BoolVar(&f.ascii, "ascii", false, "draw the screen in ASCII, with the names of emojis")
}

// check says what is wrong with the flags, nil if nothing is.
func (f *themeFlags) check() error {
	if err := draw.CheckTheme(f.theme); err != nil {
		return usagef("--theme %w", err)
	}
	return nil
}

// terminal draws on out, and takes keys from in if that is a terminal.
func (f *themeFlags) terminal(in io.Reader, out io.Writer) tui.Terminal {
	t := tui.Terminal{Out: out, Environ: os.Environ(), Appearance: draw.Appearance{Theme: f.theme, ASCII: f.ascii}}
	if isTerminal(in) {
		t.In = in
	}
	return t
}
