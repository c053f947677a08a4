package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"emostream": func() { os.Exit(run()) }})
}

// The scripts in testdata/script, each a few lines of a user's terminal.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"up":   startUp,
			"exit": exitCode,
			"hold": hold,
		},
	})
}

// startUp runs `emostream up ARG...` on free ports, in the background, until the
// script ends, and sets $SERVER to the URL of its ready line. It is interrupted
// then, and must end well.
func startUp(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: up [ARG...]")
	}
	exe, err := exec.LookPath("emostream")
	if path := filepath.SplitList(ts.Getenv("PATH")); err != nil && len(path) > 0 {
		exe, err = filepath.Join(path[0], "emostream"), nil
	}
	ts.Check(err)
	cmd := exec.Command(exe, append([]string{"up", "--port", "0"}, args...)...)
	cmd.Dir = ts.Getenv("WORK")
	cmd.Env = append(os.Environ(), "HOME="+ts.Getenv("WORK"), "XDG_STATE_HOME="+ts.MkAbs("state"))
	var logs bytes.Buffer
	cmd.Stderr = &logs
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			ts.Fatalf("up ended with %v:\n%s", err, logs.String())
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		ts.Fatalf("up said nothing: %v\n%s", err, logs.String())
	}
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if !ok {
		ts.Fatalf("up said %q", line)
	}
	ts.Setenv("SERVER", url)
}

// exitCode runs a command that must end with a certain code, as in
// `exit 2 emostream up --port x`.
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exit CODE COMMAND [ARG...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if failed := (*exec.ExitError)(nil); errors.As(err, &failed) {
		code = failed.ExitCode()
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("%s ended with %d, want %s", strings.Join(args[1:], " "), code, args[0])
	}
}

// hold takes a free port until the script ends and sets $PORT to it.
func hold(ts *testscript.TestScript, neg bool, _ []string) {
	if neg {
		ts.Fatalf("usage: hold")
	}
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = ln.Close() })
	_, port, err := net.SplitHostPort(ln.Addr().String())
	ts.Check(err)
	ts.Setenv("PORT", port)
}

// Flags win over the environment, which wins over defaults; what is wrong there
// is named by its variable.
func TestFromEnvironment(t *testing.T) {
	for _, tt := range []struct {
		what string
		args []string
		env  map[string]string
		want string // the window; or part of the error
	}{
		{"neither", nil, nil, "2s"},
		{"the environment alone", nil, map[string]string{"EMOSTREAM_WINDOW": "1s"}, "1s"},
		{"both", []string{"--window", "500ms"}, map[string]string{"EMOSTREAM_WINDOW": "1s"}, "500ms"},
		{"nonsense", nil, map[string]string{"EMOSTREAM_WINDOW": "soon"}, `EMOSTREAM_WINDOW="soon"`},
		{"another program's", nil, map[string]string{"WINDOW": "1s"}, "2s"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			cmd := newAggregate(streams{})
			if err := cmd.ParseFlags(tt.args); err != nil {
				t.Fatal(err)
			}
			err := fromEnvironment(cmd, func(name string) (string, bool) { v, ok := tt.env[name]; return v, ok })
			got := cmd.Flags().Lookup("window").Value.String()
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

// Every command shows how it is used.
func TestEveryCommandHasAnExample(t *testing.T) {
	root := newRoot(streams{})
	for _, c := range root.Commands() {
		if !c.IsAvailableCommand() || c.Name() == "version" {
			continue
		}
		subs := c.Commands()
		if len(subs) == 0 && (c.Example == "" || c.Short == "") {
			t.Errorf("%s has no example or no description", c.CommandPath())
		}
		for _, s := range subs {
			if s.Example == "" || s.Short == "" {
				t.Errorf("%s has no example or no description", s.CommandPath())
			}
		}
	}
}

// A finite command that is interrupted says so by its code.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	var out, errs bytes.Buffer
	// Nothing listens there: watch goes on trying until it is stopped.
	code := execute(ctx, streams{in: strings.NewReader(""), out: &out, err: &errs}, []string{"watch", "-n", "1", "--server", "http://127.0.0.1:1"})
	if code != exitInterrupted {
		t.Errorf("exit code %d, want %d\n%s", code, exitInterrupted, errs.String())
	}
}
