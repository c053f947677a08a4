package report_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/charmbracelet/x/exp/golden"

	"github.com/emostream/emostream/loadgen/report"
)

// The command `go test ./loadgen/report -run Text -update` writes the golden files
// again.
func TestText(t *testing.T) {
	for name, r := range reports() {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := report.WriteText(&b, r); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(b.String()) {
				line = strings.TrimSuffix(line, "\n")
				if n := utf8.RuneCountInString(line); n > 80 || strings.HasSuffix(line, " ") {
					t.Errorf("%d columns: %q", n, line)
				}
			}
			golden.RequireEqual(t, b.String())
		})
	}
}

// reports returns fabricated reports of every kind.
func reports() map[string]report.Report {
	hostile := fabricate(load{seed: 7, seconds: 4})
	hostile.Options.Target = "http://x/<script>alert(1)</script>\x1b[31m" + strings.Repeat("long", 30)
	hostile.Errors = map[string]int64{"</svg><img src=x onerror=alert(1)>\x1b]0;title\x07\u202e": 3, strings.Repeat("wide ", 40): 1}
	hostile.Notes = []string{"\"';}</style><script>alert(2)</script>"}

	missed := fabricate(load{seed: 3, lost: 2, doubled: 1, failures: 31, stall: true})
	missed.Thresholds = report.Evaluate(conditions("overhead_p99<300ms", "ack_p99.9<=50ms", "lost==0", "error_rate<1%", "rate>=1000"), missed)
	missed.Interrupted = true
	missed.Listeners.Gaps, missed.Listeners.Reconnects, missed.Listeners.Resumes = 12, 40, 38

	search := fabricate(load{seed: 4, seconds: 10})
	search.Search = []report.Step{
		{Rate: 1000, Reached: 1000, Met: true},
		{Rate: 4000, Reached: 3120.5, Missed: []string{"overhead_p99<300ms", "lost==0"}},
		{Rate: 2000, Reached: 1999.9, Met: true},
	}

	foreign := fabricate(load{seed: 5, seconds: 10})
	foreign.Counted, foreign.Lost, foreign.Doubled, foreign.Shifted = nil, nil, nil, nil
	foreign.Latency[report.WindowWait], foreign.Latency[report.Overhead] = nil, nil
	foreign.Notes = []string{"The target does not tell when it accepted a reaction, so that neither the wait for the window's end nor the overhead can be had."}

	closed := fabricate(load{seed: 6, seconds: 10})
	closed.Options.Rate, closed.Options.Listeners, closed.Listeners = 0, 0, report.Listeners{}
	closed.Options.Batch, closed.Options.Churn, closed.Options.Stalled = 100, 2.5, 10

	bursts := fabricate(load{seed: 9, seconds: 2})
	bursts.Options.Rate, bursts.Options.Burst = 0, "500ms:2000"

	many := fabricate(load{seed: 8, seconds: 4, invalid: true})
	for i := range 25 {
		many.Windows = append(many.Windows, report.WindowBalance{End: start(), Emoji: "💖", Accepted: int64(i), Counted: int64(2 * i)})
		many.Errors[fmt.Sprintf("kind %02d", i)] = 1
	}
	return map[string]report.Report{
		"good": fabricate(load{seed: 1}), "missed": missed, "search": search, "foreign": foreign, "closed loop": closed, "bursts": bursts,
		"hostile": hostile, "invalid": many, "empty": {Schema: report.Schema},
	}
}

// conditions parses thresholds that must be valid.
func conditions(texts ...string) []report.Threshold {
	var all []report.Threshold
	for _, text := range texts {
		c, err := report.ParseThreshold(text)
		if err != nil {
			panic(err)
		}
		all = append(all, c)
	}
	return all
}
