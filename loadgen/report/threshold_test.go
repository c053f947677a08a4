package report_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/emostream/emostream/loadgen/report"
)

func TestThresholds(t *testing.T) {
	h := report.NewHistogram()
	h.RecordN(10_000_000, 990) // 10 ms
	h.RecordN(40_000_000, 10)  // 40 ms
	r := report.Report{
		Sent: 1000, Accepted: 990, Rejected: 6, InDoubt: 4, Requests: 1000, DurationMS: 10_000,
		Errors:  map[string]int64{"timeout": 4, "503 not_written": 6},
		Counted: new(int64(991)), Lost: new(int64(0)), Doubled: new(int64(1)),
		Latency:   map[string]*report.Latency{report.Ack: h.Latency(), report.Overhead: nil},
		Listeners: report.Listeners{Connected: 12, Events: 60, Gaps: 2},
	}
	const missing = math.MaxFloat64
	for _, test := range []struct {
		condition string
		actual    float64 // or missing
		met       bool
	}{
		{"ack_p50<10.1ms", 10.007, true},
		{"ack_p50 < 10 ms", 10.007, false},
		{"ack_p99.5<=50ms", 40.031, true},
		{"ack_p999<=0.05s", 40.031, true},
		{"ack_p99.99<=30000us", 40.031, false},
		{"ack_max>40ms", 40.031, true},
		{"ack_mean<10.5ms", 10.304, true},
		{"overhead_p99<1s", missing, false},
		{"e2e_p99>0ms", missing, false},
		{"sent==1000", 1000, true},
		{"sent!=1000", 1000, false},
		{"accepted>=990", 990, true},
		{"accepted>990", 990, false},
		{"rejected<=6", 6, true},
		{"in_doubt<4", 4, false},
		{"requests==1000", 1000, true},
		{"errors<10", 10, false},
		{"error_rate<=1%", 1, true},
		{"error_rate<1%", 1, false},
		{"rate>=99", 99, true},
		{"counted==991", 991, true},
		{"lost==0", 0, true},
		{"doubled==0", 1, false},
		{"shifted==0", missing, false},
		{"connected>=12", 12, true},
		{"events>100", 60, false},
		{"gaps!=2", 2, false},
		{"reconnects==0", 0, true},
	} {
		t.Run(test.condition, func(t *testing.T) {
			c, err := report.ParseThreshold(test.condition)
			if err != nil {
				t.Fatal(err)
			}
			got := report.Evaluate([]report.Threshold{c}, r)[0]
			if got.Met != test.met {
				t.Errorf("met is %t", got.Met)
			}
			if want := strings.ReplaceAll(test.condition, " ", ""); got.Condition != want || c.String() != want {
				t.Errorf("it is called %q and %q, want %q", got.Condition, c, want)
			}
			value := "none"
			if got.Actual != nil {
				value = fmt.Sprint(*got.Actual)
			}
			switch {
			case test.actual == missing && got.Actual != nil:
				t.Errorf("the value is %s, want none", value)
			case test.actual != missing && (got.Actual == nil || math.Abs(*got.Actual-test.actual) > 0.001):
				t.Errorf("the value is %s, want %v", value, test.actual)
			}
		})
	}
}

func TestThresholdsThatAreNone(t *testing.T) {
	for condition, want := range map[string]string{
		"":                      "want a name, an operator",
		"overhead_p99":          "want a name, an operator",
		"overhead_p99=300ms":    `"=" is no operator`,
		"overhead_p99!300ms":    `"!" is no operator`,
		"overhead_p99<300":      "a time wants a unit: us, ms or s",
		"overhead_p99<300%":     "a time wants a unit",
		"overhead_p99<":         "is no value",
		"overhead_p99<fast":     "is no value",
		"overhead_p99<-1ms":     "is no value",
		"overhead_p99<1e3ms":    "is no value",
		"overhead_p99<<1ms":     "is no value",
		"overhead_p99<5m":       "a time wants a unit",
		"overhead_p100<1ms":     `"overhead" has no "p100"`,
		"overhead_p0<1ms":       `"overhead" has no "p0": a latency has p50`,
		"overhead_median<1ms":   `"overhead" has no "median"`,
		"overhaed_p99<1ms":      "did you mean overhead_p99?",
		"error_rate<0.01":       "a share wants %",
		"lost==0ms":             "a count has no unit",
		"losses==0":             "the counters sent, accepted, rejected",
		"lots==0":               "did you mean lost?",
		"latency<1ms":           "there are the latencies send_delay, ack,",
		"\x1b[31m==0":           "there is no",
		"accepted>=1000 please": "is no value",
	} {
		t.Run(condition, func(t *testing.T) {
			_, err := report.ParseThreshold(condition)
			switch {
			case want == "" && err != nil:
				t.Error(err)
			case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
				t.Errorf("got %v, want %q", err, want)
			case err != nil && strings.Contains(err.Error(), "\x1b"):
				t.Errorf("the error would reach the terminal as it came: %q", err)
			}
		})
	}
}

// The zero value of a Threshold is not met.
func TestThresholdZeroValue(t *testing.T) {
	if got := report.Evaluate(make([]report.Threshold, 1), report.Report{}); len(got) != 1 || got[0].Met {
		t.Errorf("got %v", got)
	}
}

// A condition that can be parsed can be evaluated, and its String is parsed as the same
// condition.
func FuzzThreshold(f *testing.F) {
	for _, s := range []string{"overhead_p99<300ms", "lost==0", "ack_p99.9 <= 50 ms", "errors!=10", "error_rate<1%", "ack_p9999>=1µs", "x", "e2e_p.1<1s", "stage2.ack_p99<1s"} {
		f.Add(s)
	}
	r := fabricate(load{seed: 1, seconds: 2})
	f.Fuzz(func(t *testing.T, s string) {
		c, err := report.ParseThreshold(s)
		if err != nil {
			return
		}
		again, err := report.ParseThreshold(c.String())
		if err != nil || again.String() != c.String() {
			t.Fatalf("%q becomes %q, which becomes %q, %v", s, c, again, err)
		}
		a, b := report.Evaluate([]report.Threshold{c}, r)[0], report.Evaluate([]report.Threshold{again}, r)[0]
		if a.Met != b.Met || a.Actual == nil && c.Stage() == 0 {
			t.Fatalf("%q: %v and %v", s, a, b)
		}
	})
}
