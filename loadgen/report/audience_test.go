package report_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/loadgen/report"
)

// What became of listeners, and what each stream showed, is added up over generators.
func TestMergeAddsAudiences(t *testing.T) {
	latency := func(ms ...time.Duration) *report.Latency {
		h := report.NewHistogram()
		for _, d := range ms {
			h.Record(d * time.Millisecond)
		}
		return h.Latency()
	}
	stream := func(url string, connected int, counted, lost, doubled, gaps int64, e2e *report.Latency) report.Stream {
		return report.Stream{URL: url, Connected: connected, Counted: &counted, Lost: &lost, Doubled: &doubled, Gaps: &gaps, EndToEnd: e2e}
	}
	a, b := fabricate(load{seed: 1}), fabricate(load{seed: 2})
	a.Options.Channels, a.Options.Slow, a.Options.SlowPace, a.Options.Mute = 3, 5, 100, 2
	b.Options.Slow, b.Options.SlowPace = 2, 100
	a.Listeners.Slow, b.Listeners.Slow = &report.Borne{Wanted: 5, Kept: 3, Ended: 1}, &report.Borne{Wanted: 2, Ended: 2}
	a.Listeners.Mute = &report.Borne{Wanted: 2, Kept: 2}
	a.Streams = []report.Stream{stream("one", 3, 5, 1, 2, 4, latency(1, 2)), stream("two", 1, 1, 0, 0, 0, nil), {URL: "dead"}}
	b.Streams = []report.Stream{stream("one", 4, 6, 2, 3, 5, latency(3)), stream("two", 0, 0, 0, 0, 0, latency(4)), stream("dead", 1, 2, 0, 0, 0, nil)}
	before := *a.Listeners.Slow
	m := merge(t, a, b)
	if diff := cmp.Diff([]any{&report.Borne{Wanted: 7, Kept: 3, Ended: 3}, (*report.Borne)(nil), &report.Borne{Wanted: 2, Kept: 2}},
		[]any{m.Listeners.Slow, m.Listeners.Stalled, m.Listeners.Mute}); diff != "" {
		t.Errorf("listeners (-want +got):\n%s", diff)
	}
	want := []report.Stream{stream("one", 7, 11, 3, 5, 9, latency(1, 2, 3)), stream("two", 1, 1, 0, 0, 0, latency(4)), {URL: "dead", Connected: 1}}
	if diff := cmp.Diff(want, m.Streams); diff != "" {
		t.Errorf("streams (-want +got):\n%s", diff)
	}
	if o := m.Options; o.Channels != 4 || o.Slow != 7 || o.SlowPace != 100 || o.Mute != 2 {
		t.Errorf("options %+v", o)
	}
	if *a.Listeners.Slow != before || *a.Streams[0].Counted != 5 {
		t.Error("a report was changed")
	}
	b.Options.SlowPace = 200
	if _, err := report.Merge([]report.Report{a, b}); err == nil {
		t.Error("slow listeners of two paces were joined")
	}
}
