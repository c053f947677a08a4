package hostile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/proof/kafkatest"
	"github.com/emostream/emostream/internal/proof/process"
	"github.com/emostream/emostream/internal/sleep"
)

// The installations that can be attacked.
const (
	Up     = "up"     // all in one process
	Stages = "stages" // a process for each stage
)

const (
	readyTimeout = 30 * time.Second
	stopTimeout  = 15 * time.Second
)

// installation is the processes that are attacked.
type installation struct {
	Target
	program string
	dir     string
	parts   []part
}

// part is a process of an installation.
type part struct {
	name    string
	log     string // path of what it logs
	process *process.Process
}

// out is the path of what the process prints.
func (p part) out() string { return strings.TrimSuffix(p.log, ".log") + ".out" }

// install starts an installation, and returns when it is ready. The caller must stop it,
// also after an error.
func install(ctx context.Context, program, kind, dir string, network Network) (*installation, error) {
	ports, err := kafkatest.FreePorts(ctx, 9)
	if err != nil {
		return &installation{}, err
	}
	addr := func(port int) string { return netip.AddrPortFrom(network.Server(), uint16(port)).String() }
	in := &installation{program: program, dir: dir, Target: Target{Broker: addr(ports[0]), Main: addr(ports[1]), Metrics: []string{addr(ports[2])}}}
	var proxies []string
	if network.Forwarded {
		proxies = []string{"--trusted-proxies", network.Server().String()}
	}
	const capacity = "4000" // together fewer listeners than an attacker can open connections
	if kind == Up {
		err := in.start(ctx, "up", append(proxies, "-o", "json", "--host", network.Server().String(), "--port", "0", "--subscribers", "2", "--clusters", "2",
			"--broker-listen", in.Broker, "--metrics-listen", in.Metrics[0], "--capacity", capacity, "--data-dir", filepath.Join(dir, "data"))...)
		if err == nil {
			err = in.readAddresses(ctx)
		}
		return in, err
	}
	errs := []error{
		in.start(ctx, "broker", "--listen", in.Broker, "--data-dir", filepath.Join(dir, "data")),
		in.start(ctx, "serve", append(proxies, "--brokers", in.Broker, "--listen", in.Main, "--metrics-listen", in.Metrics[0])...),
		in.start(ctx, "aggregate", "--brokers", in.Broker),
		in.start(ctx, "publish", "--brokers", in.Broker),
	}
	for i := range 2 {
		listen, metrics := addr(ports[3+2*i]), addr(ports[4+2*i])
		in.Subscribers, in.Metrics = append(in.Subscribers, listen), append(in.Metrics, metrics)
		errs = append(errs, in.start(ctx, "subscribe", append(proxies, "--brokers", in.Broker, "--name", fmt.Sprint("sub", i+1), "--cluster", fmt.Sprint("cluster_", i+1),
			"--listen", listen, "--metrics-listen", metrics, "--capacity", capacity)...))
	}
	return in, errors.Join(append(errs, in.waitReady(ctx))...)
}

// readAddresses waits until up is ready, and reads where its servers are.
func (in *installation) readAddresses(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	var said struct {
		Ready       string
		Subscribers []struct{ URL string }
	}
	for {
		line, err := os.ReadFile(in.parts[0].out())
		if err == nil && json.Unmarshal(line, &said) == nil {
			break
		}
		if err := in.ended(); err != nil {
			return err
		}
		if sleep.For(ctx, 50*time.Millisecond) != nil {
			return errors.New("up does not become ready")
		}
	}
	in.Main = strings.TrimPrefix(said.Ready, "http://")
	for _, s := range said.Subscribers {
		in.Subscribers = append(in.Subscribers, strings.TrimPrefix(s.URL, "http://"))
	}
	return nil
}

// start starts a command of the program.
func (in *installation) start(ctx context.Context, command string, args ...string) error {
	p := part{name: command}
	for _, other := range in.parts {
		if other.name == command {
			p.name = command + "-2"
		}
	}
	p.log = filepath.Join(in.dir, p.name+".log")
	log, err := os.Create(p.log)
	if err != nil {
		return err
	}
	defer log.Close()
	out, err := os.Create(p.out())
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.CommandContext(context.WithoutCancel(ctx), in.program, append([]string{command, "--log-level", "info"}, args...)...)
	cmd.Stdout, cmd.Stderr = out, log
	if p.process, err = process.Start(cmd); err != nil {
		return fmt.Errorf("start %s: %w", command, err)
	}
	in.parts = append(in.parts, p)
	return nil
}

// waitReady waits until every server says that it is ready.
func (in *installation) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for _, server := range append([]string{in.Main}, in.Subscribers...) {
		for {
			err := process.Ready(ctx, "http://"+server)
			if err == nil {
				break
			}
			if ended := in.ended(); ended != nil {
				return ended
			}
			if sleep.For(ctx, 50*time.Millisecond) != nil {
				return fmt.Errorf("%s is not ready: %w", server, err)
			}
		}
	}
	return nil
}

// ended returns an error that names a process that has ended by itself; nil: none has.
func (in *installation) ended() error {
	for _, p := range in.parts {
		if !p.process.Running() {
			return fmt.Errorf("%s ended by itself (%w), saying at last: %s", p.name, p.process.Err(), lastLine(p.log))
		}
	}
	return nil
}

// lastLine returns the last line of a file, or the end of it.
func lastLine(path string) []byte {
	const most = 500
	b, err := os.ReadFile(path)
	if err != nil {
		return []byte(err.Error())
	}
	b = bytes.TrimSpace(b)
	b = b[bytes.LastIndexByte(b, '\n')+1:]
	return b[max(0, len(b)-most):]
}

// peak returns the greatest memory that any of the processes has had, in bytes, and its
// name.
func (in *installation) peak() (name string, most int64) {
	for _, p := range in.parts {
		b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.process.ID()), "status"))
		_, rest, ok := bytes.Cut(b, []byte("VmHWM:"))
		var kib int64
		if _, scan := fmt.Sscan(string(rest), &kib); err != nil || !ok || scan != nil {
			continue // it has ended, or the system is not Linux
		}
		if kib<<10 > most {
			name, most = p.name, kib<<10
		}
	}
	return name, most
}

// used returns how much time of processors all processes have used so far. Where the
// system is not Linux it returns 0.
func (in *installation) used() time.Duration {
	const (
		afterName    = ") "
		userAt       = 11                    // among the fields after the name
		tickDuration = 10 * time.Millisecond // of the times in /proc
	)
	var sum time.Duration
	for _, p := range in.parts {
		b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.process.ID()), "stat"))
		fields := strings.Fields(string(b[bytes.LastIndex(b, []byte(afterName))+1:]))
		if err != nil || len(fields) <= userAt+1 {
			continue // it has ended
		}
		for _, ticks := range fields[userAt : userAt+2] { // of the program, and of the system for it
			n, _ := strconv.ParseInt(ticks, 10, 64) // they are numbers
			sum += time.Duration(n) * tickDuration
		}
	}
	return sum
}

// verify compares the log with the counts.
func (in *installation) verify(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, in.program, "consume", "--verify", "--brokers", in.Broker, "--wait", "20s").CombinedOutput()
	if err != nil {
		return fmt.Errorf("consume --verify: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// stop stops all processes.
func (in *installation) stop() {
	for _, p := range in.parts {
		_ = p.process.Kill() // it is gone then, or was before
	}
}
