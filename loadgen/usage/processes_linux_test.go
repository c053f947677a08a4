package usage_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/emostream/emostream/loadgen/usage"
)

// A child spends and holds as much as it is told, each time it is told, and answers with
// what the system says of it.
type (
	order struct {
		Spend       time.Duration
		Memory      int
		Descriptors int
		Child       bool // a child of its own does it, and ends
	}
	answer struct {
		Spent       time.Duration // with children that have ended
		RSS         int64
		Descriptors int64
	}
)

const asChild = "spend"

func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == asChild {
		serve(os.Stdin, os.Stdout)
		return
	}
	os.Exit(m.Run())
}

func serve(in io.Reader, out io.Writer) {
	var held [][]byte
	var files []*os.File
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	for orders, answers := json.NewDecoder(in), json.NewEncoder(out); ; {
		var o order
		if orders.Decode(&o) != nil {
			return
		}
		if o.Child {
			own := o
			own.Child = false
			text, err := json.Marshal(own)
			must(err)
			cmd := exec.Command(os.Args[0], asChild)
			cmd.Stdin = strings.NewReader(string(text))
			must(cmd.Run())
		} else {
			n := 0
			for until := spent(syscall.RUSAGE_SELF) + o.Spend; spent(syscall.RUSAGE_SELF) < until; {
				n++
			}
			b := make([]byte, o.Memory)
			for i := range b {
				b[i] = byte(i)
			}
			held = append(held, b)
			for range o.Descriptors {
				f, err := os.Open(os.DevNull)
				must(err)
				files = append(files, f)
			}
		}
		must(answers.Encode(ask()))
		runtime.KeepAlive(held)
		runtime.KeepAlive(files)
	}
}

func spent(who int) time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(who, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// ask returns what the system says of this process to itself.
func ask() answer {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		panic(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(statm))[1], 10, 64)
	if err != nil {
		panic(err)
	}
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		panic(err)
	}
	return answer{
		Spent: spent(syscall.RUSAGE_SELF) + spent(syscall.RUSAGE_CHILDREN), RSS: pages * int64(os.Getpagesize()),
		Descriptors: int64(len(files)) - 1, // without that of the list itself
	}
}

type child struct {
	t   *testing.T
	pid int
	in  *json.Encoder
	out *json.Decoder
	end func()
}

func startChild(t *testing.T) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0], asChild)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end := func() {
		_ = in.Close()
		_ = cmd.Wait()
	}
	t.Cleanup(end)
	return &child{t, cmd.Process.Pid, json.NewEncoder(in), json.NewDecoder(bufio.NewReader(out)), end}
}

func (c *child) do(o order) (a answer) {
	c.t.Helper()
	if err := c.in.Encode(o); err != nil {
		c.t.Fatal(err)
	}
	if err := c.out.Decode(&a); err != nil {
		c.t.Fatal(err)
	}
	return a
}

func find(t *testing.T, s usage.Selection) *usage.Processes {
	t.Helper()
	p, err := usage.Find(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func read(t *testing.T, p *usage.Processes) usage.Usage {
	t.Helper()
	u, err := p.Read(true)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// near fails the test unless two figures differ by at most 5 % or by as much as is given.
func near[T ~int64](t *testing.T, what string, got, want, least T) {
	t.Helper()
	if d := max(got-want, want-got); d > max(want/20, least) {
		t.Errorf("%s is %d, and the process says %d", what, got, want)
	}
}

// rounding is how much processor time may be missing, since /proc tells it in hundredths
// of a second, for user and system apart, of the process and of its children.
const rounding = 40 * time.Millisecond

// What is measured is what the system tells the process itself, and what it spent before
// does not count.
func TestUsageIsWhatTheProcessSays(t *testing.T) {
	c := startChild(t)
	c.do(order{Spend: 300 * time.Millisecond})
	p := find(t, usage.Selection{PIDs: []int{c.pid}})
	before := c.do(order{})
	if u := read(t, p); u.User+u.System > rounding {
		t.Errorf("before anything is done, %v were spent", u.User+u.System)
	}
	after := c.do(order{Spend: time.Second, Memory: 64 << 20, Descriptors: 50})
	u := read(t, p)
	near(t, "processor time", u.User+u.System, after.Spent-before.Spent, rounding)
	near(t, "memory", *u.RSS, after.RSS, 4<<20)
	near(t, "memory, shared in proportion,", *u.PSS, after.RSS, 8<<20)
	if *u.Descriptors != after.Descriptors || after.Descriptors < before.Descriptors+50 {
		t.Errorf("%d descriptors are open, and the process says %d", *u.Descriptors, after.Descriptors)
	}
	c.end()
	u = read(t, p)
	near(t, "processor time of one that has ended", u.User+u.System, after.Spent-before.Spent, rounding)
	if u.RSS != nil || u.PSS != nil || u.Descriptors != nil {
		t.Error("a process that has ended holds something")
	}
	if all := p.All(); len(all) != 1 || !all[0].Ended || all[0].PID != c.pid {
		t.Errorf("it has ended, and %v is said", all)
	}
}

// Children count with their parent, also those that have ended.
func TestUsageOfChildren(t *testing.T) {
	c := startChild(t)
	p := find(t, usage.Selection{PIDs: []int{c.pid}})
	before := c.do(order{})
	after := c.do(order{Child: true, Spend: 500 * time.Millisecond})
	u := read(t, p)
	near(t, "processor time", u.User+u.System, after.Spent-before.Spent, rounding)
	if spent := after.Spent - before.Spent; spent < 500*time.Millisecond {
		t.Errorf("the child spent %v", spent)
	}
}

// A command chooses all its processes, also those that start later, but not the load test.
func TestUsageByCommand(t *testing.T) {
	first := startChild(t)
	name := strings.TrimSuffix(os.Args[0][strings.LastIndex(os.Args[0], "/")+1:], "/")
	p := find(t, usage.Selection{Commands: []string{name}})
	second := startChild(t)
	second.do(order{})
	read(t, p)
	var pids []int
	for _, one := range p.All() {
		pids = append(pids, one.PID)
	}
	if want := []int{first.pid, second.pid}; fmt.Sprint(pids) != fmt.Sprint(want) {
		t.Errorf("%v are measured, want %v", pids, want)
	}
}

func TestUsageOfNothing(t *testing.T) {
	ended := startChild(t)
	ended.end()
	for name, tt := range map[string]struct {
		selection usage.Selection
		says      string
	}{
		"a pid that is none":   {usage.Selection{PIDs: []int{ended.pid}}, "no process has the pid"},
		"this process":         {usage.Selection{PIDs: []int{os.Getpid()}}, "is this load test itself"},
		"what started it":      {usage.Selection{PIDs: []int{os.Getppid()}}, "has started this load test"},
		"a command of nothing": {usage.Selection{Commands: []string{"no-such-command"}}, "no process has the command"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := usage.Find(tt.selection); err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("it says %v, want %q", err, tt.says)
			}
		})
	}
}
