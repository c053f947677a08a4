package main

import (
	"io"
	"os"

	"github.com/charmbracelet/colorprofile"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// mannerFlags say how the program talks; every command has them.
type quietColorFlags struct {
	quiet bool
	color string
}

func (m *quietColorFlags) add(fl *pflag.FlagSet) {
	fl.BoolVarP(&m.quiet, "quiet", "q", false, "say nothing on stderr but errors")
	fl.Var(newEnumFlag(&m.color, "auto", "auto", "always", "never"), "color", "colours: auto (on a terminal, unless NO_COLOR is set), always or never")
}

// obey makes the program talk as the flags say. For colours it sets the variables
// that the libraries which draw go by: the flag stands above them.
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
	case m.color == "never" || os.Getenv("NO_COLOR") != "": // some libraries know only the value 1
		return os.Setenv("NO_COLOR", "1")
	}
	return nil
}

// notes is stderr as commands see it: with --quiet, what they write there is
// dropped. Errors are written past it. It is a file where stderr is one, so that
// it can be asked whether that is a terminal.
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

// Fd is the descriptor, and none where stderr has none.
func (n *quietWriter) Fd() uintptr {
	if f, ok := n.Writer.(*os.File); ok {
		return f.Fd()
	}
	return ^uintptr(0)
}

// Read and Close make it a terminal in the eyes of libraries; there is nothing to
// read, and who opened stderr closes it.
func (n *quietWriter) Read([]byte) (int, error) { return 0, io.EOF }
func (n *quietWriter) Close() error             { return nil }

// isTerminal says whether a stream is one; what --quiet drops is not.
func isTerminal(v any) bool {
	if n, ok := v.(*quietWriter); ok && n.quiet {
		return false
	}
	f, ok := v.(interface{ Fd() uintptr })
	return ok && term.IsTerminal(int(f.Fd()))
}

// styled writes styles to w as far as it can show them.
func styledWriter(w io.Writer) io.Writer { return colorprofile.NewWriter(w, os.Environ()) }
