package report_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/loadgen/report"
)

func merge(t *testing.T, reports ...report.Report) report.Report {
	t.Helper()
	m, err := report.Merge(reports)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// The merged histogram of two generators holds exactly the values that one generator
// would have recorded.
func TestMergeIsExact(t *testing.T) {
	half, other, all := report.NewHistogram(), report.NewHistogram(), report.NewHistogram()
	for i := range 10_000 {
		d := time.Duration(i*i) * time.Microsecond
		all.Record(d)
		if i%3 == 0 {
			half.Record(d)
		} else {
			other.Record(d)
		}
	}
	a, b := fabricate(load{seed: 1, lost: 2, failures: 30}), fabricate(load{seed: 2, rate: 500, doubled: 1})
	a.Latency[report.Ack], b.Latency[report.Ack] = half.Latency(), other.Latency()
	a.Latency[report.Overhead], b.Latency[report.Overhead] = nil, half.Latency()
	a.Latency[report.EndToEnd], b.Latency[report.EndToEnd] = nil, nil
	b.Options.Insecure = true
	m := merge(t, a, b)
	if got, want := *m.Latency[report.Ack], *all.Latency(); got != want {
		t.Errorf("ack is %+v, want %+v", got, want)
	}
	if got, want := *m.Latency[report.Overhead], *half.Latency(); got != want {
		t.Errorf("overhead is %+v, want that of the one that has it", got)
	}
	if l, ok := m.Latency[report.EndToEnd]; l != nil || !ok {
		t.Errorf("end to end is %v, want not available", l)
	}
	for name, c := range map[string]struct{ got, want int64 }{
		"sent":      {m.Sent, 75_000},
		"accepted":  {m.Accepted, 74_970},
		"rejected":  {m.Rejected, 30},
		"requests":  {m.Requests, 75_000},
		"timeouts":  {m.Errors["timeout"], 10},
		"counted":   {*m.Counted, 74_969},
		"lost":      {*m.Lost, 2},
		"doubled":   {*m.Doubled, 1},
		"windows":   {int64(len(m.Windows)), 2},
		"listeners": {int64(m.Listeners.Connected), 2000},
		"rate":      {int64(m.Options.Rate), 2500},
		"CPUs":      {int64(m.Environment.CPUs), 2}, // both ran on one machine
	} {
		if c.got != c.want {
			t.Errorf("%s is %d, want %d", name, c.got, c.want)
		}
	}
	if m.Options.Channel != "bench-0001, bench-0002" {
		t.Errorf("the channel is %q", m.Options.Channel)
	}
	if !m.Options.Insecure {
		t.Error("it is not said that a generator checked no certificates")
	}
	if _, err := report.ReadJSON(encoded(t, m)); err != nil {
		t.Errorf("the joined report cannot be read: %v", err)
	}
}

// The series of generators that start at different times are aligned before they are
// added.
func TestMergeAlignsSeries(t *testing.T) {
	a, b := fabricate(load{seed: 1, seconds: 5}), fabricate(load{seed: 2, seconds: 5})
	b.Started = a.Started.Add(1900 * time.Millisecond)
	b.Series[0].AckP99 = 77
	m := merge(t, b, a)
	var asked []float64
	for _, p := range m.Series {
		asked = append(asked, p.Asked)
	}
	if want := []float64{2000, 2000, 4000, 4000, 4000, 2000, 2000}; !slices.Equal(asked, want) {
		t.Errorf("asked is %v, want %v", asked, want)
	}
	if p := m.Series[2]; p.AtMS != 3000 || p.AckP99 != 77 || p.Sent != 4000 {
		t.Errorf("the third second is %+v", p)
	}
	if !m.Started.Equal(a.Started) || m.DurationMS != 6900 {
		t.Errorf("it starts at %v and takes %v ms", m.Started, m.DurationMS)
	}
}

// Generators that share a channel each count what all of them sent.
func TestMergeSharedChannel(t *testing.T) {
	shared := func(seed uint64, late, longer time.Duration, counted int64) report.Report {
		r := fabricate(load{seed: seed, seconds: 10}) // 20,000
		r.Options.Channel = "shared"
		r.Started = r.Started.Add(late)
		r.DurationMS += float64(longer.Milliseconds())
		r.Counted, r.Lost, r.Doubled = &counted, new(int64(0)), new(counted-20_000)
		if counted == 0 {
			r.Counted, r.Lost, r.Doubled, r.Shifted = nil, nil, nil, nil
		}
		r.Windows = []report.WindowBalance{{Emoji: "🔥", Accepted: 1, Counted: 2}}
		return r
	}
	const unknown = -1
	for name, test := range map[string]struct {
		reports                []report.Report
		counted, lost, doubled int64
	}{
		"both saw all":                  {[]report.Report{shared(1, 0, 0, 40_000), shared(2, 0, 0, 40_000)}, 40_000, 0, 0},
		"one saw less":                  {[]report.Report{shared(1, 0, 0, 40_000), shared(2, 0, 0, 39_000)}, 40_000, 0, 0},
		"three are missing":             {[]report.Report{shared(1, 0, 0, 39_997), shared(2, 0, 0, 39_997)}, 39_997, 3, 0},
		"five too many":                 {[]report.Report{shared(1, 0, 0, 40_005), shared(2, 0, 0, 40_005)}, 40_005, 0, 5},
		"one has no listeners":          {[]report.Report{shared(1, 0, 0, 40_000), shared(2, 0, 0, 0)}, 40_000, 0, 0},
		"the listener ends first":       {[]report.Report{shared(1, 0, 0, 39_000), shared(2, 0, time.Second, 0)}, unknown, unknown, unknown},
		"the listener starts last":      {[]report.Report{shared(1, time.Second, 0, 39_000), shared(2, 0, 0, 0)}, unknown, unknown, unknown},
		"none listens":                  {[]report.Report{shared(1, 0, 0, 0), shared(2, 0, 0, 0)}, unknown, unknown, unknown},
		"a third has its own channel":   {[]report.Report{shared(1, 0, 0, 40_000), shared(2, 0, 0, 40_000), fabricate(load{seed: 3, seconds: 10, lost: 7})}, 59_993, 7, 0},
		"a third, and nothing is known": {[]report.Report{shared(1, 0, 0, 0), shared(2, 0, 0, 0), fabricate(load{seed: 3, seconds: 10, lost: 7})}, unknown, unknown, unknown},
	} {
		t.Run(name, func(t *testing.T) {
			m := merge(t, test.reports...)
			for what, c := range map[string]struct {
				got  *int64
				want int64
			}{"counted": {m.Counted, test.counted}, "lost": {m.Lost, test.lost}, "doubled": {m.Doubled, test.doubled}} {
				switch {
				case c.got == nil && c.want != unknown:
					t.Errorf("%s is not known, want %d", what, c.want)
				case c.got != nil && *c.got != c.want:
					t.Errorf("%s is %d, want %d", what, *c.got, c.want)
				}
			}
			if m.Shifted != nil {
				t.Errorf("shifted is %d, and cannot be known", *m.Shifted)
			}
			if !strings.Contains(strings.Join(m.Notes, " "), "shared") {
				t.Errorf("the notes do not say so: %v", m.Notes)
			}
			for _, w := range m.Windows {
				if w.Accepted == 1 {
					t.Error("windows of a shared channel are listed")
				}
			}
		})
	}
}

// Generators that had nothing accepted have no books. Beside another that has, they lost
// nothing.
func TestMergeOfRefusals(t *testing.T) {
	refused := func(seed uint64) report.Report {
		r := fabricate(load{seed: seed, failures: 60_000})
		r.Lost, r.Doubled, r.Shifted = nil, nil, nil
		r.SetBooks(0, 0, 0, 0)
		r.Thresholds = report.Evaluate(conditions("lost==0", "gaps==0", "ack_p99<1s"), r)
		return r
	}
	m := merge(t, refused(1), refused(2))
	if m.Lost != nil || m.Doubled != nil {
		t.Errorf("%d lost, %d doubled, and nothing was accepted", *m.Lost, *m.Doubled)
	}
	for _, r := range m.Thresholds {
		if r.Met {
			t.Errorf("%s is met", r.Condition)
		}
	}
	m = merge(t, refused(1), fabricate(load{seed: 2, lost: 3}))
	if m.Lost == nil || *m.Lost != 3 {
		t.Errorf("3 are lost, and the sum is %v", m.Lost)
	}
	a, b := refused(1), refused(2)
	a.Options.Channel, b.Options.Channel = "shared", "shared"
	if m = merge(t, a, b); m.Lost != nil {
		t.Errorf("%d lost in a shared channel, and nothing was accepted", *m.Lost)
	}
}

// Books that are not whole make the sum so, unless another generator listened for the same
// channel.
func TestMergeOfBooksThatAreNotWhole(t *testing.T) {
	part := func(seed uint64, channel string) report.Report {
		r := fabricate(load{seed: seed})
		r.Options.Channel = channel
		r.Thresholds = report.Evaluate(conditions("lost==0", "gaps==0"), r)
		return r
	}
	a, b := part(1, ""), part(2, "")
	a.UnbalancedBecause = "nobody was connected to one"
	m := merge(t, a, b)
	if m.UnbalancedBecause != a.UnbalancedBecause || m.Thresholds[0].Met || m.Thresholds[1].Met {
		t.Errorf("%q, %v", m.UnbalancedBecause, m.Thresholds)
	}
	a.Options.Channel, b.Options.Channel = "shared", "shared"
	*b.Counted = a.Accepted + b.Accepted
	if m = merge(t, a, b); m.UnbalancedBecause != "" || !m.Thresholds[0].Met {
		t.Errorf("of a shared channel: %q, %v", m.UnbalancedBecause, m.Thresholds)
	}
	b.UnbalancedBecause = "nor to another"
	if m = merge(t, a, b); m.UnbalancedBecause != "nobody was connected to one, nor to another" || m.Thresholds[0].Met {
		t.Errorf("of a shared channel that nobody listened to: %q, %v", m.UnbalancedBecause, m.Thresholds)
	}
}

// If one report is invalid or interrupted, so is the merged one. The conditions of all
// reports are evaluated on the merged report.
func TestMergeTaints(t *testing.T) {
	a, b := fabricate(load{seed: 1}), fabricate(load{seed: 2, invalid: true})
	b.Interrupted = true
	a.Thresholds = report.Evaluate(conditions("sent<100000", "lost==0"), a)
	b.Thresholds = report.Evaluate(conditions("lost==0", "accepted>1000"), b)
	m := merge(t, a, b)
	if !m.Invalid || !m.Interrupted {
		t.Error("the joined report is valid and whole")
	}
	if len(m.Notes) != 1 || !strings.HasPrefix(m.Notes[0], "Generator 2 (stage-left): The generator fell behind") {
		t.Errorf("the notes are %q", m.Notes)
	}
	var got []string
	for _, r := range m.Thresholds {
		got = append(got, r.Condition)
		if r.Met == (r.Condition == "sent<100000") {
			t.Errorf("%s is met: %t", r.Condition, r.Met)
		}
	}
	if !slices.Equal(got, []string{"sent<100000", "lost==0", "accepted>1000"}) {
		t.Errorf("thresholds are %v", got)
	}
}

func TestMergeRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*report.Report)
		want   string
	}{
		"the same run":        {func(r *report.Report) { *r = fabricate(load{seed: 1}) }, "reports 1 and 2 are the same run"},
		"another time":        {func(r *report.Report) { r.Started = r.Started.Add(time.Minute) }, "report 2 starts at 2026-11-25T09:31:00Z, when report 1 had ended"},
		"another target":      {func(r *report.Report) { r.Options.Target = "http://other" }, `report 1 has target "http://127.0.0.1:5000" and report 2 "http://other"`},
		"other stages":        {func(r *report.Report) { r.Options.Stages = "1s:1" }, `has stages "" and report 2 "1s:1"`},
		"another duration":    {func(r *report.Report) { r.Options.DurationMS = 5 }, `has duration "30s" and report 2 "5ms"`},
		"another batch":       {func(r *report.Report) { r.Options.Batch = 5 }, `has batch "1" and report 2 "5"`},
		"a closed loop":       {func(r *report.Report) { r.Options.Rate = 0 }, "are not both of an open loop"},
		"a search":            {func(r *report.Report) { r.Search = make([]report.Step, 1) }, "report 2 is a search"},
		"a damaged histogram": {func(r *report.Report) { r.Latency[report.Ack].Histogram = "x" }, "report 2: latency ack"},
		"a strange threshold": {func(r *report.Report) { r.Thresholds = []report.ThresholdResult{{Condition: "x"}} }, "cannot be evaluated"},
	} {
		t.Run(name, func(t *testing.T) {
			b := fabricate(load{seed: 2})
			test.change(&b)
			if _, err := report.Merge([]report.Report{fabricate(load{seed: 1}), b}); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
	if _, err := report.Merge([]report.Report{{}}); err == nil {
		t.Error("one report was joined")
	}
}

// A run counts once in a merged report, also when generators are merged in steps.
func TestMergeRefusesAPartBesideItsWhole(t *testing.T) {
	run := func(seed uint64) report.Report {
		r := fabricate(load{seed: seed})
		r.ID = fmt.Sprint("id", seed)
		return r
	}
	a, b, c, d := run(1), run(2), run(3), run(4)
	moved := a
	moved.Environment.Host, moved.Sent = "elsewhere", 1
	ab := merge(t, a, b)
	abc := merge(t, ab, c)
	for name, tt := range map[string]struct {
		of   []report.Report
		says string // empty: they can be merged
	}{
		"the same run":               {[]report.Report{a, moved}, "reports 1 and 2 are the same run"},
		"a whole and its part":       {[]report.Report{ab, b}, "report 2 is a part of report 1"},
		"a part and its whole":       {[]report.Report{c, a, ab}, "report 2 is a part of report 3"},
		"a part of a part":           {[]report.Report{d, abc, a}, "report 3 is a part of report 2"},
		"wholes that share a part":   {[]report.Report{ab, merge(t, b, c)}, "reports 1 and 2 were merged before and have a part in common"},
		"a whole and a whole of it":  {[]report.Report{abc, ab}, "have a part in common"},
		"merged in steps":            {[]report.Report{abc, d}, ""},
		"wholes that share nothing":  {[]report.Report{ab, merge(t, c, d)}, ""},
		"reports of older versions":  {[]report.Report{fabricate(load{seed: 5}), fabricate(load{seed: 6})}, ""},
		"one of an older version, 2": {[]report.Report{merge(t, fabricate(load{seed: 5}), a), a}, "report 2 is a part of report 1"},
	} {
		m, err := report.Merge(tt.of)
		if tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) || tt.says == "" && err != nil {
			t.Errorf("%s: %v, want %q", name, err, tt.says)
		}
		if err == nil && m.ID != "" {
			t.Errorf("%s: it has the id %s of a run", name, m.ID)
		}
	}
	if parts := merge(t, abc, d).Parts; !slices.Equal(parts, []string{"id1", "id2", "id3", "id4"}) {
		t.Errorf("parts %v", parts)
	}
}

// What reactions in doubt may hide is added, also where one of the reports is exact.
func TestMergeAddsWhatDoubtMayHide(t *testing.T) {
	a, b := fabricate(load{seed: 1, lost: 2}), fabricate(load{seed: 2, doubled: 1})
	a.InDoubt, a.LostAtMost = 3, new(int64(5))
	m := merge(t, a, b)
	if *m.Lost != 2 || *m.Doubled != 1 || m.LostAtMost == nil || *m.LostAtMost != 5 || m.DoubledAtMost != nil {
		t.Errorf("lost %d, at most %v; doubled %d, at most %v", *m.Lost, m.LostAtMost, *m.Doubled, m.DoubledAtMost)
	}
	b.Options.Channel = a.Options.Channel
	a.InDoubt, b.InDoubt = 4, 3
	a.Counted = new(a.Accepted + b.Accepted + 5)
	m = merge(t, a, b)
	if *m.Lost != 0 || *m.LostAtMost != 7 || *m.Doubled != 0 || *m.DoubledAtMost != 5 {
		t.Errorf("in a shared channel: lost %d, at most %d; doubled %d, at most %d", *m.Lost, *m.LostAtMost, *m.Doubled, *m.DoubledAtMost)
	}
}

// Two runs of another service have no channel, and are not of one channel for that.
func TestMergeOfAnotherService(t *testing.T) {
	t.Parallel()
	runOf := func(seed uint64, lost int64) report.Report {
		r := fabricate(load{seed: seed, lost: lost})
		r.Options.Channel = ""
		return r
	}
	a, b := runOf(1, 0), runOf(2, 3)
	m, err := report.Merge([]report.Report{a, b})
	if err != nil {
		t.Fatal(err)
	}
	if m.Counted == nil || *m.Counted != *a.Counted+*b.Counted {
		t.Errorf("counted %v, want %d", m.Counted, *a.Counted+*b.Counted)
	}
	if m.Lost == nil || m.Doubled == nil || *m.Lost != 3 || *m.Doubled != 0 {
		t.Errorf("lost %v, doubled %v, want 3 and 0", m.Lost, m.Doubled)
	}
	if len(m.Notes) > 0 {
		t.Errorf("notes: %q", m.Notes)
	}
}
