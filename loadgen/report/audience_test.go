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
	a, b := fabricate(load{seed: 1}), fabricate(load{seed: 2})
	a.Options.Channels, a.Options.Slow, a.Options.SlowPace, a.Options.Mute = 3, 5, 100, 2
	b.Options.Slow, b.Options.SlowPace = 2, 100
	a.Listeners.Slow, b.Listeners.Slow = &report.Borne{Wanted: 5, Kept: 3, Ended: 1}, &report.Borne{Wanted: 2, Ended: 2}
	a.Listeners.Mute = &report.Borne{Wanted: 2, Kept: 2}
	a.Streams = []report.Stream{{URL: "one", Connected: 3, Counted: 5, Lost: 1, Doubled: 2, Gaps: 4, EndToEnd: latency(1, 2)}, {URL: "two", Counted: 1}}
	b.Streams = []report.Stream{{URL: "one", Connected: 4, Counted: 6, Lost: 2, Doubled: 3, Gaps: 5, EndToEnd: latency(3)}, {URL: "two", EndToEnd: latency(4)}}
	before := *a.Listeners.Slow
	m := merge(t, a, b)
	if diff := cmp.Diff([]any{&report.Borne{Wanted: 7, Kept: 3, Ended: 3}, (*report.Borne)(nil), &report.Borne{Wanted: 2, Kept: 2}},
		[]any{m.Listeners.Slow, m.Listeners.Stalled, m.Listeners.Mute}); diff != "" {
		t.Errorf("listeners (-want +got):\n%s", diff)
	}
	want := []report.Stream{{URL: "one", Connected: 7, Counted: 11, Lost: 3, Doubled: 5, Gaps: 9, EndToEnd: latency(1, 2, 3)}, {URL: "two", Counted: 1, EndToEnd: latency(4)}}
	if diff := cmp.Diff(want, m.Streams); diff != "" {
		t.Errorf("streams (-want +got):\n%s", diff)
	}
	if o := m.Options; o.Channels != 4 || o.Slow != 7 || o.SlowPace != 100 || o.Mute != 2 {
		t.Errorf("options %+v", o)
	}
	if *a.Listeners.Slow != before || a.Streams[0].Counted != 5 {
		t.Error("a report was changed")
	}
	b.Options.SlowPace = 200
	if _, err := report.Merge([]report.Report{a, b}); err == nil {
		t.Error("slow listeners of two paces were joined")
	}
}
