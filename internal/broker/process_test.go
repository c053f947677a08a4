package broker_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/broker"
	"github.com/emostream/emostream/internal/proof/parallel"
)

// testTimeout is how long a test waits for anything.
const testTimeout = time.Minute

// asBroker is the first argument of the test binary if it must run as a broker. The
// data folder, the address and the retention follow.
const asBroker = "broker"

func TestMain(m *testing.M) {
	if len(os.Args) == 5 && os.Args[1] == asBroker {
		os.Exit(runBroker(os.Args[2], os.Args[3], os.Args[4]))
	}
	parallel.AtLeast(4) // the tests mostly wait for processes and sessions
	os.Exit(m.Run())
}

// runBroker runs a broker until the process is killed or its stdin ends.
func runBroker(dir, listen, retention string) int {
	d, err := time.ParseDuration(retention)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	b, err := broker.Open(broker.Config{Listen: listen, DataDir: dir, Retention: d, Housekeeping: 20 * time.Millisecond, Consumers: kept})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("ready", b.Addr())
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	if err := b.Run(ctx); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// process is a broker in a process of its own.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.Closer
	addr  string
}

// spawn starts a broker process on a data folder. A retention of 0 is the default.
func spawn(t *testing.T, dir, listen string, retention time.Duration) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0], asBroker, dir, listen, retention.String())
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=20") // otherwise the race detector delays its end by a second
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: cmd, stdin: stdin}
	t.Cleanup(p.kill)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	addr, ready := strings.CutPrefix(strings.TrimSpace(line), "ready ")
	if !ready {
		t.Fatalf("the broker's process says %q, %v", line, err)
	}
	p.addr = addr
	return p
}

// kill kills the process.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// stop ends the process in order.
func (p *process) stop() {
	p.t.Helper()
	_ = p.stdin.Close()
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("the broker's process: %v", err)
	}
}
