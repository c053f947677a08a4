package loadgen_test

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
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/loadgen/report"
)

var peersFolder = flag.String("peers", "", "a folder with emostream and vegeta, which TestPeers compares; without it TestPeers is skipped")

// handlers returns the HTTP handler of a kind of server on which load generators are
// compared.
func handlers(kind string) http.Handler {
	began := time.Now()
	answer := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"status":"Message queued"}`)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/", answer)
	if kind == "stalling" {
		// /stall stalls in the second half of every two seconds.
		mux.HandleFunc("/stall", func(w http.ResponseWriter, r *http.Request) {
			if in := time.Since(began) % (2 * time.Second); in >= time.Second {
				<-time.After(2*time.Second - in)
			}
			answer(w, r)
		})
	}
	return mux
}

// TestPeersServer is the server of TestPeers, in its own process. The argument after
// the flags says which of the handlers it uses.
func TestPeersServer(t *testing.T) {
	kind := flag.Arg(0)
	if kind == "" {
		t.Skip("it is started by TestPeers")
	}
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("at http://%s\n", ln.Addr())
	srv := &http.Server{Handler: handlers(kind)}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // the server ends when the process that started it ends
		_ = srv.Close()
	}()
	_ = srv.Serve(ln)
}

// startServer starts a server in another process, and returns its URL.
func startServer(t *testing.T, kind string) string {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestPeersServer$", "-test.v", kind)
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
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	var text []byte
	for !bytes.Contains(text, []byte("\n")) || !bytes.Contains(text, []byte("at http://")) {
		b := make([]byte, 256)
		n, err := out.Read(b)
		if err != nil {
			t.Fatalf("the server says %q, %v", text, err)
		}
		text = append(text, b[:n]...)
	}
	return string(regexp.MustCompile(`http://[0-9.:]+`).Find(text))
}

// body is the body that all load generators post. It is as long as one of our
// reactions.
const body = `{"user_id":"user_0123456789ab","emoji_type":"🔥","timestamp":"2026-01-02T03:04:05.000Z"}`

// TestPeers compares the load generator with others on one machine. It asserts nothing:
// it prints a table.
func TestPeers(t *testing.T) {
	folder := *peersFolder
	if folder == "" {
		t.Skip("a benchmark: make bench-loadgen")
	}
	const seconds, rounds = 4, 3
	url := startServer(t, "constant")
	peers := []peer{
		{"emostream bench", func() (float64, error) { return ours(t, folder, url, seconds) }},
		{"wrk", func() (float64, error) { return wrk(t, url, seconds) }},
		{"vegeta", func() (float64, error) { return vegeta(t, folder, url, seconds) }},
	}
	rates := make([][]float64, len(peers))
	for range rounds { // by turns, so that other load on the machine affects all alike
		for i, p := range peers {
			rate, err := p.run()
			if err != nil {
				t.Logf("%s: %v", p.name, err)
				continue
			}
			rates[i] = append(rates[i], rate)
		}
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "64 connections, a constant handler, %d runs of %d s in turn, the median\n\trequests/s\tours / theirs\n", rounds, seconds)
	for i, p := range peers {
		if len(rates[i]) == 0 {
			_, _ = fmt.Fprintf(w, "%s\tmissing\t\n", p.name)
			continue
		}
		_, _ = fmt.Fprintf(w, "%s\t%.0f\t%.2f\n", p.name, median(rates[i]), median(rates[0])/median(rates[i]))
	}
	_ = w.Flush()
	t.Logf("\n%s", table.String())
	t.Logf("\n%s", stalled(t))
	t.Logf("\n%s", idle(t, url))
}

type peer struct {
	name string
	run  func() (float64, error)
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return v[len(v)/2]
}

func ours(t *testing.T, folder, url string, seconds int) (float64, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), filepath.Join(folder, "emostream"), "bench", "--post-url", url, "--post-body", body,
		"--rate", "0", "--connections", "64", "--duration", fmt.Sprintf("%ds", seconds), "-o", "json").Output()
	if err != nil {
		return 0, err
	}
	var r report.Report
	if err := json.Unmarshal(out, &r); err != nil {
		return 0, err
	}
	return float64(r.Accepted) / r.DurationMS * 1000, nil
}

func wrk(t *testing.T, url string, seconds int) (float64, error) {
	t.Helper()
	program, err := exec.LookPath("wrk")
	if err != nil {
		return 0, fmt.Errorf("%w: install the package wrk", err)
	}
	script := filepath.Join(t.TempDir(), "post.lua")
	lua := fmt.Sprintf("wrk.method = 'POST'\nwrk.body = '%s'\nwrk.headers['Content-Type'] = 'application/json'\n", body)
	if err := os.WriteFile(script, []byte(lua), 0o600); err != nil {
		return 0, err
	}
	out, err := exec.CommandContext(t.Context(), program, "-t1", "-c64", fmt.Sprintf("-d%ds", seconds), "-s", script, url).Output()
	if err != nil {
		return 0, err
	}
	m := regexp.MustCompile(`Requests/sec: *([0-9.]+)`).FindSubmatch(out)
	if m == nil {
		return 0, fmt.Errorf("wrk says %.200q", out)
	}
	return strconv.ParseFloat(string(m[1]), 64)
}

func vegeta(t *testing.T, folder, url string, seconds int) (float64, error) {
	t.Helper()
	program := filepath.Join(folder, "vegeta")
	file := filepath.Join(t.TempDir(), "body")
	if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
		return 0, err
	}
	attack := exec.CommandContext(t.Context(), program, "attack", "-rate=0", "-max-workers=64", "-workers=64", "-connections=64",
		fmt.Sprintf("-duration=%ds", seconds), "-body", file, "-header", "Content-Type: application/json")
	attack.Stdin = strings.NewReader("POST " + url + "/\n")
	results, err := attack.Output()
	if err != nil {
		return 0, err
	}
	report := exec.CommandContext(t.Context(), program, "report", "-type=json")
	report.Stdin = bytes.NewReader(results)
	out, err := report.Output()
	if err != nil {
		return 0, err
	}
	var said struct {
		Throughput float64 `json:"throughput"`
	}
	err = json.Unmarshal(out, &said)
	return said.Throughput, err
}

// stalled loads a stalling server with 2,000 requests a second and returns a table of
// the latencies. By arithmetic, half of the requests wait between nothing and a second.
func stalled(t *testing.T) string {
	t.Helper()
	url := startServer(t, "stalling") + "/stall"
	r, err := loadgen.Run(t.Context(), loadgen.Config{Publish: &loadgen.Publish{PostURL: url, Body: body}, Rate: 2000, Duration: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ack := r.Latency[report.Ack]
	return fmt.Sprintf("a server that stalls 1 s in every 2 s, 2,000/s for 10 s\n  sent %d of 20000, answered %d, mean %.0f ms (arithmetic 250), p99 %.0f ms (980), send delay p99 %.2f ms, invalid %v\n",
		r.Sent, ack.Count, ack.Mean, ack.P99, r.Latency[report.SendDelay].P99, r.Invalid)
}

// idle loads an idle server with 5,000 requests a second, and returns how well the
// schedule was kept.
func idle(t *testing.T, url string) string {
	t.Helper()
	r, err := loadgen.Run(t.Context(), loadgen.Config{Publish: &loadgen.Publish{PostURL: url, Body: body}, Rate: 5000, Duration: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	delay := r.Latency[report.SendDelay]
	return fmt.Sprintf("an idle server, 5,000/s for 10 s\n  send delay p50 %.2f, p99 %.2f, max %.2f ms; sent %d of 50000 in %.1f ms, so it drifted by %d requests\n",
		delay.P50, delay.P99, delay.Max, r.Sent, r.DurationMS, 50_000-r.Sent)
}
