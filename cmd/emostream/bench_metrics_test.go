package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/loadgen/report"
)

// liveRun makes up what is known of a run after ten seconds.
func liveRun() loadgen.Live {
	ack := report.NewHistogram()
	ack.RecordN(900*time.Microsecond, 900)
	ack.RecordN(40*time.Millisecond, 99)
	ack.RecordN(time.Minute, 1)
	return loadgen.Live{
		Snapshot: loadgen.Snapshot{
			Phase: loadgen.Sending, Elapsed: 10 * time.Second, Planned: time.Minute, Step: 2, Asked: 100, Waiting: 3,
			Sent: 1000, Accepted: 990, Rejected: 7, InDoubt: 3, Errors: map[string]int64{"503 \x1b[31mfull": 7, "timeout": 3},
			Listeners: 5, Wanted: 6, Events: 50,
		},
		Requests: 1000, Audience: report.Listeners{Wanted: 6, Connected: 5, Events: 50, Reconnects: 2, Refused: 1},
		Latencies: map[string]*report.Histogram{report.Ack: ack},
	}
}

// asked serves the figures of a load test and returns how /metrics answers to who accepts
// a format.
func asked(t *testing.T, live func() loadgen.Live, accepts ...string) (answers []string) {
	t.Helper()
	conditions, err := parseThresholds([]string{"ack_p99<50ms", "lost==0", "error_rate<0.5%"})
	if err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	f := benchFlags{metrics: metricsFlags{metricsListen: "0"}}
	var cfg loadgen.Config
	err = f.serveFigures(t.Context(), streams{err: &said}, &cfg, conditions, func(ctx context.Context) error {
		url := regexp.MustCompile(`^Live figures: (http://127\.0\.0\.1:\d+/metrics)\n$`).FindStringSubmatch(said.String())
		if url == nil {
			return fmt.Errorf("it says %q", &said)
		}
		if live != nil {
			cfg.Live(live)
		}
		for _, accept := range accepts {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, url[1], nil)
			if err != nil {
				return err
			}
			req.Header.Set("Accept", accept)
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				return err
			}
			text, err := io.ReadAll(res.Body)
			if err := res.Body.Close(); err != nil {
				return err
			}
			if err != nil {
				return err
			}
			answers = append(answers, string(text))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return answers
}

// ours returns the lines of an answer that are of the load test; of the latencies those
// of one.
func ours(answer string) string {
	lines := strings.Join(regexp.MustCompile(`(?m)^(# \w+ )?emostream_bench_.*\n`).FindAllString(answer, -1), "")
	return regexp.MustCompile(`(?m)^.*\{of="([^a].*|ack_.*)"[,}].*\n`).ReplaceAllString(lines, "")
}

const openMetrics = "application/openmetrics-text; version=1.0.0"

// Who asks for OpenMetrics gets it. What a run has, is told from the start. The figures
// are served until the test ends, which then ends serving.
func TestBenchFigures(t *testing.T) {
	for name, live := range map[string]func() loadgen.Live{"before": nil, "while": liveRun} {
		t.Run(name, func(t *testing.T) {
			answer := asked(t, live, openMetrics)[0]
			if !strings.HasSuffix(answer, "\n# EOF\n") {
				t.Errorf("it is no OpenMetrics:\n%s", answer)
			}
			for _, of := range report.LatencyKeys() {
				if !strings.Contains(answer, "emostream_bench_latency_seconds_count{of=\""+of+"\"} ") {
					t.Errorf("it does not tell of %s", of)
				}
			}
			golden.RequireEqual(t, ours(answer))
		})
	}
}

// promtool finds nothing wrong with the names, and no name stands there twice, as
// OpenMetrics wants it.
func TestBenchFiguresByPromtool(t *testing.T) {
	answers := asked(t, liveRun, "text/plain", openMetrics)
	names := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\S+) (\w+)$`).FindAllStringSubmatch(answers[1], -1) {
		if names[m[1]] {
			t.Errorf("%s stands there twice", m[1])
		}
		names[m[1]] = true
		if m[2] == "counter" && names[m[1]+"_total"] {
			t.Errorf("%s_total is another metric", m[1])
		}
	}
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("promtool is missing: it is in the distribution's package prometheus")
		}
		t.Skip("needs promtool, in the distribution's package prometheus")
	}
	check := exec.CommandContext(t.Context(), promtool, "check", "metrics")
	check.Stdin = strings.NewReader(answers[0])
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
}

// A latency is a classic and a native histogram, and both hold what was measured.
func TestLatencyMetric(t *testing.T) {
	desc := prometheus.NewDesc("x_seconds", "x", []string{"of"}, nil)
	ack := liveRun().Latencies[report.Ack]
	for name, test := range map[string]struct {
		h     *report.Histogram
		count uint64
		sum   float64
		most  map[float64]uint64 // how many took at most so many seconds
	}{
		"nothing is known":  {nil, 0, 0, map[float64]uint64{.0005: 0, 30: 0}},
		"nothing was timed": {report.NewHistogram(), 0, 0, map[float64]uint64{30: 0}},
		"much":              {ack, 1000, .81 + 3.96 + 60, map[float64]uint64{.0005: 0, .001: 900, .025: 900, .05: 999, 30: 999}},
	} {
		t.Run(name, func(t *testing.T) {
			var m dto.Metric
			if err := newLatencyMetric(desc, test.h, "ack").Write(&m); err != nil {
				t.Fatal(err)
			}
			h := m.GetHistogram()
			if h.GetSampleCount() != test.count || math.Abs(h.GetSampleSum()-test.sum) > test.sum/500 {
				t.Errorf("%d, %v s; want %d, %v s", h.GetSampleCount(), h.GetSampleSum(), test.count, test.sum)
			}
			found := 0
			for _, b := range h.GetBucket() {
				if want, ok := test.most[b.GetUpperBound()]; ok {
					found++
					if b.GetCumulativeCount() != want {
						t.Errorf("%d took at most %v s, want %d", b.GetCumulativeCount(), b.GetUpperBound(), want)
					}
				}
			}
			if found != len(test.most) {
				t.Errorf("%d of %d buckets are there", found, len(test.most))
			}
			checkNative(t, h, test.count, test.most)
		})
	}
}

// checkNative checks that the native buckets hold count values, and as many up to each
// bound, within their resolution.
func checkNative(t *testing.T, h *dto.Histogram, count uint64, most map[float64]uint64) {
	t.Helper()
	if len(h.GetPositiveSpan()) == 0 && h.GetZeroThreshold() == 0 {
		t.Error("it is no native histogram")
	}
	index, last, n, total := int32(0), int64(0), 0, uint64(0)
	upTo := map[float64]uint64{}
	for _, span := range h.GetPositiveSpan() {
		index += span.GetOffset()
		for range span.GetLength() {
			last += h.GetPositiveDelta()[n]
			n++
			total += uint64(last)
			for bound := range most {
				if math.Exp2(float64(index)/8) <= bound*1.1 {
					upTo[bound] += uint64(last)
				}
			}
			index++
		}
	}
	if total != count {
		t.Errorf("the native buckets hold %d, want %d", total, count)
	}
	for bound, want := range most {
		if upTo[bound] != want {
			t.Errorf("of the native buckets %d are up to %v s, want %d", upTo[bound], bound, want)
		}
	}
}
