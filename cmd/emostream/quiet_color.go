package main

import (
	"io"
	"os"

	"github.com/charmbracelet/colorprofile"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// quietColorFlags are --quiet and --color, which every command has.
type quietColorFlags struct {
	quiet bool
	color string
}

func (m *quietColorFlags) add(fl *pflag.FlagSet) {
	fl.BoolVarP(&m.quiet, "quiet", "q", false, "say nothing on stderr but errors")
	fl.Var(newEnumFlag(&m.color, "auto", "auto", "always", "never"), "color", "colours: auto (on a terminal, unless NO_COLOR is set), always or never")
}

// apply applies --quiet to stderr. It turns --color into environment variables, which
// libraries for drawing read, so that --color wins over what the user's environment
// says.
func (m *quietColorFlags) apply(io streams) error {
	if n, ok := io.err.(*quietWriter); ok {
		n.quiet = m.quiet
	}
	return m.setColor()
}

func (m *quietColorFlags) setColor() error {
	switch {
	case m.color == "always":
		if err := os.Unsetenv("NO_COLOR"); err != nil {
			return err
		}
		return os.Setenv("CLICOLOR_FORCE", "1")
	case m.color == "never" || os.Getenv("NO_COLOR") != "": // some libraries understand only 1
		return os.Setenv("NO_COLOR", "1")
	}
	return nil
}

// quietWriter is stderr, as commands get it. With --quiet it drops all that is written
// to it; errors are written to the Writer inside. It has the methods of a file, so that
// libraries can find out whether it is a terminal.
type quietWriter struct {
	io.Writer
	quiet bool
}

func (n *quietWriter) Write(b []byte) (int, error) {
	if n.quiet {
		return len(b), nil
	}
	return n.Writer.Write(b)
}

// Fd returns the descriptor of stderr, or an invalid one if stderr is not a file.
func (n *quietWriter) Fd() uintptr {
	if f, ok := n.Writer.(*os.File); ok {
		return f.Fd()
	}
	return ^uintptr(0)
}

// Read and Close are there because libraries want them from a terminal. There is nothing
// to read, and whoever opened stderr closes it.
func (n *quietWriter) Read([]byte) (int, error) { return 0, io.EOF }
func (n *quietWriter) Close() error             { return nil }

// isTerminal says whether a stream is a terminal. With --quiet, stderr counts as none.
func isTerminal(v any) bool {
	if n, ok := v.(*quietWriter); ok && n.quiet {
		return false
	}
	f, ok := v.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(f.Fd()))
}

// styledWriter writes to w and leaves out the styles and colours that w cannot show.
func styledWriter(w io.Writer) io.Writer { return colorprofile.NewWriter(w, os.Environ()) }
