package e2e_test

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// TestOverload offers a main server more than it can take, and prints what became of
// it. It asserts nothing. In the first part the log is the bottleneck: its broker is
// behind a slow line, so that many times what it takes can be offered. In the second
// part the processor is. To read and refuse a request costs about half as much as to
// take it, so at some multiple no processor time is left for the requests that could be
// taken.
func TestOverload(t *testing.T) {
	if *duration <= 0 {
		t.Skip("a benchmark: make bench-overload")
	}
	const connections = 1024
	t.Run("the log is slow", func(t *testing.T) {
		url, pid := overloaded(t, 200<<10, nil)
		overload(t, url, pid, connections, *duration)
	})
	t.Run("the processor is busy", func(t *testing.T) {
		taskset, err := exec.LookPath("taskset")
		if err != nil {
			t.Skip("taskset is not there")
		}
		url, pid := overloaded(t, 0, []string{taskset, "-c", "0"})
		overload(t, url, pid, connections, *duration)
	})
}

// overloaded starts a broker and a main server, and returns the server's URL and
// process id. Between them is a line of so many bytes a second; 0: no limit. by is a
// command that runs the server, if it is not empty.
func overloaded(t *testing.T, line int, by []string) (url string, pid int) {
	t.Helper()
	addr := free(t)
	advertised := addr
	if line > 0 {
		advertised = slowLine(t, addr, line)
	}
	start(t, "broker", "--listen", addr, "--advertise", advertised, "--ephemeral")
	listen := free(t)
	args := append(slices.Clone(by), binary, "serve", "--listen", listen, "--brokers", advertised, "--max-in-flight", "512")
	p := startProgram(t, args[0], nil, args[1:]...)
	in := &installation{t: t, main: []string{"http://" + listen}}
	in.ready()
	return in.main[0], p.cmd.Process.Pid
}

// slowLine is a proxy before a broker. It passes requests on at so many bytes a second,
// all connections together, and answers at once.
func slowLine(t *testing.T, broker string, perSecond int) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	var mu sync.Mutex
	var busy time.Time // until when the line is occupied
	passed := func(n int) <-chan time.Time {
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now(); busy.Before(now) {
			busy = now
		}
		busy = busy.Add(time.Duration(n) * time.Second / time.Duration(perSecond))
		return time.After(time.Until(busy))
	}
	pass := func(to, from net.Conn, slowly bool) {
		defer to.Close()
		defer from.Close()
		b := make([]byte, 4<<10)
		for {
			n, err := from.Read(b)
			if slowly {
				<-passed(n)
			}
			if _, wrong := to.Write(b[:n]); err != nil || wrong != nil {
				return
			}
		}
	}
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			b, err := net.Dial("tcp", broker)
			if err != nil {
				_ = c.Close()
				continue
			}
			go pass(b, c, true)
			go pass(c, b, false)
		}
	}()
	return ln.Addr().String()
}

// overload measures the greatest rate that a server takes in. It then offers the server
// 1, 2, 3 and 5 times that rate, for step each, and logs a table.
func overload(t *testing.T, url string, pid, connections int, step time.Duration) {
	t.Helper()
	multiples := []float64{1, 2, 3, 5}
	best := 0.0
	for range 2 { // the first one warms up
		s := offer(t, url, 256, 0, step)
		best = s.rate()
	}
	t.Logf("256 connections, each sending when it was answered: %.0f/s taken in", best)
	var rows []*served
	var memory []string
	for _, times := range multiples {
		rows = append(rows, offer(t, url, connections, times*best, step))
		memory = append(memory, resident(pid))
	}
	most := slices.MaxFunc(rows, func(a, b *served) int { return cmp.Compare(a.rate(), b.rate()) }).rate()
	var table bytes.Buffer
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, "asked for\toffered/s\taccepted/s\tof the best\tp50 ms\tp99 ms\tmax ms\tMB\t refused")
	for i, s := range rows {
		offered := float64(s.accepted.TotalCount())
		var reasons []string
		for _, reason := range slices.Sorted(maps.Keys(s.refused)) {
			offered += float64(s.refused[reason])
			reasons = append(reasons, fmt.Sprintf("%d %s", s.refused[reason], reason))
		}
		ms := func(q float64) float64 { return float64(s.accepted.ValueAtPercentile(q)) / 1000 }
		_, _ = fmt.Fprintf(w, "%gx\t%.0f\t%.0f\t%.2f\t%.1f\t%.1f\t%.1f\t%s\t %s\n", multiples[i], offered/s.took.Seconds(), s.rate(), s.rate()/most,
			ms(50), ms(99), ms(100), memory[i], strings.Join(reasons, ", "))
	}
	_ = w.Flush()
	t.Logf("%d connections, by the clock:\n%s", connections, table.String())
}

// resident returns how much memory a process uses now, in MiB; ? if that is not known.
func resident(pid int) string {
	b, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(pid), "status"))
	_, rest, ok := strings.Cut(string(b), "VmRSS:")
	var kb int
	if _, scan := fmt.Sscan(rest, &kb); err != nil || !ok || scan != nil {
		return "?"
	}
	return fmt.Sprint(kb >> 10)
}

// served counts what became of requests.
type served struct {
	mu       sync.Mutex
	accepted *hdrhistogram.Histogram // microseconds from sending to the answer
	refused  map[string]int          // by status and code
	took     time.Duration
}

func newServed() *served {
	return &served{accepted: hdrhistogram.New(1, 60e6, 3), refused: map[string]int{}}
}

func (s *served) rate() float64 { return float64(s.accepted.TotalCount()) / s.took.Seconds() }

func (s *served) add(more *served) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accepted.Merge(more.accepted)
	for k, n := range more.refused {
		s.refused[k] += n
	}
}

// offer sends reactions at a rate for a time, over at most that many connections. Each
// is sent when it is due, whether earlier ones are answered or not, as long as a
// connection is free. With rate 0 each connection sends as soon as it has an answer.
func offer(t *testing.T, url string, connections int, rate float64, over time.Duration) *served {
	t.Helper()
	all := newServed()
	var next atomic.Int64
	var wg, connected sync.WaitGroup
	var began time.Time
	connected.Add(connections)
	begin := make(chan struct{})
	for range connections {
		wg.Go(func() {
			own := newServed()
			defer all.add(own)
			c := &caller{addr: strings.TrimPrefix(url, "http://")}
			defer c.close()
			c.call()
			connected.Done()
			<-begin
			for {
				due := time.Now()
				if rate > 0 {
					due = began.Add(time.Duration(float64(next.Add(1)) / rate * 1e9))
				}
				if due.Sub(began) > over || time.Since(began) > over {
					return
				}
				if wait := time.Until(due); wait > 0 {
					<-time.After(wait)
				}
				sent := time.Now()
				if reason := c.call(); reason != "" {
					own.refused[reason]++
				} else {
					_ = own.accepted.RecordValue(time.Since(sent).Microseconds())
				}
			}
		})
	}
	connected.Wait()
	began = time.Now()
	close(begin)
	wg.Wait()
	all.took = time.Since(began)
	return all
}

// caller is a connection that sends one reaction after the other. It uses little
// processor time, which the server needs.
type caller struct {
	addr string
	conn net.Conn
	in   *bufio.Reader
}

func (c *caller) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

// call sends a reaction. It returns why it was not accepted; empty if it was.
func (c *caller) call() (reason string) {
	const tap = `{"user_id":"user_0123456789ab","emoji_type":"🔥","timestamp":"2026-01-02T03:04:05.000Z"}`
	if c.conn == nil {
		conn, err := net.Dial("tcp", c.addr)
		if err != nil {
			return "not connected"
		}
		c.conn, c.in = conn, bufio.NewReaderSize(conn, 1<<10)
	}
	_ = c.conn.SetDeadline(time.Now().Add(20 * time.Second))
	_, err := fmt.Fprintf(c.conn, "POST /send_emoji HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(tap), tap)
	if err != nil {
		c.close()
		return "broken off"
	}
	status, body, err := c.answer()
	if err != nil {
		c.close()
		return "broken off"
	}
	if status == "200" {
		return ""
	}
	_, code, _ := strings.Cut(body, `"code":"`)
	code, _, _ = strings.Cut(code, `"`)
	return status + " " + code
}

// answer reads an answer. It understands only what a main server sends, not HTTP in
// general.
func (c *caller) answer() (status, body string, err error) {
	length, last := 0, false
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return "", "", err
		}
		name, value, ok := bytes.Cut(bytes.TrimSpace(line), []byte(":"))
		switch {
		case status == "":
			status = string(line[len("HTTP/1.1 "):][:3])
			continue
		case ok && string(name) == "Content-Length":
			length, _ = strconv.Atoi(string(bytes.TrimSpace(value)))
		case ok && string(name) == "Connection":
			last = true
		}
		if !ok {
			break
		}
	}
	b := make([]byte, length)
	if _, err := io.ReadFull(c.in, b); err != nil {
		return "", "", err
	}
	if last {
		c.close()
	}
	return status, string(b), nil
}
