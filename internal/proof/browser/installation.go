package browser

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/proof/parallel"
	"github.com/emostream/emostream/internal/proof/process"
	"github.com/emostream/emostream/internal/sleep"
)

// built is the program under test, which is built once for all tests.
type built struct {
	once   sync.Once
	folder string
	err    error
}

//nolint:gochecknoglobals // one program for the whole process, whoever in it asks
var program built

// Program returns the path of an emostream of this source.
func Program(tb testing.TB) string {
	tb.Helper()
	program.once.Do(func() {
		if program.folder, program.err = os.MkdirTemp("", "emostream-browser-program-"); program.err != nil { //nolint:usetesting // it outlasts the test that is first
			return
		}
		build := exec.Command("go", "build", "-o", program.path(), "github.com/emostream/emostream/cmd/emostream") //nolint:noctx // it ends by itself
		if out, err := build.CombinedOutput(); err != nil {
			program.err = fmt.Errorf("%w:\n%s", err, out)
		}
	})
	if program.err != nil {
		tb.Fatal(program.err)
	}
	return program.path()
}

func (b *built) path() string { return filepath.Join(b.folder, "emostream") }

func (b *built) remove() {
	if b.folder != "" {
		_ = os.RemoveAll(b.folder)
	}
}

// Process is a running emostream, which can be killed, stopped and started again with the same arguments.
type Process struct {
	tb      testing.TB
	args    []string
	folder  string // of its output
	running *process.Process
}

// Start runs emostream with args until the test ends.
func Start(tb testing.TB, args ...string) *Process {
	tb.Helper()
	p := &Process{tb: tb, args: args, folder: tb.TempDir()}
	p.Start()
	tb.Cleanup(func() {
		_ = p.running.Kill()
		if tb.Failed() {
			tb.Logf("emostream %s said:\n%s", strings.Join(args, " "), process.Tail(p.read("err")))
		}
	})
	return p
}

// Start starts the process again, which must have ended.
func (p *Process) Start() {
	p.tb.Helper()
	cmd := exec.Command(Program(p.tb), p.args...) //nolint:noctx // it is killed when the test ends
	cmd.Env = append(os.Environ(), "EMOSTREAM_CONFIG=")
	var files []*os.File
	for _, name := range []string{"out", "err"} {
		f, err := os.OpenFile(filepath.Join(p.folder, name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			p.tb.Fatal(err)
		}
		defer f.Close()
		files = append(files, f)
	}
	cmd.Stdout, cmd.Stderr = files[0], files[1]
	var err error
	if p.running, err = process.Start(cmd); err != nil {
		p.tb.Fatal(err)
	}
}

// Kill ends the process at once, as kill -9 does.
func (p *Process) Kill() {
	p.tb.Helper()
	if err := p.running.Kill(); err != nil {
		p.tb.Fatal(err)
	}
}

// Stop asks the process to end in order, which a subscriber server does by saying farewell to its listeners, and waits
// until it has.
func (p *Process) Stop() {
	p.tb.Helper()
	if err := p.running.Terminate(); err != nil {
		p.tb.Fatal(err)
	}
	select {
	case <-p.running.Exited():
	case <-time.After(MaxWait):
		p.tb.Fatalf("emostream %s does not stop", p.args[0])
	}
}

// Pause lets the process stand still with its connections open. What it returns lets it go on.
func (p *Process) Pause() (resume func()) {
	p.tb.Helper()
	if err := p.running.Pause(); err != nil {
		p.tb.Fatal(err)
	}
	return func() {
		if err := p.running.Resume(); err != nil {
			p.tb.Error(err)
		}
	}
}

func (p *Process) read(name string) string {
	said, err := os.ReadFile(filepath.Join(p.folder, name))
	if err != nil {
		return err.Error()
	}
	return string(said)
}

// line waits for the first line of the process's stdout.
func (p *Process) line() (first string) {
	p.tb.Helper()
	Wait(p.tb, "emostream "+p.args[0]+" prints a line", func() error {
		line, _, whole := strings.Cut(p.read("out"), "\n")
		if whole {
			first = line
			return nil
		}
		if !p.running.Running() {
			p.tb.Fatalf("emostream %s has ended: %v", p.args[0], p.running.Err())
		}
		return fmt.Errorf("it says %q", line)
	})
	return first
}

// Installation is a running pipeline.
type Installation struct {
	tb          testing.TB
	Page        string              // address of the server that has the pages, without a slash at the end
	Subscribers map[string]string   // addresses of subscriber servers by name
	Process     map[string]*Process // of Up: up; of Stages: broker, serve, aggregate, publish, sub1 …
}

// Up runs emostream up, with more flags, on free ports and in memory.
func Up(tb testing.TB, more ...string) *Installation {
	tb.Helper()
	p := Start(tb, append([]string{"up", "--port", "0", "-o", "json", "--ephemeral"}, more...)...)
	var said struct {
		Ready       string
		Subscribers []struct{ Name, URL string }
	}
	if line := p.line(); json.Unmarshal([]byte(line), &said) != nil {
		tb.Fatalf("up says %q", line)
	}
	in := &Installation{tb: tb, Page: said.Ready, Subscribers: map[string]string{}, Process: map[string]*Process{"up": p}}
	for _, s := range said.Subscribers {
		in.Subscribers[s.Name] = s.URL
	}
	return in
}

// Config is what an installation of Stages is started with.
type Config struct {
	Subscribers int      // how many; default 2
	Serve       []string // flags of serve
	Aggregate   []string // flags of aggregate
}

// Stages runs a broker, serve --web, aggregate, publish and subscriber servers, each as a process of its own that can be
// killed. Its servers keep their addresses when they are started again. The subscriber servers invite the page.
func Stages(tb testing.TB, c Config) *Installation {
	tb.Helper()
	if c.Subscribers == 0 {
		c.Subscribers = 2
	}
	address := func() string {
		return net.JoinHostPort("127.0.0.1", strconv.Itoa(parallel.Ports(tb, 1)))
	}
	broker, main := address(), address()
	in := &Installation{tb: tb, Page: "http://" + main, Subscribers: map[string]string{}, Process: map[string]*Process{}}
	in.Process["broker"] = Start(tb, "broker", "--listen", broker, "--data-dir", tb.TempDir())
	run := func(name string, args ...string) {
		in.Process[name] = Start(tb, append(args, "--brokers", broker)...)
	}
	run("serve", append([]string{"serve", "--web", "--listen", main}, c.Serve...)...)
	run("aggregate", append([]string{"aggregate"}, c.Aggregate...)...)
	run("publish", "publish")
	for i := range c.Subscribers {
		name, listen := fmt.Sprintf("sub%d", i+1), address()
		in.Subscribers[name] = "http://" + listen
		run(name, "subscribe", "--name", name, "--listen", listen, "--cors-origin", in.Page)
	}
	in.Ready()
	return in
}

// Ready waits until all servers that run are ready.
func (in *Installation) Ready() {
	in.tb.Helper()
	urls := []string{in.Page}
	for name, url := range in.Subscribers {
		if p := in.Process[name]; p != nil && p.running.Running() {
			urls = append(urls, url)
		}
	}
	for _, url := range urls {
		Wait(in.tb, url+" is ready", func() error { return process.Ready(in.tb.Context(), url) })
	}
}

// Wait calls check again and again until it returns nil. After MaxWait the test fails; what names what was waited for.
func Wait(tb testing.TB, what string, check func() error) {
	tb.Helper()
	const pause = 30 * time.Millisecond
	for deadline := time.Now().Add(MaxWait); ; {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatalf("%s: %v", what, err)
		}
		if sleep.For(tb.Context(), pause) != nil {
			tb.Fatalf("%s: %v", what, err)
		}
	}
}
