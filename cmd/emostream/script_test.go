package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/proof/contract"
	"github.com/emostream/emostream/internal/proof/parallel"
	"github.com/emostream/emostream/internal/stream"
)

func TestMain(m *testing.M) {
	testscript.Main(hermetic{m}, map[string]func(){
		"emostream": func() { os.Exit(run(contract.Process(os.Getenv(contract.Variable)))) }, "breakdown": func() { os.Exit(breakdown()) },
		"latechild": func() { os.Exit(lateChild()) }, "stoppedfirst": func() { os.Exit(interruptedAtFirst()) },
	})
}

// hermetic runs the tests without the settings file of the user who runs them.
type hermetic struct{ *testing.M }

func (h hermetic) Run() int {
	_ = os.Setenv("EMOSTREAM_CONFIG", "")
	_ = os.Setenv("GORACE", raceOptions)
	parallel.AtLeast(4)
	return contract.Processes(os.Stderr, h.M.Run)
}

// raceOptions lets programs with the race detector end at once. By default the detector
// makes them wait for a second.
const raceOptions = "atexit_sleep_ms=20"

// TestScripts runs the scripts in testdata/script, which are what a user types and
// sees.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"up":          startUp,
			"down":        stopUp,
			"exit":        exitCode,
			"eventually":  eventually,
			"interrupted": interrupted,
			"hold":        hold,
			"get":         get,
			"invites":     invites,
			"first":       firstLine,
			"lines":       jsonLines,
			"records":     records,
			"plant":       plant,
			"report":      fabricateReport,
			"certificate": writeCertificate,
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("GORACE", raceOptions)
			env.Setenv(contract.Variable, os.Getenv(contract.Variable))
			env.Setenv("XDG_STATE_HOME", filepath.Join(env.WorkDir, "state"))
			env.Values[ending{}] = new(func())
			return nil
		},
	})
}

// ending is the key of a script's function that stops its pipeline.
type ending struct{}

// startUp runs `emostream up ARG...` on free ports, in the background, with its log in
// up.log. It sets $SERVER to the URL of the main server, $MAINPORT to its port and, with -o
// json, $BROKER, $METRICS, $PAGE and $SUBSCRIBER, the URL of the first subscriber server. At the end of the script, or at down, the pipeline is interrupted and must
// exit well.
func startUp(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: up [ARG...]")
	}
	exe, err := exec.LookPath("emostream") // this test's program, which testscript puts first on the PATH
	ts.Check(err)
	cmd := exec.Command(exe, append([]string{"up", "--port", "0"}, args...)...)
	cmd.Dir = ts.Getenv("WORK")
	cmd.Env = append(os.Environ(), "HOME="+ts.Getenv("HOME"), "XDG_STATE_HOME="+ts.Getenv("XDG_STATE_HOME"))
	log, err := os.Create(ts.MkAbs("up.log"))
	ts.Check(err)
	cmd.Stderr = log
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	end := sync.OnceFunc(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		if err := cmd.Wait(); err != nil {
			ts.Fatalf("up ended with %v:\n%s", err, ts.ReadFile("up.log"))
		}
		ts.Check(log.Close())
	})
	ts.Defer(end)
	*ts.Value(ending{}).(*func()) = end
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		ts.Fatalf("up said nothing: %v\n%s", err, ts.ReadFile("up.log"))
	}
	var at addresses
	if url, ok := strings.CutPrefix(strings.TrimSpace(line), "ready "); ok {
		at.Ready = url
	} else if err := json.Unmarshal([]byte(line), &at); err != nil {
		ts.Fatalf("up said %q", line)
	}
	ts.Setenv("SERVER", at.Ready)
	ts.Setenv("METRICS", at.Metrics)
	ts.Setenv("PAGE", at.Page)
	ts.Setenv("MAINPORT", at.Ready[strings.LastIndex(at.Ready, ":")+1:])
	if len(at.Subscribers) > 0 {
		ts.Setenv("SUBSCRIBER", at.Subscribers[0].URL)
	}
	ts.Setenv("BROKER", strings.Join(at.Brokers, ","))
}

// stopUp interrupts the pipeline and waits until it has exited well.
func stopUp(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: down")
	}
	(*ts.Value(ending{}).(*func()))()
}

// exitCode runs a command that must end with a certain exit code, as in `exit 2
// emostream up --port x`.
func exitCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exit CODE COMMAND [ARG...]")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		code = failed.ExitCode()
	} else {
		ts.Check(err)
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("%s ended with %d, want %s", strings.Join(args[1:], " "), code, args[0])
	}
}

// eventually runs a command again and again until it exits well, as in `eventually
// emostream bench --find-max`. It is for load tests that fail while the machine is
// busy.
func eventually(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: eventually COMMAND [ARG...]")
	}
	for began := time.Now(); ; {
		err := ts.Exec(args[0], args[1:]...)
		if err == nil {
			return
		}
		if time.Since(began) > time.Minute {
			ts.Fatalf("%s: %v", strings.Join(args, " "), err)
		}
	}
}

// hold occupies a free port until the script ends, and sets $PORT to it.
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

// writeCertificate writes a certificate for this machine that signs itself, and its key, as
// in `certificate cert.pem key.pem`.
func writeCertificate(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: certificate CERT KEY")
	}
	cert, key, err := newCertificate()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(cert), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(key), 0o600))
}

// get prints the body of the answer to a GET request.
func get(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: get URL")
	}
	res, err := http.Get(args[0])
	ts.Check(err)
	defer res.Body.Close()
	_, err = io.Copy(ts.Stdout(), res.Body)
	ts.Check(err)
}

// invites checks that a server lets pages of an origin read its answers, as in `invites
// http://127.0.0.1:5001 http://localhost:5000`.
func invites(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] invites URL ORIGIN")
	}
	r, err := http.NewRequest(http.MethodGet, args[0]+"/healthz", nil)
	ts.Check(err)
	r.Header.Set("Origin", args[1])
	res, err := http.DefaultClient.Do(r)
	ts.Check(err)
	_ = res.Body.Close()
	if allowed := res.Header.Get("Access-Control-Allow-Origin"); (allowed == args[1]) == neg {
		ts.Fatalf("%s allows %q", args[0], allowed)
	}
}

// firstLine checks the first line of a file, as in `first up.log '^Open http:'`.
func firstLine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: first FILE PATTERN")
	}
	line, _, _ := strings.Cut(ts.ReadFile(args[0]), "\n")
	if matched, err := regexp.MatchString(args[1], line); err != nil || !matched {
		ts.Fatalf("the first line of %s is %q: %v", args[0], line, err)
	}
}

// jsonLines checks that every line of a file is a JSON object with certain keys, as in
// `lines up.log time level msg`. With ! the file must be empty.
func jsonLines(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: [!] lines FILE [KEY...]")
	}
	text := strings.TrimSpace(ts.ReadFile(args[0]))
	if (text == "") != neg {
		ts.Fatalf("%s holds %q", args[0], text)
	}
	for line := range strings.Lines(text) {
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil {
			ts.Fatalf("%s: %v: %s", args[0], err, line)
		}
		for _, key := range args[1:] {
			if object[key] == nil {
				ts.Fatalf("%s has a line without %s: %s", args[0], key, line)
			}
		}
	}
}

// records checks how many records a topic of $BROKER has, as in `records emoji-topic
// 5`.
func records(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: records TOPIC COUNT")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := kafka.Open(kafka.Config{Brokers: []string{ts.Getenv("BROKER")}})
	ts.Check(err)
	defer c.Close()
	partitions, err := c.Partitions(ctx, args[0])
	ts.Check(err)
	n := int64(0)
	for p := range partitions {
		start, end, err := c.Offsets(ctx, args[0], p)
		ts.Check(err)
		n += end - start
	}
	if fmt.Sprint(n) != args[1] {
		ts.Fatalf("%s holds %d records, want %s", args[0], n, args[1])
	}
}

// plant appends each line of a file to a topic of $BROKER as a record, as in `plant
// emoji-aggregated bogus`.
func plant(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: plant TOPIC FILE")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c, err := kafka.Open(kafka.Config{Brokers: []string{ts.Getenv("BROKER")}})
	ts.Check(err)
	defer c.Close()
	for line := range strings.Lines(ts.ReadFile(args[1])) {
		r := stream.Record{Time: time.Now().UnixMilli(), Value: []byte(strings.TrimSpace(line))}
		ts.Check(c.Writer(args[0]).Write(ctx, 0, []stream.Record{r}))
	}
}

// interrupted runs a command, interrupts it after its first output on stderr, and
// checks its exit code, as in `interrupted 130 emostream watch -n 1`.
func interrupted(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: interrupted CODE COMMAND [ARG...]")
	}
	exe, err := exec.LookPath(args[1])
	ts.Check(err)
	cmd := exec.Command(exe, args[2:]...)
	cmd.Dir = ts.Getenv("WORK")
	said, err := cmd.StderrPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	_, err = said.Read(make([]byte, 1))
	ts.Check(err)
	ts.Check(cmd.Process.Signal(os.Interrupt))
	_, err = io.Copy(io.Discard, said)
	ts.Check(err)
	_ = cmd.Wait() // its exit code is checked below
	if code := cmd.ProcessState.ExitCode(); fmt.Sprint(code) != args[0] {
		ts.Fatalf("%s ended with %d, want %s", strings.Join(args[1:], " "), code, args[0])
	}
}
