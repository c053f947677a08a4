package e2e_test

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/emostream/emostream/loadgen/report"
)

// TestFanout loads a subscriber server and nchan, nginx's push module, with listeners, by
// turns, so that what else the machine does hits both alike. It is `emostream bench` that
// loads and measures them, and the command lines are printed. What the test prints is the
// median of the rounds. It asserts that nothing is lost, and in a valid run that no listener
// misses anything; it asserts nothing about speed. The generator takes a part of the same processors, but processor time and memory
// are the target's own.
func TestFanout(t *testing.T) {
	if *listeners == 0 {
		t.Skip("a benchmark: make bench-fanout")
	}
	const rounds = 2
	seconds := *duration
	if seconds <= 0 {
		seconds = 20 * time.Second
	}
	var ours, theirs []report.Report
	for range rounds {
		t.Run("subscribe", func(t *testing.T) {
			s := startFanout(t)
			ours = append(ours, s.bench(*listeners, seconds))
		})
		t.Run("nchan", func(t *testing.T) { theirs = append(theirs, benchNchan(t, *listeners, seconds)) })
	}
	if len(ours)+len(theirs) == 2*rounds {
		t.Logf("%d listeners, an event a second for %v, the median of %d rounds:\n%s", *listeners, seconds, rounds, beside("nchan", ours, theirs))
	}
	t.Run("some never read", func(t *testing.T) {
		s := startFanout(t)
		r := s.bench(*listeners, seconds, "--stalled", "100")
		t.Logf("among 100 that never read:\n%s", beside("", []report.Report{r}, nil))
	})
	t.Run("some come and leave", func(t *testing.T) {
		s := startFanout(t)
		r := s.bench(*listeners*15/8, 3*seconds, "--churn", fmt.Sprint(*listeners/16))
		t.Logf("%d listeners, %d a second come and leave; %d left:\n%s", *listeners*15/8, *listeners/16, r.Listeners.Left, beside("", []report.Report{r}, nil))
	})
	t.Run("all are cut off", func(t *testing.T) {
		s := startFanout(t)
		killed := make(chan time.Time, 1)
		go func() {
			<-time.After(time.Until(s.begins) + seconds/4)
			killed <- time.Now()
			s.restart()
		}()
		s.begins = startAt(*listeners)
		r := s.bench(*listeners, max(seconds, 20*time.Second))
		at := (<-killed).Sub(r.Started)
		back := slices.IndexFunc(r.Series, func(p report.Point) bool {
			return p.AtMS > report.InMS(at)+1000 && p.Listeners >= *listeners
		})
		if back < 0 || r.Listeners.Reconnects < int64(*listeners) {
			t.Fatalf("of %d listeners %d came back, and not all within the run", *listeners, r.Listeners.Reconnects)
		}
		t.Logf("%d cut off by SIGKILL, which was %.1f s after the start: all have a stream again after %.0f s", *listeners, at.Seconds(), r.Series[back].AtMS/1000-at.Seconds())
	})
}

// TestFanoutHTTPS loads a subscriber server over HTTPS, by each version of HTTP, beside one
// over HTTP, by turns. Like TestFanout it asserts nothing about speed.
func TestFanoutHTTPS(t *testing.T) {
	if *listeners == 0 {
		t.Skip("a benchmark: make bench-fanout-https")
	}
	seconds := *duration
	if seconds <= 0 {
		seconds = 10 * time.Second
	}
	cert := selfSigned(t)
	var plain []report.Report
	t.Run("HTTP", func(t *testing.T) {
		s := startFanout(t)
		plain = append(plain, s.bench(*listeners, seconds))
	})
	for name, more := range map[string][]string{"HTTPS": nil, "HTTPS with HTTP/2": {"--http2"}} {
		t.Run(name, func(t *testing.T) {
			s := startFanoutHTTPS(t, cert)
			s.begins = startAt(6 * *listeners) // a handshake takes longer
			r := s.bench(*listeners, seconds, append(more, "--cacert", cert.file)...)
			if len(plain) > 0 {
				t.Logf("%d listeners, an event a second for %v, over %s:\n%s", *listeners, seconds, name, beside("over HTTP", []report.Report{r}, plain))
			}
		})
	}
}

// TestFanoutTickets loads a subscriber server whose listeners have tickets, beside one
// without, by turns. Like TestFanout it asserts nothing about speed.
func TestFanoutTickets(t *testing.T) {
	if *listeners == 0 {
		t.Skip("a benchmark: make bench-fanout-tickets")
	}
	const rounds = 3
	seconds := *duration
	if seconds <= 0 {
		seconds = 20 * time.Second
	}
	key := filepath.Join(t.TempDir(), "ticket.secret")
	if err := os.WriteFile(key, []byte(rand.Text()+rand.Text()), 0o600); err != nil {
		t.Fatal(err)
	}
	var with, without []report.Report
	for range rounds {
		t.Run("without tickets", func(t *testing.T) {
			s := startFanout(t)
			without = append(without, s.bench(*listeners, seconds))
		})
		t.Run("with tickets", func(t *testing.T) {
			s := startFanout(t, "--ticket-key-file", key)
			with = append(with, s.bench(*listeners, seconds))
		})
	}
	if len(with)+len(without) == 2*rounds {
		t.Logf("%d listeners with tickets, an event a second for %v, the median of %d rounds:\n%s", *listeners, seconds, rounds, beside("without", with, without))
	}
}

// fanout is a pipeline with one subscriber server, each stage in a process of its own.
type fanout struct {
	t         *testing.T
	main      string
	args      []string // of subscribe
	subscribe *process
	begins    time.Time // when the next bench shall begin to send
}

// startFanout starts a pipeline with windows of one second. Both servers are given more
// flags.
func startFanout(t *testing.T, more ...string) *fanout {
	t.Helper()
	s := startStages(t, "http://", more...)
	(&installation{t: t, main: []string{s.main, "http://" + s.args[4]}}).ready()
	until(t, "the main server knows the subscriber server", func() error {
		if counts, _, err := registered(s.main); err != nil || len(counts) < 1 {
			return fmt.Errorf("%v, %w", counts, err)
		}
		return nil
	})
	return s
}

// startFanoutHTTPS is startFanout over HTTPS.
func startFanoutHTTPS(t *testing.T, cert certificate) *fanout {
	t.Helper()
	s := startStages(t, "https://", "--https-cert", cert.file, "--https-key", cert.key)
	streamOf(t, cert.client(), s.main)
	return s
}

// startStages starts the stages of such a pipeline. Both servers are given more flags.
func startStages(t *testing.T, scheme string, more ...string) *fanout {
	t.Helper()
	broker, main, sub := free(t), free(t), free(t)
	start(t, "broker", "--listen", broker, "--ephemeral")
	start(t, append([]string{"serve", "--listen", main, "--brokers", broker}, more...)...)
	start(t, "aggregate", "--window", "1s", "--brokers", broker)
	start(t, "publish", "--brokers", broker)
	s := &fanout{t: t, main: scheme + main}
	s.args = append([]string{"subscribe", "--name", "sub1", "--listen", sub, "--brokers", broker, "--capacity", fmt.Sprint(*listeners*2 + 1000)}, more...)
	s.subscribe = start(t, s.args...)
	return s
}

// restart kills the subscriber server and starts it again.
func (s *fanout) restart() {
	s.subscribe.kill()
	s.subscribe = start(s.t, s.args...)
}

// bench loads the pipeline so that each window is one event of about 260 bytes.
func (s *fanout) bench(listeners int, over time.Duration, more ...string) report.Report {
	s.t.Helper()
	args := []string{"--server", s.main, "--kinds", "1", "--watch-pid", fmt.Sprint(s.subscribe.cmd.Process.Pid)}
	return benchFanout(s.t, s.begins, listeners, over, append(args, more...)...)
}

// startAt returns when so many listeners will have connected.
func startAt(listeners int) time.Time {
	return time.Now().Add(3*time.Second + time.Duration(listeners)*2*time.Millisecond).Truncate(time.Second)
}

// benchFanout runs bench with an event a second, and returns its report. It fails the test
// if a listener missed anything.
func benchFanout(t *testing.T, begins time.Time, listeners int, over time.Duration, more ...string) report.Report {
	t.Helper()
	if begins.IsZero() {
		begins = startAt(listeners)
	}
	args := append([]string{
		"bench", "--rate", "1", "--connections", "1", "--listeners", fmt.Sprint(listeners), "--duration", over.String(),
		"--start-at", begins.Format(time.RFC3339), "--allow-invalid", "--progress", "none", "-o", "json",
	}, more...)
	t.Logf("$ emostream %s", strings.Join(args, " "))
	cmd := exec.Command(binary, args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	r, unreadable := report.ReadJSON(out)
	if unreadable != nil {
		t.Fatalf("bench: %v, %v\n%s", err, unreadable, errs.String())
	}
	for _, n := range r.Notes {
		t.Logf("note: %s", n)
	}
	// Where the generator cannot keep up, one that leaves may have been shown a window too late.
	missed := !r.Invalid && r.Listeners.Gaps+r.Listeners.Behind > 0
	if err != nil || missed || r.Listeners.Connected < listeners {
		t.Errorf("of %d listeners %d were connected, with %d gaps, and %d windows behind (%v)\n%s", listeners, r.Listeners.Connected, r.Listeners.Gaps, r.Listeners.Behind, err, errs.String())
	}
	return r
}

// nchanConfig is nginx's configuration: the module, a folder, a port. A worker has room
// for all connections, since nothing spreads them evenly.
const nchanConfig = `daemon off;
load_module %[1]s;
worker_processes 2;
worker_rlimit_nofile 20000;
pid %[2]s/nginx.pid;
error_log stderr warn;
events { worker_connections 18000; }
http {
  access_log off;
  client_body_temp_path %[2]s/body;
  proxy_temp_path %[2]s/proxy;
  fastcgi_temp_path %[2]s/fastcgi;
  uwsgi_temp_path %[2]s/uwsgi;
  scgi_temp_path %[2]s/scgi;
  server {
    listen %[3]s backlog=4096;
    location = /sub {
      nchan_subscriber eventsource;
      nchan_channel_id main;
      nchan_subscriber_first_message -1;
    }
    location = /pub {
      nchan_publisher;
      nchan_channel_id main;
      nchan_message_buffer_length 64;
    }
    location = /ready { return 204; }
  }
}
`

// nchanModule is where Debian's package libnginx-mod-nchan puts it.
const nchanModule = "/usr/lib/nginx/modules/ngx_nchan_module.so"

// padding makes an event as long as a window of ours.
const padding = 183

// benchNchan starts an nginx with nchan and loads it.
func benchNchan(t *testing.T, listeners int, over time.Duration) report.Report {
	t.Helper()
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		nginx, err = exec.LookPath("/usr/sbin/nginx")
	}
	if _, none := os.Stat(nchanModule); err != nil || none != nil {
		t.Skip("there is no nginx with nchan: install the packages nginx and libnginx-mod-nchan")
	}
	dir, addr := t.TempDir(), free(t)
	config := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(config, fmt.Appendf(nil, nchanConfig, nchanModule, dir, addr), 0o644); err != nil {
		t.Fatal(err)
	}
	p := startProgram(t, nginx, nil, "-p", dir, "-c", config)
	t.Cleanup(func() { // nginx's workers outlive one that is killed
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
		<-p.done
	})
	until(t, "nginx is ready", func() error {
		res, err := http.Get("http://" + addr + "/ready")
		if err == nil {
			_ = res.Body.Close()
		}
		return err
	})
	// nchan 1.3.6 fails when somebody comes before anything was published.
	if _, err := post("http://"+addr+"/pub", "text/plain", "first"); err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]string{"marker": "{{marker}}", "padding": strings.Repeat("x", padding)})
	if err != nil {
		t.Fatal(err)
	}
	return benchFanout(t, time.Time{}, listeners, over, "--post-url", "http://"+addr+"/pub", "--stream-url", "http://"+addr+"/sub",
		"--post-body", string(body), "--watch-pid", fmt.Sprint(p.cmd.Process.Pid))
}

// beside returns a table of what two servers were measured to be, and their ratio, or of
// one if there is no other.
func beside(other string, ours, theirs []report.Report) string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 4, 2, ' ', tabwriter.AlignRight)
	if len(theirs) > 0 {
		_, _ = fmt.Fprintf(w, "\tsubscribe\t%s\tratio\t\n", other)
	}
	row := func(name, unit string, of func(report.Report) float64) {
		a := middle(ours, of)
		if len(theirs) == 0 {
			_, _ = fmt.Fprintf(w, "%s\t%.1f%s\t\n", name, a, unit)
			return
		}
		b := middle(theirs, of)
		ratio := ""
		if b != 0 {
			ratio = fmt.Sprintf("%.2f", a/b)
		}
		_, _ = fmt.Fprintf(w, "%s\t%.1f%s\t%.1f%s\t%s\t\n", name, a, unit, b, unit, ratio)
	}
	figure := func(condition string, unit float64) func(report.Report) float64 {
		c, err := report.ParseThreshold(condition)
		if err != nil {
			return func(report.Report) float64 { return math.NaN() }
		}
		return func(r report.Report) float64 {
			if v := report.Evaluate([]report.Threshold{c}, r)[0].Actual; v != nil {
				return *v / unit
			}
			return math.NaN()
		}
	}
	row("processor time a delivery", " µs", figure("cpu_per_delivery>=0us", 1))
	row("memory a listener", " KiB", figure("memory_per_listener>=0B", 1024))
	row("spread p50", " ms", figure("spread_p50>=0ms", 1))
	row("spread p99", " ms", figure("spread_p99>=0ms", 1))
	row("bytes an event", "", func(r report.Report) float64 { return float64(r.Listeners.Bytes) / float64(max(1, r.Listeners.Events)) })
	row("deliveries", "", func(r report.Report) float64 { return float64(r.Listeners.Events) })
	row("missed", "", func(r report.Report) float64 { return float64(r.Listeners.Gaps + r.Listeners.Behind) })
	_ = w.Flush()
	return text.String()
}

// middle returns the median of what reports say; the greater of two in the middle.
func middle(reports []report.Report, of func(report.Report) float64) float64 {
	var values []float64
	for _, r := range reports {
		values = append(values, of(r))
	}
	slices.SortFunc(values, cmp.Compare[float64])
	return values[len(values)/2]
}
