package report_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/charmbracelet/x/exp/golden"

	"github.com/emostream/emostream/loadgen/report"
)

func compare(t *testing.T, base, after []report.Report, failOn float64) report.Comparison {
	t.Helper()
	c, err := report.Compare(base, after, &failOn)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// fabricateRuns makes up the reports of n runs of load l. The seeds of the runs all
// differ and follow from l.seed.
func fabricateRuns(n int, l load) []report.Report {
	var all []report.Report
	for i := range n {
		l.seed += uint64(i + 1)
		all = append(all, fabricate(l))
	}
	return all
}

// verdicts returns the names of the figures with a certain verdict.
func verdicts(c report.Comparison, v report.Verdict) []string {
	var names []string
	for _, change := range c.Changes {
		if change.Verdict == v {
			names = append(names, change.Name)
		}
	}
	return names
}

// Compare finds hardly any change between runs of the same load, with any number of
// runs a side.
func TestCompareSameLoad(t *testing.T) {
	for _, n := range []struct{ base, after, alarms int }{{1, 1, 0}, {1, 3, 0}, {2, 2, 3}, {3, 3, 2}} {
		alarms, judged := 0, 0
		for round := range 4 {
			seed := uint64(1000 * (round + 1))
			c := compare(t, fabricateRuns(n.base, load{seed: seed, seconds: 10}), fabricateRuns(n.after, load{seed: seed + 500, seconds: 10}), 5)
			if !c.Comparable {
				t.Errorf("runs of the same load are not comparable: %v %v", c.Differences, c.Warnings)
			}
			alarms += len(verdicts(c, report.Worse)) + len(verdicts(c, report.Better))
			judged += len(verdicts(c, report.Same))
		}
		t.Logf("%d against %d: %d alarms, %d same", n.base, n.after, alarms, judged)
		if judged == 0 || alarms > n.alarms {
			t.Errorf("%d runs against %d of the same load: %d look changed, and %d do not", n.base, n.after, alarms, judged)
		}
	}
}

// Compare finds a real change, and finds it only in the figures that changed.
func TestCompareSlower(t *testing.T) {
	for name, test := range map[string]struct {
		runs   int
		slower float64
	}{
		"twice, one run a side": {1, 2},
		"a quarter, two runs":   {2, 1.25},
		"a tenth, four runs":    {4, 1.1},
	} {
		t.Run(name, func(t *testing.T) {
			base, after := fabricateRuns(test.runs, load{seed: 10}), fabricateRuns(test.runs, load{seed: 77, slower: test.slower})
			c := compare(t, base, after, 5)
			for _, want := range []string{"overhead_p50", "overhead_p90", "overhead_p99"} {
				if !slices.Contains(c.Regressions, want) {
					t.Errorf("%s did not get worse; what did is %v", want, c.Regressions)
				}
			}
			for _, r := range c.Regressions {
				if !strings.HasPrefix(r, "overhead_") && !strings.HasPrefix(r, "e2e_") {
					t.Errorf("%s got worse", r)
				}
			}
			if c = compare(t, after, base, 5); len(c.Regressions) > 0 || !slices.Contains(verdicts(c, report.Better), "overhead_p50") {
				t.Errorf("the other way round: better %v, regressions %v", verdicts(c, report.Better), c.Regressions)
			}
		})
	}
}

// Any lost or doubled reaction is a regression. Failed requests are one only beyond a
// minimum.
func TestCompareBooks(t *testing.T) {
	good := []report.Report{fabricate(load{seed: 1})}
	for name, test := range map[string]struct {
		l    load
		want []string
	}{
		"one lost":              {load{seed: 2, lost: 1}, []string{"lost"}},
		"one doubled":           {load{seed: 2, doubled: 1}, []string{"doubled"}},
		"few failures":          {load{seed: 2, failures: 30}, nil},
		"one in ten fails":      {load{seed: 2, failures: 6000}, []string{"rate", "error_rate"}},
		"nothing is worse here": {load{seed: 3}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c := compare(t, good, []report.Report{fabricate(test.l)}, 5)
			if !slices.Equal(c.Regressions, test.want) {
				t.Errorf("got %v, want %v", c.Regressions, test.want)
			}
			again := compare(t, good, []report.Report{fabricate(test.l)}, 20)
			if slices.Contains(again.Regressions, "rate") {
				t.Error("a tenth is more than a fifth")
			}
		})
	}
}

// A gate is not green because the new runs measured nothing: a figure that only the base
// has is a regression, and runs that had nothing accepted cannot be compared.
func TestCompareUnmeasured(t *testing.T) {
	base, after := fabricate(load{seed: 1}), fabricate(load{seed: 2})
	after.Counted, after.Lost, after.Doubled, after.Shifted = nil, nil, nil, nil
	after.Latency[report.EndToEnd] = nil
	c := compare(t, []report.Report{base}, []report.Report{after}, 5)
	want := []string{"lost", "doubled", "e2e_p50", "e2e_p90", "e2e_p99", "e2e_p99.9"}
	worse, unmeasured := c.Failed()
	if !slices.Equal(unmeasured, want) || len(worse) > 0 || !slices.Equal(c.Regressions, want) || !c.Comparable {
		t.Errorf("worse %v, not measured %v, comparable %t", worse, unmeasured, c.Comparable)
	}
	if got := c.Summary(); got != "6 figures are not measured any more: lost, doubled, e2e_p50, e2e_p90, e2e_p99, e2e_p99.9." {
		t.Errorf("summary: %s", got)
	}
	if c = compare(t, []report.Report{after}, []report.Report{base}, 5); len(c.Regressions) > 0 {
		t.Errorf("what only the new runs have is a regression: %v", c.Regressions)
	}
	refused := load{seed: 3, failures: 60_000}
	c = compare(t, []report.Report{fabricate(refused)}, []report.Report{fabricate(refused)}, 5)
	if c.Comparable || !strings.Contains(c.Incomparable(), "new had nothing accepted") {
		t.Errorf("runs in which everything was refused are comparable: %q", c.Incomparable())
	}
	var said strings.Builder
	if err := errors.Join(c.WriteText(&said), c.WriteMarkdown(&said)); err != nil || strings.Count(said.String(), "not every run tells what the target can do") != 2 || strings.Contains(said.String(), "differ in more") {
		t.Errorf("%v, said %s", err, &said)
	}
}

// The rate that was reached is judged only if both sides were asked for the same rate.
func TestCompareRates(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*report.Options)
		want   report.Verdict
	}{
		"the same rate":        {func(*report.Options) {}, report.Worse},
		"another rate":         {func(o *report.Options) { o.Rate = 5000 }, report.Context},
		"stages":               {func(o *report.Options) { o.Stages = "1s:5" }, report.Context},
		"bursts":               {func(o *report.Options) { o.Burst = "1s:5" }, report.Context},
		"only other listeners": {func(o *report.Options) { o.Listeners = 5 }, report.Worse},
	} {
		t.Run(name, func(t *testing.T) {
			after := fabricate(load{seed: 2, failures: 6000})
			test.change(&after.Options)
			c := compare(t, []report.Report{fabricate(load{seed: 1})}, []report.Report{after}, 5)
			if !slices.Contains(verdicts(c, test.want), "rate") {
				t.Errorf("want %s, got %+v", test.want, c.Changes[0])
			}
			if (c.Incomparable() == "") != c.Comparable {
				t.Errorf("comparable: %t, but %q", c.Comparable, c.Incomparable())
			}
		})
	}
}

// Runs of different loads, or on different machines, are compared, and the comparison
// says that they differ.
func TestCompareIncomparable(t *testing.T) {
	base := fabricate(load{seed: 1})
	base.ID = "one"
	for name, test := range map[string]struct {
		change     func(*report.Report)
		comparable bool
		want       string // difference or warning
	}{
		"rate":      {func(r *report.Report) { r.Options.Rate = 5000 }, false, "rate 2,000/s 5,000/s"},
		"duration":  {func(r *report.Report) { r.Options.DurationMS = 1000 }, false, "duration 30s 1s"},
		"stages":    {func(r *report.Report) { r.Options.Stages = "1s:5" }, false, "stages none 1s:5"},
		"listeners": {func(r *report.Report) { r.Options.Listeners = 5 }, false, "listeners 1000 5"},
		"CPUs":      {func(r *report.Report) { r.Environment.CPUs = 64 }, false, "CPUs 2 64"},
		"version":   {func(r *report.Report) { r.Environment.Version = "1.5.0" }, true, "version 1.4.0 1.5.0"},
		"target":    {func(r *report.Report) { r.Options.Target = "http://x" }, true, "target http://127.0.0.1:5000 http://x"},
		"timeout":   {func(r *report.Report) { r.Options.TimeoutMS = 1000 }, false, "timeout 10s 1s"},
		"drain":     {func(r *report.Report) { r.Options.DrainMS = 1000 }, false, "drain 30s 1s"},
		"silence":   {func(r *report.Report) { r.Options.SilenceMS = 1000 }, false, "silence 30s 1s"},
		"patience":  {func(r *report.Report) { r.Options.PatienceMS = 1000 }, false, "patience 15s 1s"},
		"type":      {func(r *report.Report) { r.Options.PostType = "text/plain" }, false, "post type application/json text/plain"},
		"body":      {func(r *report.Report) { r.Options.PostBody = "9 bytes, 01020304" }, false, "post body none 9 bytes, 01020304"},
		"match":     {func(r *report.Report) { r.Options.Match = "x(.*)" }, false, "match none x(.*)"},
		"arrive":    {func(r *report.Report) { r.Options.ArriveMS = 2000 }, false, "arrive 0s 2s"},
		"channels":  {func(r *report.Report) { r.Options.Channels = 4 }, false, "channels 1 4"},
		"streams":   {func(r *report.Report) { r.Options.Streams = 2 }, false, "streams 1 2"},
		"slow":      {func(r *report.Report) { r.Options.Slow = 9 }, false, "slow 0 9"},
		"pace":      {func(r *report.Report) { r.Options.SlowPace = 9 }, false, "pace of slow 0 9"},
		"mute":      {func(r *report.Report) { r.Options.Mute = 9 }, false, "mute 0 9"},
		"the same":  {func(r *report.Report) { r.ID = "one" }, false, "base and new are the same run"},
		"defaults": {func(r *report.Report) {
			o := &r.Options
			o.TimeoutMS, o.DrainMS, o.SilenceMS, o.PatienceMS, o.PostType = 10_000, 30_000, 30_000, 15_000, "application/json"
		}, true, ""},
		"HTTP/2":      {func(r *report.Report) { r.Options.HTTP = "2" }, false, "HTTP 1.1 2"},
		"HTTP/1.1":    {func(r *report.Report) { r.Options.HTTP = "1.1" }, true, ""},
		"insecure":    {func(r *report.Report) { r.Options.Insecure = true }, true, "certificates checked not checked"},
		"seed":        {func(r *report.Report) { r.Seed, r.Options.Channel = 9, "c" }, true, ""},
		"invalid":     {func(r *report.Report) { r.Invalid = true }, false, "new is invalid"},
		"interrupted": {func(r *report.Report) { r.Interrupted = true }, false, "new was interrupted"},
	} {
		t.Run(name, func(t *testing.T) {
			after := base
			after.ID = "another"
			test.change(&after)
			c := compare(t, []report.Report{base}, []report.Report{after}, 5)
			said := strings.Join(c.Warnings, " ")
			for _, d := range c.Differences {
				said += d.Name + " " + d.Base + " " + d.New
			}
			if c.Comparable != test.comparable || !strings.Contains(said, test.want) || test.want == "" && said != "" {
				t.Errorf("comparable: %t, said %q; want %t, %q", c.Comparable, said, test.comparable, test.want)
			}
			if len(c.Changes) < 20 {
				t.Errorf("only %d figures are compared", len(c.Changes))
			}
		})
	}
}

func TestCompareTells(t *testing.T) {
	after := fabricate(load{seed: 2, slower: 2, rate: 5000, lost: 2})
	after.Options.Target = "http://<b>|x`\x1b[31m"
	after.Latency[report.EndToEnd] = nil
	c := compare(t, []report.Report{fabricate(load{seed: 1})}, []report.Report{after}, 5)
	runs := compare(t, fabricateRuns(3, load{seed: 1}), fabricateRuns(3, load{seed: 50}), 5)
	for name, write := range map[string]func(*bytes.Buffer) error{
		"text":     func(b *bytes.Buffer) error { return c.WriteText(b) },
		"markdown": func(b *bytes.Buffer) error { return c.WriteMarkdown(b) },
		"runs":     func(b *bytes.Buffer) error { return runs.WriteText(b) },
		"json":     func(b *bytes.Buffer) error { return c.WriteJSON(b) },
	} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := write(&b); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(b.String()) {
				if n := utf8.RuneCountInString(line); n > 81 && (name == "text" || name == "runs") {
					t.Errorf("%d columns: %s", n-1, line)
				}
			}
			golden.RequireEqual(t, b.String())
		})
	}
}

func TestCompareNothing(t *testing.T) {
	if _, err := report.Compare(nil, fabricateRuns(1, load{}), nil); err == nil {
		t.Error("a side without runs was compared")
	}
}

// However clear the runs of two sides lie apart, less than a tenth of a millisecond or one
// count is no change.
func TestCompareHasFloorsWithSeveralRuns(t *testing.T) {
	side := func(ack time.Duration, accepted, failed int64) []report.Report {
		h := report.NewHistogram()
		h.RecordN(ack, 1000)
		r := report.Report{
			Schema: report.Schema, DurationMS: 10_000, Sent: accepted + failed, Requests: accepted + failed, Accepted: accepted, Rejected: failed,
			Errors: map[string]int64{"503": failed}, Latency: map[string]*report.Latency{report.Ack: h.Latency()},
		}
		return []report.Report{r, r, r}
	}
	const ms = time.Millisecond
	for name, test := range map[string]struct {
		base, after []report.Report
		want        []string
	}{
		"a latency by 0.08 ms":   {side(ms/5, 1000, 0), side(ms/5+ms*8/100, 1000, 0), nil},
		"a latency by 0.2 ms":    {side(ms/5, 1000, 0), side(ms*2/5, 1000, 0), []string{"ack_p50", "ack_p90", "ack_p99", "ack_p99.9"}},
		"one more fails of 20":   {side(ms, 20, 0), side(ms, 19, 1), nil},
		"two more fail of 20":    {side(ms, 20, 0), side(ms, 18, 2), []string{"rate", "error_rate"}},
		"one more fails of 5000": {side(ms, 5000, 0), side(ms, 4999, 1), nil},
		"0.1 % fail":             {side(ms, 10_000, 0), side(ms, 9990, 10), nil},
		"0.2 % fail":             {side(ms, 10_000, 0), side(ms, 9980, 20), []string{"error_rate"}},
	} {
		for runs := range 2 {
			c := compare(t, test.base[:2+runs], test.after[:2+runs], 1)
			if !slices.Equal(c.Regressions, test.want) {
				t.Errorf("%s, %d runs a side: worse %v, want %v", name, 2+runs, c.Regressions, test.want)
			}
		}
	}
}

// Older versions wrote that a listener was asked for where there was nothing to listen to.
func TestCompareRunsWithoutListeners(t *testing.T) {
	t.Parallel()
	older := fabricate(load{seed: 1, seconds: 2})
	older.Options.Channel, older.Options.Listeners, older.Listeners = "", 1, report.Listeners{}
	newer := older
	newer.Options.Listeners = 0
	c, err := report.Compare([]report.Report{older}, []report.Report{newer}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Differences) > 0 {
		t.Errorf("differences: %+v", c.Differences)
	}
}
