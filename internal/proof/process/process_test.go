//go:build unix

package process_test

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/proof/process"
)

// testTimeout is how long a test waits for anything.
const testTimeout = 20 * time.Second

// program is a running shell script, with the lines that it prints.
type program struct {
	*process.Process
	lines chan string // closed when it has closed its output
}

func run(t *testing.T, script string) program {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sh", "-c", script)
	cmd.Stdout = w
	p, err := process.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	t.Cleanup(func() {
		close(over)
		if err := p.Kill(); err != nil {
			t.Error(err)
		}
		_ = r.Close()
	})
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(r); s.Scan(); {
			select {
			case lines <- s.Text():
			case <-over:
				return
			}
		}
	}()
	return program{p, lines}
}

// line returns the next line.
func (p program) line(t *testing.T) string {
	t.Helper()
	select {
	case s := <-p.lines:
		return s
	case <-time.After(testTimeout):
		t.Fatal("it printed nothing")
		return ""
	}
}

func (p program) end(t *testing.T) error {
	t.Helper()
	select {
	case <-p.Exited():
		return p.Err()
	case <-time.After(testTimeout):
		t.Fatal("it did not end")
		return nil
	}
}

func TestTheEndOfAProcessIsKnown(t *testing.T) {
	for _, test := range []struct{ name, script, want string }{
		{"well", "exit 0", ""},
		{"badly", "exit 3", "exit status 3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := run(t, test.script)
			switch err := p.end(t); {
			case test.want == "" && err != nil, test.want != "" && (err == nil || err.Error() != test.want):
				t.Errorf("it ended with %v", err)
			case p.Running():
				t.Error("it still runs")
			}
			if err := p.Kill(); err != nil {
				t.Errorf("a process that has ended cannot be killed: %v", err)
			}
		})
	}
}

func TestAProcessIsAskedToStop(t *testing.T) {
	p := run(t, `trap 'echo asked; exit 7' TERM; echo ready; while :; do sleep 0.01; done`)
	p.line(t)
	if err := p.Terminate(); err != nil {
		t.Fatal(err)
	}
	if got := p.line(t); got != "asked" {
		t.Errorf("it said %q", got)
	}
	if err := p.end(t); err == nil || err.Error() != "exit status 7" {
		t.Errorf("it ended with %v", err)
	}
}

func TestAPausedProcessStandsStill(t *testing.T) {
	p := run(t, `while :; do echo tick; sleep 0.01; done`)
	p.line(t)
	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	still := time.After(testTimeout)
	for silent := false; !silent; {
		select {
		case <-p.lines: // a line that was printed before the pause
		case <-time.After(300 * time.Millisecond):
			silent = true
		case <-still:
			t.Fatal("it goes on")
		}
	}
	if !p.Running() {
		t.Error("it has ended")
	}
	if err := p.Resume(); err != nil {
		t.Fatal(err)
	}
	if got := p.line(t); got != "tick" {
		t.Errorf("it said %q", got)
	}
}

func TestAPausedProcessCanBeKilled(t *testing.T) {
	p := run(t, `while :; do echo tick; sleep 0.01; done`)
	p.line(t)
	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := p.end(t); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Errorf("it ended with %v", err)
	}
}

func TestWhatDoesNotExistDoesNotStart(t *testing.T) {
	if _, err := process.Start(exec.Command("/no/such/program")); err == nil {
		t.Error("it started")
	}
}

func TestOutputIsAllThatACommandPrints(t *testing.T) {
	out, err := process.Output(exec.CommandContext(t.Context(), "sh", "-c", "echo out; echo err >&2; exit 5"))
	if err == nil || string(out) != "out\nerr\n" {
		t.Errorf("it printed %q and ended with %v", out, err)
	}
}

// Run kills what a command has left running.
func TestRunLeavesNothingBehind(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "sh", "-c", "sleep 1000 & echo begun")
	cmd.Stdout = w
	if err := process.Run(cmd); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	// The child of the shell holds the pipe open for as long as it lives.
	if err := r.SetReadDeadline(time.Now().Add(testTimeout)); err != nil {
		t.Fatal(err)
	}
	if out, err := io.ReadAll(r); err != nil || string(out) != "begun\n" {
		t.Errorf("it printed %q, and then %v", out, err)
	}
}
