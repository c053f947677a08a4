package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
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

// What makes a run invalid stands before it, and other notes behind. Where no listeners
// were asked for, the one that a run has of its own is told as such.
func TestReasonsAndNotes(t *testing.T) {
	r := fabricate(load{seed: 2, seconds: 4, invalid: true})
	r.Notes = []string{"nobody listens", report.NotKeptUp + ": 48 ms"}
	r.Options.Listeners, r.Options.Connections = 1, 1
	r.Listeners.Wanted, r.Listeners.Connected = 0, 1
	var b strings.Builder
	if err := report.WriteText(&b, r); err != nil {
		t.Fatal(err)
	}
	banner, rest, _ := strings.Cut(b.String(), "\n\n")
	if !strings.Contains(banner, report.NotKeptUp) || strings.Contains(banner, "nobody") || !strings.HasSuffix(rest, "\nNotes\n  nobody listens\n") {
		t.Errorf("the reason and the note:\n%s", b.String())
	}
	for _, want := range []string{" 1 connection, 1 listener\n", "1  for the books alone\n"} {
		if !strings.Contains(rest, want) {
			t.Errorf("it lacks %q:\n%s", want, rest)
		}
	}
	html := page(t, r)
	if alert, after, _ := strings.Cut(html, "</div>"); strings.Contains(alert, "nobody listens") || !strings.Contains(after, "<h2>Notes</h2><p>nobody listens</p>") {
		t.Error("the page has the note among the reasons")
	}
}

// reports returns fabricated reports of every kind.
func reports() map[string]report.Report {
	hostile := fabricate(load{seed: 7, seconds: 4})
	hostile.Options.Target = "http://x/<script>alert(1)</script>\x1b[31m" + strings.Repeat("long", 30)
	hostile.Errors = map[string]int64{"</svg><img src=x onerror=alert(1)>\x1b]0;title\x07\u202e": 3, strings.Repeat("wide ", 40): 1}
	hostile.Notes = []string{"\"';}</style><script>alert(2)</script>"}

	hostile.Scenario = report.Scenario{"post-body": json.RawMessage(`"</dl><script>alert(3)</script>\u001b[31m"`)}

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
	closed.Scenario = report.Scenario{} // all at the defaults
	closed.Options.Rate, closed.Options.Listeners, closed.Listeners = 0, 0, report.Listeners{}
	closed.Options.Batch, closed.Options.Churn, closed.Options.Stalled = 100, 2.5, 10

	bursts := fabricate(load{seed: 9, seconds: 2})
	bursts.Options.Rate, bursts.Options.Burst = 0, "500ms:2000"

	many := fabricate(load{seed: 8, seconds: 4, invalid: true})
	for i := range 25 {
		many.Windows = append(many.Windows, report.WindowBalance{End: start(), Emoji: "💖", Accepted: int64(i), Counted: int64(2 * i)})
		many.Errors[fmt.Sprintf("kind %02d", i)] = 1
	}
	good := fabricate(load{seed: 1})
	good.Scenario = report.Scenario{
		"rate": json.RawMessage("2000"), "find-max": json.RawMessage("true"), "seed": json.RawMessage("18446744073709551615"),
		"threshold": json.RawMessage(`["lost==0","ack_p99<50ms"]`), "stages": json.RawMessage(`"10s:100,5s:0"`),
	}
	warmed := fabricate(load{seed: 10, seconds: 4})
	warmed.Options.WarmUpMS, warmed.WarmUp = 1000, new(fabricatePart(1000, 2000, 0))
	channels := fabricate(load{seed: 10, seconds: 4, lost: 2, doubled: 1})
	channels.Options.Channel, channels.Options.Channels, channels.Options.ArriveMS = "bench-000a-1..12", 12, 3000
	channels.Windows[0].Channel, channels.Windows[1].Channel = "bench-000a-12", "bench-000a-3"
	channels.Options.Slow, channels.Options.SlowPace, channels.Options.Stalled, channels.Options.Mute = 100, 1000, 20, 3
	channels.Listeners.Slow = &report.Borne{Wanted: 100, Kept: 88, Ended: 12}
	channels.Listeners.Stalled = &report.Borne{Wanted: 20, Ended: 19}
	channels.Listeners.Mute = &report.Borne{Wanted: 3, Kept: 3}

	streams := fabricate(load{seed: 11, seconds: 4, lost: 2})
	streams.Windows, streams.Options.Channel, streams.Options.Streams = nil, "", 2
	n := func(i int64) *int64 { return &i }
	streams.Streams = []report.Stream{
		{URL: "http://one.example:8080/sub", Connected: 500, Counted: n(8000), Lost: n(0), Doubled: n(0), Gaps: n(0), EndToEnd: streams.Latency[report.EndToEnd]},
		{URL: "http://two.example:8080/sub/" + strings.Repeat("long", 20), Connected: 500, Counted: n(7998), Lost: n(2), Doubled: n(0), Gaps: n(1000)},
	}

	dead := fabricate(load{seed: 12, seconds: 4})
	dead.Options.Channel, dead.Options.Streams, dead.Listeners.Gaps = "", 2, 3
	dead.UnbalancedBecause = "no listener was ever connected to http://two.example:8080/sub"
	dead.Streams = []report.Stream{streams.Streams[0], {URL: "http://two.example:8080/sub"}}

	return map[string]report.Report{
		"dead stream": dead,
		"stages":      fabricateStages(1), "warm-up": warmed,
		"good": good, "missed": missed, "search": search, "foreign": foreign, "closed loop": closed, "bursts": bursts,
		"channels": channels, "streams": streams, "hostile": hostile, "invalid": many, "empty": {Schema: report.Schema},
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

// Where reactions in doubt may hide lost ones, text, page, Markdown and JUnit say how many,
// and the page is not green.
func TestDoubtIsTold(t *testing.T) {
	r := fabricate(load{seed: 2, seconds: 4})
	if got := page(t, r); !strings.Contains(got, `class="tile good"><dt>Books`) {
		t.Error("books that balance are not green")
	}
	r.InDoubt, r.LostAtMost = 1200, new(int64(1200))
	var b strings.Builder
	if err := report.WriteText(&b, r); err != nil {
		t.Fatal(err)
	}
	if want := "lost                       0  at most 1,200: reactions in doubt may hide it\n"; !strings.Contains(b.String(), want) {
		t.Errorf("it lacks %q:\n%s", want, b.String())
	}
	for _, want := range []string{"<dt>lost</dt><dd>0 (at most 1,200)</dd>", "1,200 in doubt may hide lost ones", `class="tile "><dt>Books`} {
		if got := page(t, r); !strings.Contains(got, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	var summary, suite strings.Builder
	if err := errors.Join(report.WriteMarkdown(&summary, r, report.Checks(r, false)), report.WriteJUnit(&suite, r, report.Checks(r, false))); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| lost | 0 (at most 1,200) |", `0 \(at most 1,200\) lost, 0 doubled: reactions in doubt may hide it`} {
		if !strings.Contains(summary.String(), want) {
			t.Errorf("the Markdown lacks %q", want)
		}
	}
	if want := "0 (at most 1,200) lost, 0 doubled: reactions in doubt may hide it"; !strings.Contains(suite.String(), want) {
		t.Errorf("the JUnit file lacks %q", want)
	}
	check := func(condition string, met bool) {
		t.Helper()
		if got := report.Evaluate(conditions(condition), r)[0].Met; got != met {
			t.Errorf("%s is met: %t", condition, got)
		}
	}
	check("lost==0", true)
	check("lost_at_most==0", false)
	check("lost_at_most<=1200", true)
	check("doubled_at_most==0", true)
}
