package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// terminal is a real terminal: a session of tmux, with a tmux server of its own.
type terminal struct {
	t      *testing.T
	socket string
}

// openTerminal runs emostream in a terminal until the test ends. The screen shows "what
// was there" before it begins, and "ended with" its exit code after it.
func openTerminal(t *testing.T, width, height int, args ...string) *terminal {
	t.Helper()
	return openShell(t, width, height, append([]string{`printf 'what was there\n'; "$0" "$@"; echo "ended with $?"; exec cat`, binary}, args...)...)
}

// openShell runs a shell script in a terminal until the test ends. The first of script
// is its text, the others are its arguments from $0 on.
func openShell(t *testing.T, width, height int, script ...string) *terminal {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("tmux is missing: install it")
		}
		t.Skip("tmux is missing")
	}
	dir, err := os.MkdirTemp("", "tmux") //nolint:usetesting // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{t, filepath.Join(dir, "s")}
	term.tmux(append([]string{"-f", os.DevNull, "new-session", "-d", "-x", fmt.Sprint(width), "-y", fmt.Sprint(height), "--", "sh", "-c"}, script...)...)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s shows:\n%s", strings.Join(script, " "), term.screen())
		}
		term.tmux("kill-server")
		_ = os.RemoveAll(dir)
	})
	return term
}

func (term *terminal) tmux(args ...string) string {
	term.t.Helper()
	cmd := exec.Command("tmux", append([]string{"-u", "-S", term.socket}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "NO_COLOR=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		term.t.Errorf("tmux %s: %v: %s", args, err, out)
	}
	return string(out)
}

// screen returns what the screen shows now.
func (term *terminal) screen() string { term.t.Helper(); return term.tmux("capture-pane", "-p") }

// all returns all that the terminal has shown, with long lines in one piece.
func (term *terminal) all() string {
	term.t.Helper()
	return term.tmux("capture-pane", "-p", "-J", "-S", "-")
}

// press presses keys, which have tmux's names.
func (term *terminal) press(keys ...string) {
	term.t.Helper()
	term.tmux(append([]string{"send-keys", "--"}, keys...)...)
}

// shows waits until the screen shows all texts at once.
func (term *terminal) shows(texts ...string) {
	term.t.Helper()
	until(term.t, fmt.Sprintf("the screen shows %q", texts), func() error {
		screen := term.screen()
		for _, text := range texts {
			if !strings.Contains(screen, text) {
				return fmt.Errorf("it does not show %q", text)
			}
		}
		return nil
	})
}
