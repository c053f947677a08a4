package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/creack/pty"

	"github.com/emostream/emostream/internal/token"
	"github.com/emostream/emostream/loadgen/report"
)

// example is a command line in the help of a command. Lines that end in a backslash are
// joined.
type example struct {
	command string // as in "topics create"
	group   string // of the command
	line    string
}

// examples returns the examples of all commands, each once.
func examples() (all []example) {
	seen := map[string]bool{}
	for _, c := range allCommands() {
		top := c
		for top.HasParent() && top.Parent().HasParent() {
			top = top.Parent()
		}
		_, name, _ := strings.Cut(c.CommandPath(), " ")
		for line := range strings.Lines(strings.ReplaceAll(c.Example, "\\\n", " ")) {
			said, _, _ := strings.Cut(line, " #")
			if said = strings.Join(strings.Fields(said), " "); said != "" && !seen[said] {
				seen[said] = true
				all = append(all, example{name, top.GroupID, strings.TrimSpace(line)})
			}
		}
	}
	return all
}

var exampleTime = flag.Duration("examples", 1500*time.Millisecond, "how long an example of TestExamplesRun may go on before it is stopped")

// Every example in the help works. It runs on a terminal of 80 columns beside a
// pipeline with some traffic. It must end well, or begin its work and end well after
// ctrl+c. With -v the test logs what each example shows. The flag -examples 10m gives
// examples time to end by themselves.
//
// Only addresses are changed, since examples use the default ports and the test uses
// free ones. Examples get the addresses from the environment, and addresses that they
// name are replaced.
func TestExamplesRun(t *testing.T) {
	t.Parallel()
	exe, err := exec.LookPath("emostream") // this test's program, see TestMain
	if err != nil {
		t.Fatal(err)
	}
	at := startPipeline(t, exe)
	other := httptest.NewServer(&echoService{listeners: map[chan string]bool{}})
	t.Cleanup(other.Close)
	broker := strings.Join(at.Brokers, ",")
	addresses := strings.NewReplacer(
		"kafka1:9092,kafka2:9092", broker, "kafka1:9092", broker,
		"http://localhost:8080", other.URL,
		"localhost:5000", strings.TrimPrefix(at.Ready, "http://"),
		"--listen 0.0.0.0:5007", "--listen 127.0.0.1:0",
	)
	t.Run("all", func(t *testing.T) {
		for i, e := range examples() {
			t.Run(e.line, func(t *testing.T) {
				t.Parallel()
				env := []string{"EMOSTREAM_SERVER=" + at.Ready, "EMOSTREAM_PORT=0", "EMOSTREAM_LISTEN=127.0.0.1:0"}
				if e.command == "healthcheck" {
					env = []string{"EMOSTREAM_LISTEN=" + strings.TrimPrefix(at.Ready, "http://")}
				}
				if e.command != "up" && e.command != "" { // up and the bare program run a broker of their own
					env = append(env, "EMOSTREAM_BROKERS="+broker)
				}
				if strings.HasPrefix(e.command, "control ") { // what is paused here must not be so for others
					env = append(env, fmt.Sprintf("EMOSTREAM_TOPIC_PREFIX=example%d.", i))
				}
				if e.group == runGroup && e.command != "topics retain" && e.command != "topics reset-watermark" { // stages must not share topics with the pipeline
					env = append(env, fmt.Sprintf("EMOSTREAM_TOPIC_PREFIX=example%d.", i), fmt.Sprintf("EMOSTREAM_GROUP_PREFIX=example%d.", i))
				}
				e.line = addresses.Replace(e.line)
				e.run(t, env)
			})
		}
	})
}

// run runs an example in a folder of its own, and interrupts it after a while if it has
// not ended. It fails if the example ends badly or could not begin its work.
func (e example) run(t *testing.T, env []string) {
	t.Helper()
	dir := t.TempDir()
	e.provide(t, dir, env)
	shell, line := e.shell(t)
	cmd := exec.Command(shell, "-c", line)
	cmd.Dir = dir
	own := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "EMOSTREAM_") })
	cmd.Env = append(append(own, env...), "HOME="+dir, "XDG_STATE_HOME=", "XDG_CONFIG_HOME=", "TERM=xterm-256color",
		"GITHUB_STEP_SUMMARY=summary.md",
		"EMOSTREAM_ALLOW_INVALID=true") // this machine may be busy with other tests
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: columns})
	if err != nil {
		t.Fatal(err)
	}
	screen := &outputWatcher{want: "", done: func() {}}
	begun := make(chan struct{})
	ended := make(chan error, 1)
	go func() {
		screen.done = func() { close(begun) }
		_, _ = io.Copy(screen, terminal) // fails when the program closes the terminal
		ended <- cmd.Wait()
		_ = terminal.Close()
	}()
	code, interrupted := e.end(t, cmd, terminal, begun, ended)
	said := ansi.Strip(strings.ReplaceAll(screen.String(), "\r\n", "\n"))
	t.Logf("%s\n%s", line, said)
	switch {
	case code == exitOK, interrupted && code == exitInterrupted:
	case code == exitMissed && strings.Contains(line, "--threshold"): // whether it is met depends on the machine
	default:
		t.Errorf("exit code %d (interrupted: %v)\n%s", code, interrupted, said)
	}
	if wrong := regexp.MustCompile(`waiting for kafka|cannot connect|refused|level=ERROR`).FindString(said); wrong != "" {
		t.Errorf("it is not at work: %s\n%s", wrong, said)
	}
}

// end waits until an example ends, by itself or after ctrl+c.
func (e example) end(t *testing.T, cmd *exec.Cmd, terminal io.Writer, begun <-chan struct{}, ended <-chan error) (code int, interrupted bool) {
	t.Helper()
	deadline := time.NewTimer(2 * time.Minute)
	defer deadline.Stop()
	var enough <-chan time.Time
	for {
		select {
		case <-begun:
			begun = nil
			timer := time.NewTimer(e.worthWatching(t))
			defer timer.Stop()
			enough = timer.C
		case <-enough:
			interrupted = true
			if _, err := io.WriteString(terminal, "\x03"); err != nil {
				t.Log(err) // it is about to end
			}
		case err := <-ended:
			// If ctrl+c ends another program of a pipe, that is as good as exit code
			// 130.
			how, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
			if ok && how.Signaled() && how.Signal() == syscall.SIGINT {
				return exitInterrupted, interrupted
			}
			if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
				t.Error(err)
			}
			return cmd.ProcessState.ExitCode(), interrupted
		case <-deadline.C:
			_ = cmd.Process.Kill()
			t.Error("it does not end")
			deadline.Reset(time.Minute)
		}
	}
}

func (e example) worthWatching(t *testing.T) time.Duration {
	t.Helper()
	if e.group == runGroup {
		return 2 * time.Second
	}
	return *exampleTime
}

// shell returns the shell that runs an example (bash, unless it is about another one),
// and the line to run there.
func (e example) shell(t *testing.T) (shell, line string) {
	t.Helper()
	shell, line = "bash", e.line
	for word, other := range map[string]string{"completion zsh": "zsh", "completion fish": "fish", "completion powershell": "pwsh"} {
		if strings.Contains(line, word) {
			shell = other
		}
	}
	if shell == "zsh" {
		line = "autoload -Uz compinit && compinit -u && " + line
	}
	for _, tool := range []string{shell, "curl", "jq"} {
		if _, err := exec.LookPath(tool); err != nil && (tool == shell || strings.Contains(line, tool+" ")) {
			if os.Getenv("CI") != "" && tool != "zsh" && tool != "fish" && tool != "pwsh" {
				t.Fatalf("it needs %s", tool)
			}
			t.Skipf("it needs %s", tool)
		}
	}
	return shell, line
}

// provide writes the files that an example reads: reports of load tests, a scenario,
// reactions, or a key and a token. The run of a report was against the server in env.
func (e example) provide(t *testing.T, dir string, env []string) {
	t.Helper()
	if strings.Contains(e.line, "--scenario load.yaml") {
		if err := os.WriteFile(filepath.Join(dir, "load.yaml"), []byte("listeners: 10\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if (strings.HasPrefix(e.command, "token") || strings.Contains(e.line, "ann.token")) && !strings.Contains(e.line, "keygen") {
		key := filepath.Join(dir, tokenKeyName)
		if err := generateKey(streams{out: io.Discard}, token.Ed25519, key, false); err != nil {
			t.Fatal(err)
		}
		var ann bytes.Buffer
		if code := execute(t.Context(), streams{out: &ann, err: t.Output()}, []string{"token", "new", "--subject", "ann", "--token-key-file", key + ".pem"}); code != exitOK {
			t.Fatalf("exit code %d", code)
		}
		if err := os.WriteFile(filepath.Join(dir, "ann.token"), ann.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range regexp.MustCompile(`[\w-]+\.jsonl?`).FindAllString(e.line, -1) {
		path := filepath.Join(dir, name)
		host := strings.TrimSuffix(name, ".json")
		if e.command == "bench compare" {
			host = "one"
		}
		var err error
		if strings.HasSuffix(name, ".jsonl") {
			err = os.WriteFile(path, []byte(`{"user_id":"ann","emoji_type":"🔥","timestamp":"2026-11-25T09:30:00.000Z"}`+"\n"), 0o600)
		} else if !strings.Contains(e.line, "--out "+name) {
			r := fabricated(host, map[string]int{"overhead": 110, "rate": 10})
			r.Scenario = report.Scenario{}
			server, _ := strings.CutPrefix(env[0], "EMOSTREAM_SERVER=")
			err = errors.Join(r.Scenario.Set("server", server), report.WriteFile(path, r, nil))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// startPipeline runs a pipeline with some traffic until the test ends.
func startPipeline(t *testing.T, exe string) (at addresses) {
	t.Helper()
	start := func(args ...string) *bufio.Reader {
		cmd := exec.Command(exe, args...)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var errs bytes.Buffer
		cmd.Stderr = &errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Signal(os.Interrupt)
			if err := cmd.Wait(); err != nil && cmd.ProcessState.ExitCode() != exitInterrupted {
				t.Errorf("emostream %s: %v\n%s", args[0], err, errs.String())
			}
		})
		return bufio.NewReader(out)
	}
	line, err := start("up", "--port", "0", "--ephemeral", "-o", "json", "--subscribers", "2", "--clusters", "1").ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(line, &at); err != nil {
		t.Fatal(err)
	}
	start("send", "🔥", "--count", "1000000", "--rate", "5", "--quiet", "--server", at.Ready)
	return at
}

// echoService is a service other than Emostream. It sends what is posted to it to all
// its listeners, over Server-Sent Events.
type echoService struct {
	mu        sync.Mutex
	listeners map[chan string]bool
}

func (o *echoService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		event, _ := io.ReadAll(r.Body)
		o.mu.Lock()
		defer o.mu.Unlock()
		for c := range o.listeners {
			select {
			case c <- string(event):
			default: // this listener reads too slowly, which bench reports
			}
		}
		return
	}
	c := make(chan string, 1000)
	o.mu.Lock()
	o.listeners[c] = true
	o.mu.Unlock()
	defer func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		delete(o.listeners, c)
	}()
	w.Header().Set("Content-Type", "text/event-stream")
	_ = http.NewResponseController(w).Flush()
	for {
		select {
		case event := <-c:
			_, _ = fmt.Fprintf(w, "data: %s\n\n", event)
			_ = http.NewResponseController(w).Flush()
		case <-r.Context().Done():
			return
		}
	}
}
