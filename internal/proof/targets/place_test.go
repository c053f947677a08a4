package targets_test

import (
	"context"
	"crypto/tls"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/proof/kafkatest"
	"github.com/emostream/emostream/internal/proof/process"
)

// patience is how long a server may take to start on a busy machine.
const patience = time.Minute

// build builds the program that is tested, and returns its path.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "emostream")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "github.com/emostream/emostream/cmd/emostream").CombinedOutput(); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	return program
}

// place is where a target runs: a folder and a port of its own.
type place struct {
	t            *testing.T
	dir, program string
	port, behind string // what is behind has a port, too
	config       string // path of the target's settings
}

func newPlace(t *testing.T, program string) *place {
	t.Helper()
	ports, err := kafkatest.FreePorts(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	return &place{t: t, dir: t.TempDir(), program: program, port: strconv.Itoa(ports[0]), behind: strconv.Itoa(ports[1])}
}

// fill replaces the words in capitals of a setting, an argument or a file.
func (p *place) fill(s string) string {
	return strings.NewReplacer("DIR", p.dir, "CONFIG", p.config, "PORT", p.port, "BEHIND", p.behind, "KEY", key, "PROGRAM", p.program,
		"PYTHON", filepath.Join(*tools, "python/bin/python"), "NODE", filepath.Join(*tools, "node"), "TOOLS", filepath.Join(*tools, "go")).Replace(s)
}

// startAll starts a target, and first the one behind it.
func (p *place) startAll(of target) {
	p.t.Helper()
	if of.behind != "" {
		all := targets()
		behind := all[slices.IndexFunc(all, func(t target) bool { return t.name == of.behind })]
		at := &place{t: p.t, dir: p.t.TempDir(), program: p.program, port: p.behind}
		at.start(behind)
	}
	p.start(of)
}

// start runs a target until the test ends, and waits until it listens.
func (p *place) start(of target) {
	p.t.Helper()
	if of.config != "" {
		p.config = filepath.Join(p.dir, of.config)
		p.write(of.config, p.fill(p.read("testdata/settings/"+of.config)))
	}
	p.write("app.py", p.read("testdata/python/app.py"))
	var command []string
	for _, arg := range of.command {
		command = append(command, p.fill(arg))
	}
	if path, err := exec.LookPath("/usr/sbin/" + command[0]); err == nil { // daemons are in a folder that is not in everybody's PATH
		command[0] = path
	}
	log, err := os.Create(filepath.Join(p.dir, "log"))
	if err != nil {
		p.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.CommandContext(context.WithoutCancel(p.t.Context()), command[0], command[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.dir, log, log
	cmd.Env = append(os.Environ(), "EMOSTREAM_CONFIG=", "HOME="+p.dir, "PYTHONDONTWRITEBYTECODE=1")
	running, err := process.Start(cmd)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		if err := running.Terminate(); err == nil { // gunicorn ends its workers
			select {
			case <-running.Exited():
			case <-time.After(patience):
			}
		}
		if err := running.Kill(); err != nil {
			p.t.Error(err)
		}
		if p.t.Failed() {
			p.t.Logf("%s said:\n%s", of.name, p.read(log.Name()))
		}
	})
	p.await(running, of)
}

// await waits until a target can be loaded.
func (p *place) await(running *process.Process, of target) {
	p.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		if !running.Running() {
			p.t.Fatalf("%s has ended: %v", of.name, running.Err())
		}
		if p.ready(of) == nil {
			return
		}
	}
	p.t.Fatalf("%s is not ready: %v", of.name, p.ready(of))
}

// ready returns why a target cannot be loaded yet. Those of others listen when they can.
func (p *place) ready(of target) error {
	if of.bench[0] == "--server" {
		return process.Ready(p.t.Context(), "http://127.0.0.1:"+p.port)
	}
	address := "127.0.0.1:" + p.port
	if i := slices.Index(of.bench, "--cacert"); i >= 0 {
		if _, err := os.Stat(p.fill(of.bench[i+1])); err != nil {
			return err
		}
		conn, err := tls.Dial("tcp", address, &tls.Config{ServerName: "localhost", InsecureSkipVerify: true}) // the server makes its certificate when it has started
		if err != nil {
			return err
		}
		return conn.Close()
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}

// bench loads the target. Its report is shown if a condition is missed.
func (p *place) bench(args, of []string) {
	p.t.Helper()
	for _, arg := range of {
		args = append(args, p.fill(arg))
	}
	for _, c := range conditions() {
		args = append(args, "--threshold", c)
	}
	cmd := exec.CommandContext(p.t.Context(), p.program, args...)
	cmd.Env = append(os.Environ(), "EMOSTREAM_CONFIG=", "TOKEN="+token(claims))
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.t.Errorf("%v: %v\n%s", args, err, out)
	}
	p.t.Log(summary(string(out)))
}

// summary returns the lines of a report that tell what became of the events.
func summary(report string) string {
	var found []string
	for line := range strings.Lines(report) {
		if words := strings.Fields(line); len(words) > 1 && slices.Contains([]string{"sent", "accepted", "in", "counted", "lost", "doubled", "ack"}, words[0]) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return strings.Join(found, "; ")
}

func (p *place) read(path string) string {
	p.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

func (p *place) write(name, text string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}
