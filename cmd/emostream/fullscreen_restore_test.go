package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/tui"
)

// pane is a terminal in which a shell runs: a tmux server of its own, in a folder of
// its own.
type pane struct {
	t   *testing.T
	dir string
}

// openPane opens a pane, and skips the test if there is no tmux. Its shell finds the
// commands of TestMain.
func openPane(t *testing.T, environ ...string) *pane {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("tmux is missing")
		}
		t.Skip("tmux is missing")
	}
	dir, err := os.MkdirTemp("", "pane") //nolint:usetesting // t.TempDir is too long for the path of a socket
	if err != nil {
		t.Fatal(err)
	}
	p := &pane{t: t, dir: dir}
	t.Cleanup(func() {
		p.tmux("kill-server")
		_ = os.RemoveAll(dir)
	})
	p.tmux(append([]string{"-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30", "-c", dir, "env"}, append(environ, "PS1=$ ", "sh")...)...)
	p.until("the shell", func(s string) bool { return strings.Contains(s, "$") })
	return p
}

func (p *pane) tmux(args ...string) string {
	p.t.Helper()
	out, err := exec.Command("tmux", append([]string{"-S", filepath.Join(p.dir, "tmux")}, args...)...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("tmux %q: %v: %s", args, err, out)
	}
	return string(out)
}

// run types a command. After it the shell prints ENDED with the exit code, and
// UNCHANGED if the terminal's settings are as before.
func (p *pane) run(command string) {
	p.t.Helper()
	p.keys("clear; before=$(stty -g); "+command+"; echo ENDED $?; test $before = $(stty -g) && echo UNCHANGED", "Enter")
}

func (p *pane) keys(keys ...string) {
	p.t.Helper()
	p.tmux(append([]string{"send-keys"}, keys...)...)
}

// until waits until seen says yes to the screen's text, and returns the screen with
// colours.
func (p *pane) until(what string, seen func(screen string) bool) string {
	p.t.Helper()
	deadline, tick := time.After(time.Minute), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	for {
		screen := p.tmux("capture-pane", "-p")
		if seen(screen) {
			return p.tmux("capture-pane", "-p", "-e")
		}
		select {
		case <-tick.C:
		case <-deadline:
			p.t.Fatalf("%s did not come:\n%s", what, screen)
		}
	}
}

func (p *pane) shows(text string) string {
	p.t.Helper()
	return p.until(fmt.Sprintf("%q", text), func(s string) bool { return strings.Contains(s, text) })
}

// endsWith waits until the command has ended with an exit code and has left the
// terminal as it was.
func (p *pane) endsWith(code int) {
	p.t.Helper()
	p.shows("ENDED " + fmt.Sprint(code) + "\nUNCHANGED")
	if modes := p.tmux("display-message", "-p", "#{alternate_on}#{cursor_flag}#{mouse_any_flag}"); strings.TrimSpace(modes) != "010" {
		p.t.Errorf("other screen, cursor, mouse: %s", modes)
	}
}

// breakdown is a command with a full screen that breaks down. When a file called go
// appears, one of its goroutines panics. When a file called kill appears, it kills
// itself.
func breakdown() int {
	std := streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}
	err := runFullscreen(context.Background(), std, func(ctx context.Context) error {
		terminal := new(themeFlags).terminal(std.in, std.out)
		return tui.ShowBench(ctx, "http://x", terminal, func(ctx context.Context, _ func(loadgen.Snapshot)) {
			go func() {
				awaitFile("go")
				panic("no more coffee")
			}()
			go func() {
				awaitFile("kill")
				_ = (&os.Process{Pid: os.Getpid()}).Kill()
			}()
			<-ctx.Done()
		})
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "breakdown:", err)
		return exitFailed
	}
	return exitOK
}

func awaitFile(name string) {
	for tick := time.NewTicker(10 * time.Millisecond); ; <-tick.C {
		if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
			return
		}
	}
}

// If the process that has the screen panics or is killed, the terminal is restored, and
// then shows why.
func TestScreenAfterACrash(t *testing.T) {
	t.Parallel()
	for name, said := range map[string]string{"go": "panic: no more coffee", "kill": "ended with signal: killed"} {
		t.Run(name, func(t *testing.T) {
			p := openPane(t)
			p.run("breakdown")
			p.shows("emostream bench")
			if err := os.WriteFile(filepath.Join(p.dir, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			p.endsWith(exitFailed)
			if all := p.tmux("capture-pane", "-p", "-S", "-200"); !strings.Contains(all, said) {
				t.Errorf("it does not say %q:\n%s", said, all)
			}
		})
	}
}

// The dashboard shows that the pipeline runs, and shows taps. With NO_COLOR it has no
// colours. The key q stops the pipeline in order.
func TestDashboard(t *testing.T) {
	t.Parallel()
	p := openPane(t, "NO_COLOR=please")
	p.run("emostream up --ephemeral --port 0 --dashboard")
	p.shows("running  up")
	for _, want := range []string{"subscribe running", "sub6", "0 of 10,000"} {
		p.shows(want)
	}
	screen := p.until("the address", func(s string) bool { return strings.Contains(s, "page     http") })
	server := strings.TrimSuffix(strings.Fields(screen[strings.Index(screen, "page "):])[1], "/")
	tap := exec.Command("emostream", "send", "🔥", "--count", "70", "--server", server)
	if out, err := tap.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	p.shows("70 in main")
	if coloured := p.shows("🔥 █"); strings.Contains(coloured, "\x1b[38;") {
		t.Errorf("there are colours in spite of NO_COLOR: %q", coloured)
	}
	p.keys("q")
	p.endsWith(exitOK)
}

// If stderr is a terminal, bench uses its full screen and leaves the terminal as it
// was. Stdout may be a file.
func TestBenchTakesTheScreen(t *testing.T) {
	t.Parallel()
	main := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "taken")
	}))
	t.Cleanup(main.Close)
	for name, to := range map[string]string{"both on the terminal": "", "a report into a file": " >report"} {
		t.Run(name, func(t *testing.T) {
			p := openPane(t)
			p.run("emostream bench --post-url " + main.URL + " --rate 50 --duration 3s --allow-invalid" + to)
			p.shows("╭─")
			p.endsWith(exitOK)
		})
	}
}

// A signal to the process that the user started also stops the child process, which has
// the screen.
func TestDashboardIsInterrupted(t *testing.T) {
	t.Parallel()
	p := openPane(t)
	p.run("sh -c 'echo $$ >pid; exec emostream up --ephemeral --port 0 --dashboard'")
	if coloured := p.shows("running  up"); !strings.Contains(coloured, "\x1b[38;") {
		t.Errorf("there are no colours: %q", coloured)
	}
	p.tmux("run-shell", "kill -INT $(cat "+filepath.Join(p.dir, "pid")+")")
	p.endsWith(exitOK)
}

// lateChild is emostream, whose child process with the screen does not come to handle
// signals. It makes a file called late.
func lateChild() int {
	if os.Getenv(fullscreenVariable) != "" {
		_ = os.WriteFile("late", nil, 0o600)
		time.Sleep(time.Minute)
	}
	return run(context.Background())
}

// interruptedAtFirst is emostream, which is interrupted before it starts the child process.
func interruptedAtFirst() int {
	if os.Getenv(fullscreenVariable) != "" {
		return run(context.Background())
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return execute(ctx, streams{in: os.Stdin, out: os.Stdout, err: os.Stderr}, os.Args[1:])
}

// Who interrupts bench before its screen is up gets a report that says so.
func TestBenchIsInterruptedBeforeItsScreen(t *testing.T) {
	t.Parallel()
	main := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(main.Close)
	for _, program := range []string{"latechild", "stoppedfirst"} {
		t.Run(program, func(t *testing.T) {
			p := openPane(t)
			p.run(program + " bench --post-url " + main.URL + " --rate 50 --duration 3s >report")
			if program == "latechild" {
				p.until("the child process", func(string) bool {
					_, err := os.Stat(filepath.Join(p.dir, "late"))
					return err == nil
				})
				p.keys("C-c")
			}
			p.endsWith(exitInterrupted)
			if b, err := os.ReadFile(filepath.Join(p.dir, "report")); err != nil || !strings.Contains(string(b), "nothing was sent") {
				t.Errorf("the report: %v: %s", err, b)
			}
		})
	}
}
