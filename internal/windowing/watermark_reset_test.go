package windowing_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
)

// The windows between that of the watermark and those that are open under a far time are
// skipped, if it is confirmed.
func TestSkippedWindows(t *testing.T) {
	w := twos(t)
	for name, tt := range map[string]struct {
		times []int64
		want  []wire.WindowRange
	}{
		"all before the first one":              {[]int64{51000, 51000}, []wire.WindowRange{{4000, 40000}}},
		"none while times are not far":          {[]int64{51000, 51000, 61999, 71999}, []wire.WindowRange{{4000, 40000}}},
		"none if it is not far enough":          {[]int64{51000, 51000, 63999, 63999}, []wire.WindowRange{{4000, 40000}}},
		"one if it is just far enough":          {[]int64{51000, 51000, 64000, 64000}, []wire.WindowRange{{4000, 40000}, {54000, 54000}}},
		"many":                                  {[]int64{51000, 51000, 99000, 99000}, []wire.WindowRange{{4000, 40000}, {54000, 88000}}},
		"none before it is confirmed":           {[]int64{51000, 51000, 99000}, []wire.WindowRange{{4000, 40000}}},
		"not those that were counted in":        {[]int64{51000, 51000, 71000, 51000, 99000, 99000}, []wire.WindowRange{{4000, 40000}, {54000, 70000}, {76000, 88000}}},
		"nor those after, for the next in them": {[]int64{51000, 51000, 71000, 51000, 73000, 51000, 99000, 99000}, []wire.WindowRange{{4000, 40000}, {54000, 70000}, {78000, 88000}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := windowing.Begin()
			for _, at := range tt.times {
				_, _, s = w.Assign(s, at)
			}
			if d := diff.Diff(tt.want, s.Skipped); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// A state remembers eight ranges of skipped windows, and rather those of a wrong clock than
// those of silences before and after.
func TestSkippedWindowsAreBounded(t *testing.T) {
	w, s := twos(t), windowing.Begin()
	now := int64(51000)
	later := func(by int64) {
		now += by
		for range 2 {
			_, _, s = w.Assign(s, now)
		}
	}
	for i := range int64(30) {
		later(40_000 + 2000*(i*7%11)) // nights
	}
	wrong := wire.WindowRange{w.Of(now) + 2000, w.Of(now) + 1_000_000 - 12_000}
	later(1_000_000)
	for i := range int64(30) {
		later(16_000 + 2000*(i*5%7)) // pauses
	}
	if len(s.Skipped) != 8 || !slices.Contains(s.Skipped, wrong) {
		t.Errorf("%v are remembered, want eight and among them %v", s.Skipped, wrong)
	}
	if !slices.IsSortedFunc(s.Skipped, func(a, b wire.WindowRange) int { return cmp.Compare(a[0], b[0]) }) {
		t.Errorf("they are out of order: %v", s.Skipped)
	}
	r := w.ResetAt(wrong[0]+500_000, []windowing.State{s})
	r.Held = 200
	s = w.Reset(s, r, 200)
	if end, _, _ := w.Assign(s, wrong[0]+500_000); end != w.Of(wrong[0]+500_000) {
		t.Errorf("after a reset a reaction is counted in the window that ends at %d", end)
	}
}

// Where windows are spent for long after a reset, the state is ahead of the clock.
func TestShownFrom(t *testing.T) {
	w := twos(t)
	spent := func(until int64) windowing.State {
		return windowing.State{Watermark: 50_000, Spent: []wire.WindowRange{{52_000, until}}}
	}
	for name, tt := range map[string]struct {
		state windowing.State
		end   int64
		ahead bool
	}{
		"nothing yet":                   {windowing.Begin(), 52_000, false},
		"not ahead":                     {state(50_000), 52_000, false},
		"as far as right clocks":        {state(55_000), 52_000, false},
		"its window is just not closed": {state(61_999), 52_000, false},
		"its window is closed":          {state(62_000), 54_000, true},
		"by an hour":                    {state(3_662_000), 3_654_000, true},
		"a few windows are spent":       {spent(118_000), 120_000, false},
		"too many are":                  {spent(120_000), 122_000, true},
	} {
		if end, ahead := w.ShownFrom(tt.state, 50_500); end != tt.end || ahead != tt.ahead {
			t.Errorf("%s: ShownFrom = %d, %v; want %d, %v", name, end, ahead, tt.end, tt.ahead)
		}
	}
}

func TestReset(t *testing.T) {
	w := twos(t)
	s := windowing.Begin()
	assign := func(at, end int64) {
		t.Helper()
		var got int64
		if got, _, s = w.Assign(s, at); got != end {
			t.Errorf("%d belongs to the window that ends at %d, want %d", at, got, end)
		}
	}
	reset := func(r wire.WatermarkReset, offset int64) {
		t.Helper()
		before := fmt.Sprintf("%+v", s)
		after := w.Reset(s, r, offset)
		if now := fmt.Sprintf("%+v", s); now != before {
			t.Errorf("it changed the state before from %s to %s", before, now)
		}
		s = after
	}
	assign(51000, 52000)
	assign(52000, 54000)
	assign(99000, 100000) // a far time
	assign(99000, 100000) // that is confirmed
	assign(55000, 90000)  // so this one is late
	if _, ahead := w.ShownFrom(s, 56000); !ahead {
		t.Error("the watermark is not ahead")
	}
	r := w.ResetAt(56000, []windowing.State{s})
	r.Held = 4
	reset(r, 5)
	reset(r, 6) // it was written twice
	if s.Watermark != 56000 || s.Reset != 6 {
		t.Errorf("the watermark is %d and the reset %d, want 56000 and 6", s.Watermark, s.Reset)
	}
	assign(56100, 58000)
	assign(54100, 56000) // nothing was counted there
	assign(53000, 56000) // there was
	assign(51000, 56000)
	assign(66000, 68000)
	assign(76000, 78000)
	assign(86000, 88000)
	assign(88000, 102000) // these were counted in when they were ahead
	assign(92000, 102000)
	assign(99000, 102000)
	assign(102000, 104000)
	reset(wire.WatermarkReset{Version: 1, Watermark: 102000, Held: 6}, 17) // it is not ahead
	if s.Watermark != 102000 || s.Reset != 18 {
		t.Errorf("the watermark is %d and the reset %d, want 102000 and 18", s.Watermark, s.Reset)
	}
	reset(wire.WatermarkReset{Version: 1, Watermark: 101999, Held: 17}, 18) // another was applied since its hold
	reset(wire.WatermarkReset{Version: 1, Watermark: 101999, Held: 18}, 18)
	if s.Watermark != 101999 || s.Reset != 19 {
		t.Errorf("the watermark is %d and the reset %d, want 101999 and 19", s.Watermark, s.Reset)
	}
	assign(103000, 106000) // nothing that was counted in is counted in again
	reset(wire.WatermarkReset{Version: 1, Watermark: 200000, Held: 20, Spent: []wire.WindowRange{{107001, 108001}}}, 20)
	if s.Watermark != 103000 || s.Reset != 21 {
		t.Errorf("the watermark is %d and the reset %d, want 103000 and 21", s.Watermark, s.Reset)
	}
	assign(105999, 112000) // but what others have counted in is spent
}

// Whatever the times and the resets, no partition counts after a reset in a window that
// any of them had counted in before, if the resets know the states of all.
func TestAfterAResetNoWindowIsUsedTwice(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	resets, used := 0, 0
	for range 800 {
		length := 200 + rng.Int64N(3000)
		lateness := 1 + rng.Int64N(4*length)
		w := windows(t, time.Duration(length)*time.Millisecond, time.Duration(lateness)*time.Millisecond)
		states := make([]windowing.State, 1+rng.IntN(3))
		counted := make([]map[int64]bool, len(states)) // by partition: the windows
		barred := make([]map[int64]bool, len(states))  // in which it must not count any more
		for i := range states {
			states[i], counted[i], barred[i] = windowing.Begin(), map[int64]bool{}, map[int64]bool{}
		}
		now := int64(1e9)
		for offset := range int64(80) {
			now += rng.Int64N(2 * length)
			p := rng.IntN(len(states))
			at := now
			switch rng.IntN(8) {
			case 0:
				at -= rng.Int64N(8*length + 4*lateness)
			case 1, 2:
				at += rng.Int64N([]int64{1e5, 1e8}[rng.IntN(2)])
			case 3:
				at = []int64{0, -1, now * 1000, 1e9}[rng.IntN(4)]
			}
			for range 1 + rng.IntN(3) {
				var end int64
				end, _, states[p] = w.Assign(states[p], at)
				if barred[p][end] {
					t.Fatalf("%+v: partition %d counts %d again in the window that ends at %d: %+v", w, p, at, end, states[p])
				}
				counted[p][end] = true
			}
			if rng.IntN(10) > 0 {
				continue
			}
			r := w.ResetAt(now, states)
			r.Held = offset
			if got, ok, err := wire.DecodeWatermarkReset(r.Encode()); !ok || err != nil || diff.Diff(r, got) != "" {
				t.Fatalf("%+v is read as %+v, %v, %v", r, got, ok, err)
			}
			for i, s := range states {
				if s.Watermark <= now {
					continue
				}
				states[i] = w.Reset(s, r, offset)
				resets++
				for _, ends := range counted {
					for end := range ends {
						if barred[i][end] = true; end > now {
							used++
						}
					}
				}
			}
			for _, s := range states {
				if len(s.Spent) > wire.MaxWindowRanges || len(s.Skipped) > 8 {
					t.Fatalf("a state is too large: %+v", s)
				}
			}
		}
	}
	if resets < 300 || used < 300 {
		t.Errorf("%d resets, and %d windows ahead of them: too few", resets, used)
	}
}

// After a reset, reactions are counted in the windows of their times at once, unless that
// was counted in.
func TestAResetOpensSkippedWindows(t *testing.T) {
	w := twos(t)
	for name, ahead := range map[string]int64{"an hour": 3_600_000, "500 years": 500 * 365 * 86_400_000} {
		t.Run(name, func(t *testing.T) {
			const now = 1_900_000_000_000
			states := make([]windowing.State, 4)
			for i := range states {
				s := windowing.Begin()
				for k := range int64(50) {
					_, _, s = w.Assign(s, now-600_000+1000*k+17*int64(i))
				}
				for k := range int64(50) { // the clock is wrong for 50 s
					_, _, s = w.Assign(s, now-550_000+1000*k+17*int64(i)+ahead)
				}
				for k := range int64(50) {
					_, _, s = w.Assign(s, now-50_000+1000*k+17*int64(i))
				}
				states[i] = s
			}
			r := w.ResetAt(now, states)
			r.Held = 150
			for i := range states {
				s := w.Reset(states[i], r, 150)
				for _, at := range []int64{now, now + 1, now + 1999, now - 1999, now + 5000} {
					var end int64
					if end, _, s = w.Assign(s, at); end != w.Of(at) {
						t.Errorf("partition %d counts %d in the window that ends at %d", i, at, end)
					}
				}
			}
		})
	}
}
