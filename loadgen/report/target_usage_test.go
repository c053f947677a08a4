package report_test

import (
	"strings"
	"testing"

	"github.com/emostream/emostream/loadgen/report"
)

// measured returns a run that measured two workers of its target: a thousand requests, ten
// thousand deliveries, and two seconds of processor time in ten.
func measured() report.Report {
	r := fabricate(load{seed: 1, seconds: 10})
	r.TargetUsage = &report.TargetUsage{
		Processes:  []report.TargetProcess{{PID: 11, Command: "nginx"}, {PID: 12, Command: "nginx"}, {PID: 13, Command: "helper", Ended: true}},
		DurationMS: 10_000, CPUUserMS: 1500, CPUSystemMS: 500, Requests: 1000, Deliveries: 10_000,
		MemoryBegin: new(int64(20e6)), MemoryMax: new(int64(60e6)), MemoryEnd: new(int64(50e6)),
		PSSBegin: new(int64(10e6)), PSSEnd: new(int64(15e6)), DescriptorsMax: new(int64(1010)),
	}
	return r
}

func TestUsageThresholds(t *testing.T) {
	met := func(r report.Report, text string) (bool, *float64) {
		results := report.Evaluate(conditions(text), r)
		return results[0].Met, results[0].Actual
	}
	for _, text := range []string{
		"cpu_cores==0.2", "cpu_per_request==2ms", "cpu_per_request==2000us", "cpu_per_delivery==200us", "memory_max==60MB", "memory_end<50001KB",
		"memory_per_listener==5KB", "memory_per_listener<4.9KiB", "descriptors_max==1010",
	} {
		if ok, actual := met(measured(), text); !ok {
			t.Errorf("%s is missed by %v", text, *actual)
		}
	}
	if ok, _ := met(measured(), "memory_max<60MB"); ok {
		t.Error("60 MB are less than 60 MB")
	}
	few := measured()
	few.Listeners.Connected = 3
	unshared := measured()
	unshared.TargetUsage.PSSEnd, unshared.TargetUsage.MemoryMax = nil, nil
	shrunk, same := measured(), measured()
	shrunk.TargetUsage.PSSEnd, same.TargetUsage.PSSEnd = new(int64(9e6)), same.TargetUsage.PSSBegin
	for name, tt := range map[string]struct {
		report report.Report
		text   string
	}{
		"memory that became less":              {shrunk, "memory_per_listener<1B"},
		"memory that stayed the same":          {same, "memory_per_listener==0B"},
		"no process was measured":              {fabricate(load{seed: 1}), "cpu_per_request<1s"},
		"too few listeners to tell their part": {few, "memory_per_listener<1GB"},
		"memory that could not be read":        {unshared, "memory_max<1GB"},
	} {
		if ok, actual := met(tt.report, tt.text); ok || actual != nil {
			t.Errorf("%s, and %s is met", name, tt.text)
		}
	}
	if ok, actual := met(unshared, "memory_per_listener==30KB"); !ok {
		t.Errorf("without PSS it is %v, want that of what is resident", *actual)
	}
	var b strings.Builder
	if err := report.WriteText(&b, shrunk); err != nil || !strings.Contains(b.String(), "memory did not grow") || strings.Contains(b.String(), "-1,000 B") {
		t.Errorf("%v: it is not said that memory did not grow:\n%s", err, b.String())
	}
	for _, text := range []string{"memory_max<60", "memory_max<60ms", "cpu_per_request<5", "cpu_per_request<5MB", "descriptors_max<5KB"} {
		if _, err := report.ParseThreshold(text); err == nil {
			t.Errorf("%s has a wrong unit and is taken", text)
		}
	}
}

// What was measured stands in the text, on the page and in the schema.
func TestUsageIsShown(t *testing.T) {
	r := measured()
	r.Thresholds = report.Evaluate(conditions("cpu_per_delivery<1us", "memory_max<1GB"), r)
	var b strings.Builder
	if err := report.WriteText(&b, r); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"2 nginx (pid 11 ...), helper (pid 13)", "0.200 cores", "200 µs", "60.0 MB", "5.0 KB", "1,010"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, b.String())
		}
		if html := page(t, r); !strings.Contains(html, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if err := validate(schema(t), encoded(t, r)); err != nil {
		t.Errorf("it does not fit the schema: %v", err)
	}
	if _, err := report.ReadJSON(encoded(t, r)); err != nil {
		t.Error(err)
	}
}

// Generators on one machine measured the same processes; those on another one others.
func TestUsageIsMerged(t *testing.T) {
	same, elsewhere, without := measured(), measured(), fabricate(load{seed: 4, seconds: 10})
	same.Seed, elsewhere.Seed = 2, 3
	elsewhere.Environment.Host, without.Environment.Host = "stage-right", "stage-middle"
	same.TargetUsage.CPUUserMS, same.TargetUsage.MemoryMax = 1400, new(int64(70e6))
	elsewhere.TargetUsage.Requests = 500
	without.Requests, without.Listeners.Events = 7, 70
	u := merge(t, measured(), same, elsewhere, without).TargetUsage
	got := []int64{u.Requests, u.Deliveries, int64(u.CPUUserMS), int64(u.CPUSystemMS), *u.MemoryMax, *u.DescriptorsMax, int64(len(u.Processes)), int64(u.DurationMS)}
	want := []int64{2507, 30_070, 3000, 1000, 130e6, 2020, 6, 10_000}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("figure %d is %d, want %d", i, got[i], want[i])
		}
	}
	unread := measured()
	unread.Seed, unread.TargetUsage.MemoryMax = 2, nil
	if u := merge(t, measured(), unread).TargetUsage; u.MemoryMax != nil {
		t.Errorf("the memory is %d, though one generator could not read it", *u.MemoryMax)
	}
	other := measured()
	other.Seed, other.TargetUsage.Processes = 2, []report.TargetProcess{{PID: 99, Command: "caddy"}}
	if _, err := report.Merge([]report.Report{measured(), other}); err == nil || !strings.Contains(err.Error(), "measured caddy on stage-left") {
		t.Errorf("two generators on one machine measured different processes: %v", err)
	}
}

func TestUsageIsCompared(t *testing.T) {
	dearer := measured()
	dearer.TargetUsage.CPUUserMS *= 2
	c := compare(t, []report.Report{measured()}, []report.Report{dearer}, 5)
	if got := strings.Join(c.Regressions, " "); got != "cpu_per_request cpu_per_delivery" || !c.Comparable {
		t.Errorf("regressions are %q", got)
	}
	var b strings.Builder
	if err := c.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"200 µs", "350 µs", "60.0 MB", "5.0 KB"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, b.String())
		}
	}
}

// Those that do not read as others do have their share of the memory, as far as they came.
func TestMemoryOfListenersThatDoNotRead(t *testing.T) {
	r := measured() // 5 MB for 1,000 listeners
	r.Options.Slow, r.Options.Stalled, r.Options.Mute = 1000, 5000, 100
	r.Listeners.Slow = &report.Borne{Wanted: 1000, Kept: 1000}
	r.Listeners.Stalled = &report.Borne{Wanted: 5000, Kept: 400, Ended: 600}
	r.Listeners.Mute = &report.Borne{Wanted: 100, Kept: 100}
	result := report.Evaluate(conditions("memory_per_listener==2KB"), r)[0]
	if !result.Met {
		t.Errorf("memory of a listener: %v, want 5 MB for 2,500", *result.Actual)
	}
}
