package verify_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/inspect/verify"
	"github.com/emostream/emostream/internal/wire"
)

// Latest is the window whose last count was written the longest time after its end. A
// count that only repeats another one, or is lower, does not matter.
func TestLatest(t *testing.T) {
	for name, tt := range map[string]struct {
		history string
		want    *verify.Delay
	}{
		"nothing was counted": {`
			tap 0 0 🔥
			owe 2000`, nil},
		"one window": {`
			count 2000 🔥 1 2105
			owe 2000`, &verify.Delay{Window: window(base + 2000), Channel: "main", MS: 105}},
		"the last emoji to come": {`
			count 2000 🔥 1 2105
			count 2000 🎉 1 2300
			count 2000 💖 1 2200
			owe 2000`, &verify.Delay{Window: window(base + 2000), Channel: "main", MS: 300}},
		"a revision, then repeated": {`
			count 2000 🔥 1 2105
			count 4000 🔥 1 4105 room
			count 4000 🔥 2 4500 room
			count 4000 🔥 2 9999 room
			count 4000 🔥 1 9999 room
			owe 4000`, &verify.Delay{Window: window(base + 4000), Channel: "room", MS: 500}},
		"before its end, by another clock": {`
			count 2000 🔥 1 1990
			owe 2000`, &verify.Delay{Window: window(base + 2000), Channel: "main", MS: -10}},
		"a window that is open does not count": {`
			count 2000 🔥 1 2105
			count 4000 🔥 1 4900
			owe 2000`, &verify.Delay{Window: window(base + 2000), Channel: "main", MS: 105}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, s := range []wire.Settings{twos, {}} {
				if s == (wire.Settings{}) && strings.Contains(name, "open") {
					continue // no window is known then
				}
				l := verify.NewComparison(s)
				play(t, l, tt.history)
				if diff := cmp.Diff(tt.want, l.Report().Latest); diff != "" {
					t.Errorf("settings %v: %s", s, diff)
				}
			}
		})
	}
}

// A report lists the first hundred differences, and counts the others.
func TestManyDifferences(t *testing.T) {
	for _, n := range []int{99, 100, 101, 250} {
		l := verify.NewComparison(twos)
		for i := range n {
			play(t, l, fmt.Sprintf("tap 0 %d 🔥", 2000*i))
		}
		play(t, l, fmt.Sprintf("owe %d", 2000*n))
		r := l.Report()
		if len(r.Differences) != min(n, 100) || r.More != n-len(r.Differences) || r.Lost != int64(n) {
			t.Errorf("%d windows differ: %d are listed and %d more, %d lost", n, len(r.Differences), r.More, r.Lost)
		}
		if first := r.Differences[0].Window; first != window(base+2000) {
			t.Errorf("the first that differs is %+v", first)
		}
	}
}

// Records that are not counts are passed over, and reported.
func TestRecordsThatAreNoCounts(t *testing.T) {
	const window = `{"window":{"start":"2025-10-09T08:53:20Z","end":"2025-10-09T08:53:22Z"},`
	l := verify.NewComparison(twos)
	bad := []string{
		`junk`, `{}`, `null`, `[]`,
		window + `"emoji_count":1}`,
		window + `"emoji_type":"🔥","emoji_count":-1}`,
		window + `"emoji_type":"🔥","emoji_count":1,"channel":"a b"}`,
		window + `"emoji_type":"` + strings.Repeat("x", 65) + `","emoji_count":1}`,
		`{"window":{"start":"2025-10-09T08:53:22Z","end":"2025-10-09T08:53:22Z"},"emoji_type":"🔥","emoji_count":1}`,
	}
	for _, value := range bad {
		play(t, l, "raw "+value)
	}
	play(t, l, "tap 0 0 🔥\njunk 0 0\nraw "+window+`"emoji_type":"🔥","emoji_count":1}`+"\nowe 2000\ncompare 0")
	if r := l.Report(); r.Unreadable != int64(len(bad)) || r.Skipped != 1 || r.Verdict != verify.Agree || r.Counted != 1 {
		t.Errorf("want %d unreadable and 1 skipped: %+v", len(bad), r)
	}
}

// Scripts rely on the format of a report.
func TestTheFormOfAReport(t *testing.T) {
	l := verify.NewComparison(twos)
	play(t, l, `
		tap 0 0 2*🔥
		tap 0 1 🎉
		owe 2000
		count 2000 🔥 1 2105
		count 2000 🎉 1 2105
		compare 1`)
	r := l.Report()
	r.Source = "given"
	got, err := json.Marshal(r)
	want := `{"v":1,"verdict":"differ","compared":"windows","settings_from":"given","window_ms":2000,"lateness_ms":10000,` +
		`"reactions":3,"skipped":0,"late":0,"counted":2,"unreadable":0,"lost":1,"doubled":0,"open":0,"left_out":0,` +
		`"windows":1,"windows_open":0,"windows_left_out":0,"windows_undecided":0,` +
		`"differences":[{"window":{"start":"2025-10-09T08:53:20.000Z","end":"2025-10-09T08:53:22.000Z"},"channel":"main","emoji_type":"🔥","log":2,"counted":1}],"more_differences":0,` +
		`"latest":{"window":{"start":"2025-10-09T08:53:20.000Z","end":"2025-10-09T08:53:22.000Z"},"channel":"main","delay_ms":105}}`
	if err != nil || string(got) != want {
		t.Errorf("%v\ngot  %s\nwant %s", err, got, want)
	}

	l = verify.NewComparison(wire.Settings{})
	play(t, l, "tap 0 0 🔥\nowe 0")
	got, err = json.Marshal(l.Report().Differences)
	if want := `[{"channel":"main","emoji_type":"🔥","log":1,"counted":0}]`; err != nil || string(got) != want {
		t.Errorf("%v, got %s, want %s", err, got, want)
	}
}
