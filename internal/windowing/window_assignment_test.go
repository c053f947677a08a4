package windowing_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
)

// state returns a state without far times.
func state(watermark int64) windowing.State { return windowing.State{Watermark: watermark} }

// ranges returns the windows of two seconds that end at ends.
func ranges(ends ...int64) (ranges []wire.WindowRange) {
	for _, end := range ends {
		ranges = append(ranges, wire.WindowRange{end, end})
	}
	return windowing.Windows{Length: 2000}.Join(ranges)
}

func TestAssign(t *testing.T) {
	w := twos(t)
	const latest = 253402300799999 // the last ms of the year 9999
	for name, tt := range map[string]struct {
		at    int64
		state windowing.State
		end   int64
		late  bool
	}{
		"the first record of a log":             {1999, windowing.Begin(), 2000, false},
		"newer than all":                        {50000, state(1000), 52000, false},
		"its window can just be added to":       {1999, state(11999), 2000, false},
		"its window has just closed":            {1999, state(12000), 4000, true},
		"one later is open still":               {2000, state(12000), 4000, false},
		"as late as can be, to the oldest open": {1, state(33999), 24000, true},
		"and that one closes too":               {1, state(34000), 26000, true},
		"no time, to that of the watermark":     {0, state(33999), 34000, true},
		"a time before all times":               {math.MinInt64, state(33999), 34000, true},
		"a time after all times":                {math.MaxInt64, state(33999), 34000, true},
		"microseconds":                          {1_767_323_045_678_000, state(1_767_323_045_678), 1_767_323_046_000, true},
		"the last time of all":                  {latest, state(1000), latest + 1, false},
		"the one after it":                      {latest + 1, state(1000), 2000, true},
		"no time in an empty log":               {-1, windowing.Begin(), 2000, true},
		"its window is spent":                   {50000, windowing.State{Watermark: 49000, Spent: ranges(52000)}, 54000, true},
		"and so are those after it":             {50000, windowing.State{Watermark: 49000, Spent: ranges(52000, 54000, 56000)}, 58000, true},
		"the oldest open window is spent":       {1000, windowing.State{Watermark: 49000, Spent: ranges(40000)}, 42000, true},
		"the window of the watermark is spent":  {0, windowing.State{Watermark: 49000, Spent: ranges(50000)}, 52000, true},
	} {
		t.Run(name, func(t *testing.T) {
			if end, late, _ := w.Assign(tt.state, tt.at); end != tt.end || late != tt.late {
				t.Errorf("Assign(%+v, %d) = %d, %v; want %d, %v", tt.state, tt.at, end, late, tt.end, tt.late)
			}
		})
	}
}

// A time is far from 62000 on if the watermark is from 50000 to 51999: from then on it
// would close their window.
func TestFarTimes(t *testing.T) {
	w := twos(t)
	for name, tt := range map[string]struct {
		times []int64
		want  windowing.State
	}{
		"the first time of all is far":       {[]int64{51000}, windowing.State{Watermark: windowing.Never, Pending: 51000}},
		"the second confirms it":             {[]int64{51000, 50999}, state(51000)},
		"just not far":                       {[]int64{51000, 51000, 61999}, state(61999)},
		"far":                                {[]int64{51000, 51000, 62000}, windowing.State{Watermark: 51000, Pending: 62000}},
		"not far from the end of the window": {[]int64{51999, 51999, 61999}, state(61999)},
		"far from the end of the window":     {[]int64{51999, 51999, 62000}, windowing.State{Watermark: 51999, Pending: 62000}},
		"confirmed by a later one":           {[]int64{51000, 51000, 80000, 80001}, state(80001)},
		"confirmed by the oldest that can":   {[]int64{51000, 51000, 80000, 70000}, state(80000)},
		"one older does not confirm it":      {[]int64{51000, 51000, 80000, 69999}, windowing.State{Watermark: 51000, Pending: 69999, Spent: ranges(82000)}},
		"confirmed by one that is far again": {[]int64{51000, 51000, 80000, 99000}, windowing.State{Watermark: 80000, Pending: 99000}},
		"not confirmed":                      {[]int64{51000, 51000, 80000, 51001}, windowing.State{Watermark: 51001, Spent: ranges(82000)}},
		"one that is just not late refutes":  {[]int64{51000, 51000, 80000, 40000}, windowing.State{Watermark: 51000, Spent: ranges(82000)}},
		"one that is late says nothing":      {[]int64{51000, 51000, 80000, 39999}, windowing.State{Watermark: 51000, Pending: 80000}},
		"no time says nothing":               {[]int64{51000, 51000, 80000, 0, -1, math.MaxInt64, math.MinInt64}, windowing.State{Watermark: 51000, Pending: 80000}},
		"twice the same window":              {[]int64{51000, 51000, 80000, 51000, 80000, 51000}, windowing.State{Watermark: 51000, Spent: ranges(82000, 84000)}},
		"its time has come":                  {[]int64{51000, 51000, 80000, 51000, 60000, 70000, 80000, 91999}, windowing.State{Watermark: 91999, Spent: ranges(82000)}},
		"and is over":                        {[]int64{51000, 51000, 80000, 51000, 60000, 70000, 80000, 91000, 92000}, state(92000)},
	} {
		t.Run(name, func(t *testing.T) {
			s := windowing.Begin()
			for _, at := range tt.times {
				_, _, s = w.Assign(s, at)
			}
			s.Skipped = nil // TestSkippedWindows
			if diff := cmp.Diff(tt.want, s); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A state is bounded whatever times a stranger writes. Once it holds as many spent
// windows as it may, a far time counts as confirmed.
func TestSpentWindowsAreBounded(t *testing.T) {
	const bound = wire.MaxWindowRanges
	w, s := twos(t), state(51000)
	far := func(i int64) int64 { return 10_000_000 - 20_000*i } // none confirms the one before
	for i := range int64(bound) {
		_, _, s = w.Assign(s, far(i))
	}
	if s.Watermark != 51000 || s.Pending != far(bound-1) || len(s.Spent) != bound-1 {
		t.Fatalf("watermark %d, pending %d, %d spent windows after %d far times; want 51000, %d, one less", s.Watermark, s.Pending, len(s.Spent), bound, far(bound-1))
	}
	_, _, s = w.Assign(s, 51000)
	if len(s.Spent) != bound || s.Watermark != 51000 {
		t.Fatalf("%d windows are spent and the watermark is %d; want %d, 51000", len(s.Spent), s.Watermark, bound)
	}
	_, _, s = w.Assign(s, far(bound))
	if s.Watermark != far(bound) || s.Pending != 0 || len(s.Spent) > bound {
		t.Errorf("watermark %d, pending %d, %d spent; want the far time to be the watermark", s.Watermark, s.Pending, len(s.Spent))
	}
}

// Assign keeps the rule, whatever the times. The window that it returns is open and not
// spent. It is the window of the reaction's time if that is so, else the oldest such
// window, or the next after that of its time. The watermark never goes back. A state
// that others hold does not change.
func TestAssignKeepsTheContract(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		length := 200 + rng.Int64N(3000)
		lateness := 1 + rng.Int64N(4*length)
		w := windows(t, time.Duration(length)*time.Millisecond, time.Duration(lateness)*time.Millisecond)
		s, now := windowing.Begin(), int64(1e9)
		for range 50 {
			now += rng.Int64N(length)
			at := now
			switch rng.IntN(8) {
			case 0:
				at -= rng.Int64N(8*length + 4*lateness)
			case 1:
				at += rng.Int64N(1e8)
			case 2:
				at = []int64{0, -1, math.MinInt64, math.MaxInt64, now * 1000, 1e9}[rng.IntN(6)]
			}
			before := fmt.Sprintf("%+v", s)
			end, late, next := w.Assign(s, at)
			what := fmt.Sprintf("%+v: Assign(%s, %d) = %d, %v, %+v", w, before, at, end, late, next)
			if fmt.Sprintf("%+v", s) != before {
				t.Fatalf("%s changed the state to %+v", what, s)
			}
			free := func(end int64) bool {
				if next.Watermark != at && end+lateness <= next.Watermark { // its own time closes no window before it
					return false
				}
				return !next.IsSpent(end)
			}
			switch {
			case end%length != 0 || !free(end):
				t.Fatalf("%s, which is no window that may be counted in", what)
			case !wire.IsTime(at) && (!late || fmt.Sprintf("%+v", next) != before):
				t.Fatalf("%s, and it has no time", what)
			case wire.IsTime(at) && !late && (at < end-length || at >= end):
				t.Fatalf("%s; the window of its time is another", what)
			case wire.IsTime(at) && late && free(w.Of(at)):
				t.Fatalf("%s; the window of its time may be counted in", what)
			case next.Watermark < s.Watermark:
				t.Fatalf("%s: the watermark went back", what)
			case wire.IsTime(at) && at > max(next.Watermark, next.Pending):
				t.Fatalf("%s: the time is neither the watermark nor pending", what)
			}
			s = next
		}
	}
}

// Without far times the rule is that the watermark is the greatest time so far: so
// programs of before decide the same.
func TestAssignWithoutFarTimes(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	w := twos(t)
	for range 500 {
		s, watermark, now := windowing.Begin(), windowing.Never, int64(1e9)
		for range 200 {
			switch rng.IntN(10) {
			case 0:
				now += rng.Int64N(1e8) // a silence
			default:
				now += rng.Int64N(2000)
			}
			at := now - rng.Int64N(5000)
			end, late, next := w.Assign(s, at)
			want := w.Of(at)
			if closed := w.Closed(watermark); want <= closed {
				want = closed + w.Length
			}
			if end != want || late != (want != w.Of(at)) {
				t.Fatalf("Assign(%+v, %d) = %d, %v; want %d", s, at, end, late, want)
			}
			watermark = max(watermark, at)
			if max(next.Watermark, next.Pending) != watermark || len(next.Spent) > 0 {
				t.Fatalf("%+v after %d, want %d", next, at, watermark)
			}
			s = next
		}
	}
}
