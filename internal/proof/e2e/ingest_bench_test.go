package e2e_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const tapBody = `{"user_id":"user_123","emoji_type":"🔥","timestamp":"2026-11-24T10:00:00.000Z"}`

// TestBareServer is not a test, but the server that TestIngestBench compares with,
// which runs it as a process of its own. The server reads a body and answers a
// constant. Its address is the argument after the flags.
func TestBareServer(t *testing.T) {
	at := flag.Arg(0)
	if at == "" {
		t.Skip("it is started by TestIngestBench")
	}
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.Handler())
	mux.HandleFunc("/send_emoji", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"status":"Message queued"}`)
	})
	_ = http.Serve(ln, mux) // until it is killed
}

// ingestRow is one line of what TestIngestBench prints.
type ingestRow struct {
	what        string
	connections int
	perSecond   float64
	p50, p99    string
	cpu         float64 // µs a request
	mallocs     float64 // a request
}

// TestIngestBench measures how fast reactions are taken in, compared with a bare
// net/http handler. The servers are measured one after the other on the same machine:
// make bench-ingest. wrk makes the load in one thread; each connection has one request
// in flight. In the rows of "up" the CPU includes counting, fan-out and the broker,
// since all run in one process. In the rows of Apache Kafka it is the CPU of serve
// alone.
func TestIngestBench(t *testing.T) {
	d := *duration
	if d <= 0 {
		t.Skip("a benchmark: make bench-ingest")
	}
	var rows []ingestRow
	measure := func(what, url, metrics string, connections ...int) {
		loadWith(t, url, connections[0], time.Second) // warm up
		for _, c := range connections {
			before, mallocs := metric(t, metrics, "process_cpu_seconds_total"), metric(t, metrics, "go_memstats_mallocs_total")
			row := loadWith(t, url, c, d)
			requests := row.perSecond * d.Seconds()
			row.what = what
			row.cpu = (metric(t, metrics, "process_cpu_seconds_total") - before) / requests * 1e6
			row.mallocs = (metric(t, metrics, "go_memstats_mallocs_total") - mallocs) / requests
			rows = append(rows, row)
		}
	}

	at := free(t)
	bare := startProgram(t, os.Args[0], nil, "-test.run=^TestBareServer$", at)
	until(t, "the bare server serves", func() error { return dial(at) })
	measure("bare net/http handler", "http://"+at, "http://"+at, 64, 256, 1)
	bare.kill()

	metrics := free(t)
	all := start(t, "up", "--data-dir", t.TempDir(), "--port", "0", "--broker-listen", free(t), "--metrics-listen", metrics, "-o", "json")
	in := &installation{t: t, servers: map[string]string{}}
	in.read(all.line())
	in.ready()
	measure("up, embedded broker", in.main[0], "http://"+metrics, 64, 256, 1)
	bulk := bulkLoad(t, in.main[0], "http://"+metrics, d)
	all.kill()

	if brokers := os.Getenv("EMOSTREAM_TEST_BROKERS"); brokers != "" {
		at := free(t)
		in := &installation{t: t, main: []string{"http://" + at}}
		serve := start(t, "serve", "--brokers", brokers, "--topic-prefix", prefix(t), "--listen", at, "--metrics-listen", metrics)
		in.ready()
		measure("serve, Apache Kafka", in.main[0], "http://"+metrics, 64, 256, 1)
		serve.kill()
	}
	t.Logf("%v each\n%s\n%s", d, ingestTable(rows), bulk)
}

func dial(at string) error {
	c, err := net.DialTimeout("tcp", at, time.Second)
	if err == nil {
		err = c.Close()
	}
	return err
}

// loadWith lets wrk send a reaction again and again for d, and returns what wrk
// measured.
func loadWith(t *testing.T, url string, connections int, d time.Duration) ingestRow {
	t.Helper()
	script := filepath.Join(t.TempDir(), "post.lua")
	text := fmt.Sprintf("wrk.method = 'POST'\nwrk.body = '%s'\nwrk.headers['Content-Type'] = 'application/json'\n", tapBody)
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	seconds := strconv.Itoa(int(max(1, d.Seconds())))
	out, err := exec.Command("wrk", "-t1", "-c"+strconv.Itoa(connections), "-d"+seconds, "--latency", "-s", script, url+"/send_emoji").CombinedOutput()
	if err != nil {
		t.Fatalf("wrk: %v\n%s", err, out)
	}
	if bytes.Contains(out, []byte("Non-2xx")) || bytes.Contains(out, []byte("Socket errors")) {
		t.Errorf("not all went well:\n%s", out)
	}
	field := func(pattern string) string {
		m := regexp.MustCompile(pattern).FindSubmatch(out)
		if m == nil {
			t.Fatalf("wrk's output lacks %s:\n%s", pattern, out)
		}
		return string(m[1])
	}
	perSecond, err := strconv.ParseFloat(field(`Requests/sec:\s+([0-9.]+)`), 64)
	if err != nil {
		t.Fatal(err)
	}
	return ingestRow{connections: connections, perSecond: perSecond, p50: field(`(?m)^ +50%\s+(\S+)`), p99: field(`(?m)^ +99%\s+(\S+)`)}
}

func ingestTable(rows []ingestRow) string {
	bare := map[int]float64{}
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(w, "\tconnections\trequests/s\tof bare\tp50\tp99\tµs CPU/request\tallocations/request\t")
	for _, r := range rows {
		if bare[r.connections] == 0 {
			bare[r.connections] = r.perSecond
		}
		_, _ = fmt.Fprintf(w, "%s\t%d\t%.0f\t%.2f\t%s\t%s\t%.1f\t%.1f\t\n", r.what, r.connections, r.perSecond, r.perSecond/bare[r.connections], r.p50, r.p99, r.cpu, r.mallocs)
	}
	_ = w.Flush()
	return b.String()
}

// bulkLoad sends reactions as streams of lines over four connections. It returns a line
// of text with the acknowledged reactions a second and with the server's CPU and
// memory.
func bulkLoad(t *testing.T, url, metrics string, d time.Duration) string {
	t.Helper()
	const streams = 4
	cpu, mallocs := metric(t, metrics, "process_cpu_seconds_total"), metric(t, metrics, "go_memstats_mallocs_total")
	before := metric(t, metrics, "process_resident_memory_bytes")
	began := time.Now()
	var wg sync.WaitGroup
	var mu sync.Mutex
	accepted := 0
	for range streams {
		wg.Go(func() {
			in := &endless{block: bytes.Repeat([]byte(tapBody+"\n"), 1000), until: began.Add(d)}
			res, err := http.Post(url+"/v1/reactions", "application/x-ndjson", in)
			if err != nil {
				t.Error(err)
				return
			}
			defer res.Body.Close()
			var said struct{ Accepted, Rejected int }
			if err := json.NewDecoder(res.Body).Decode(&said); err != nil || res.StatusCode != http.StatusOK || said.Rejected > 0 {
				t.Errorf("a stream was answered %d %+v, %v", res.StatusCode, said, err)
			}
			mu.Lock()
			defer mu.Unlock()
			accepted += said.Accepted
		})
	}
	<-time.After(d / 2)
	middle := metric(t, metrics, "process_resident_memory_bytes")
	wg.Wait()
	took, n := time.Since(began), float64(accepted)
	return fmt.Sprintf("bulk, up, embedded broker: %d streams of lines: %.0f reactions/s acknowledged (%d in %.1f s), each a record; %.2f µs CPU and %.2f allocations for each; resident memory %.0f MB before, %.0f MB in the middle, %.0f MB after",
		streams, n/took.Seconds(), accepted, took.Seconds(),
		(metric(t, metrics, "process_cpu_seconds_total")-cpu)/n*1e6, (metric(t, metrics, "go_memstats_mallocs_total")-mallocs)/n,
		before/1e6, middle/1e6, metric(t, metrics, "process_resident_memory_bytes")/1e6)
}

// endless is a reader that repeats a block until a time.
type endless struct {
	block []byte
	at    int
	until time.Time
}

func (e *endless) Read(p []byte) (int, error) {
	if e.at == len(e.block) {
		if time.Now().After(e.until) {
			return 0, io.EOF
		}
		e.at = 0
	}
	n := copy(p, e.block[e.at:])
	e.at += n
	return n, nil
}
