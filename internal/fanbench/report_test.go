package fanbench_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/fanbench"
)

func TestReport(t *testing.T) {
	r := fanbench.Report{Rows: []fanbench.Row{
		{Name: "CPU", Ours: "8.0 µs", Theirs: "16.0 µs", Target: "at most 0.75", Met: true},
		{Name: "windows missed", Ours: "2", Target: "none"},
	}}
	want := "" +
		"                ours    nchan    target        \n" +
		"CPU             8.0 µs  16.0 µs  at most 0.75  pass\n" +
		"windows missed  2                none          FAIL\n"
	if diff := cmp.Diff(want, r.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := r.Failed(); len(got) != 1 || got[0] != "windows missed" {
		t.Errorf("failed: %q", got)
	}
}
