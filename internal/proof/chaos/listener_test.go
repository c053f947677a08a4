package chaos_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/proof/chaos"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// swarms returns a topic with the given swarms. Each is the end of its window in
// seconds and its total. The record at offset n was written n seconds after the epoch.
func swarms(t *testing.T, records ...[2]int64) *chaos.Swarms {
	t.Helper()
	var s chaos.Swarms
	for i, r := range records {
		end, total := r[0]*1000, r[1]
		value, err := json.Marshal(wire.Swarm{Channel: "main", Window: wire.Window{Start: end - 2000, End: end}, Total: total})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Add(stream.Record{Offset: int64(i), Time: int64(i) * 1000, Value: value}); err != nil {
			t.Fatal(err)
		}
	}
	return &s
}

func TestSwarmsMustBeWhatWasCounted(t *testing.T) {
	tests := []struct {
		name    string
		records [][2]int64
		counted map[int64]int64
		wrong   []string
	}{
		{"the same", [][2]int64{{2, 5}, {4, 7}}, map[int64]int64{2000: 5, 4000: 7}, nil},
		{"the greatest is what counts", [][2]int64{{2, 4}, {2, 5}, {2, 3}}, map[int64]int64{2000: 5}, nil},
		{"an empty one of a window without counts", [][2]int64{{2, 5}, {4, 0}}, map[int64]int64{2000: 5}, nil},
		{"a window is missing", [][2]int64{{2, 5}}, map[int64]int64{2000: 5, 4000: 7}, []string{"has 0 in sub_1", "7 were counted"}},
		{"a window has too few", [][2]int64{{2, 4}}, map[int64]int64{2000: 5}, []string{"has 4 in sub_1", "5 were counted"}},
		{"a window has too many", [][2]int64{{2, 6}}, map[int64]int64{2000: 5}, []string{"has 6 in sub_1", "5 were counted"}},
		{"a window that was not counted", [][2]int64{{2, 5}, {4, 1}}, map[int64]int64{2000: 5}, []string{"has 1 in sub_1", "0 were counted"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			wrong := swarms(t, test.records...).Compare("sub_1", test.counted)
			if len(test.wrong) == 0 && len(wrong) > 0 || len(test.wrong) > 0 && len(wrong) != 1 {
				t.Fatalf("wrong is %q", wrong)
			}
			for _, want := range test.wrong {
				if !strings.Contains(wrong[0], want) {
					t.Errorf("%q does not say %q", wrong[0], want)
				}
			}
		})
	}
}

// The topic has swarms of windows that end every two seconds. The window that ends at 4
// grows last, at offset 9.
func TestAListenerMayMissOnlyWhatGrewFarBackWhileItWasAway(t *testing.T) {
	topic := swarms(t,
		[2]int64{2, 1}, [2]int64{4, 1}, [2]int64{6, 1}, [2]int64{8, 1}, [2]int64{10, 1},
		[2]int64{12, 1}, [2]int64{14, 1}, [2]int64{16, 1}, [2]int64{18, 1},
		[2]int64{4, 2}, [2]int64{20, 1})
	final := topic.Greatest[4000]
	saw := func(end, total int64) []chaos.Shown { return []chaos.Shown{{End: end * 1000, Total: total}} }
	sec := func(n int64) time.Time { return time.UnixMilli(n * 1000) }
	tests := []struct {
		name        string
		connections []chaos.Connection
		want        bool
	}{
		{"it was there all the time", []chaos.Connection{{sec(0), 0, saw(20, 1)}}, false},
		{"it was away when the window grew", []chaos.Connection{{sec(0), 0, saw(18, 1)}, {sec(10), 18000, saw(20, 1)}}, true},
		{"it had seen the window grow", []chaos.Connection{{sec(0), 0, saw(4, 2)}, {sec(10), 18000, saw(20, 1)}}, false},
		{"it had seen what came after", []chaos.Connection{{sec(0), 0, saw(20, 1)}, {sec(11), 20000, nil}}, false},
		{"it was told of the window when it came back", []chaos.Connection{{sec(0), 0, saw(12, 1)}, {sec(10), 12000, saw(20, 1)}}, false},
		{"just not any more", []chaos.Connection{{sec(0), 0, saw(14, 1)}, {sec(10), 14000, saw(20, 1)}}, true},
		{"it was back long before", []chaos.Connection{{sec(-20), 0, nil}, {sec(-10), 18000, saw(18, 1)}}, false},
		{"it came back twice, the first time with nothing", []chaos.Connection{{sec(0), 0, nil}, {sec(9), 0, nil}, {sec(10), 12000, saw(20, 1)}}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := chaos.MayMiss(final, topic, test.connections); got != test.want {
				t.Errorf("it may have missed it: %v", got)
			}
		})
	}
}

func TestCountsAreTheGreatestAndLateByTheFirstOfThem(t *testing.T) {
	counts := chaos.Counts{}
	for _, r := range []struct{ end, n, at int64 }{ // of one emoji: ms
		{2000, 3, 2100},
		{2000, 5, 2700},
		{2000, 5, 9000},
		{2000, 4, 9500},
		{4000, 1, 4100},
	} {
		value, err := json.Marshal(wire.Count{Window: wire.Window{Start: r.end - 2000, End: r.end}, Emoji: "🔥", Count: r.n})
		if err != nil {
			t.Fatal(err)
		}
		if err := counts.Add(stream.Record{Time: r.at, Value: value}); err != nil {
			t.Fatal(err)
		}
	}
	if got := fmt.Sprint(counts.Totals()); got != "map[2000:5 4000:1]" {
		t.Errorf("the totals are %s", got)
	}
	first, second := chaos.Late{End: 2000, By: 700 * time.Millisecond}, chaos.Late{End: 4000, By: 100 * time.Millisecond}
	for _, test := range []struct {
		after, until int64
		want         []chaos.Late
	}{{0, 9000, []chaos.Late{first, second}}, {2000, 9000, []chaos.Late{second}}, {0, 1999, nil}, {0, 2000, []chaos.Late{first}}} {
		if diff := cmp.Diff(test.want, counts.Late(test.after, test.until)); diff != "" {
			t.Errorf("windows that end after %d and until %d (-want +got):\n%s", test.after, test.until, diff)
		}
	}
}
