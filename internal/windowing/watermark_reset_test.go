package windowing_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

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
			if diff := cmp.Diff(tt.want, s.Skipped); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// A state remembers the newest sixteen ranges of skipped windows.
func TestSkippedWindowsAreBounded(t *testing.T) {
	w, s := twos(t), windowing.Begin()
	for i := range int64(17) {
		for range 2 {
			_, _, s = w.Assign(s, 51000+20_000*i)
		}
	}
	if n := len(s.Skipped); n != 16 || s.Skipped[0] != (wire.WindowRange{54000, 60000}) {
		t.Errorf("%d ranges, the first %v; want 16, without that of before the first", n, s.Skipped[0])
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
	if _, ahead := w.ShownFrom(s.Watermark, 56000); !ahead {
		t.Error("the watermark is not ahead")
	}
	reset(w.ResetAt(56000, []windowing.State{s}), 5)
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
	reset(wire.WatermarkReset{Version: 1, Watermark: 102000}, 17) // it is not ahead
	if s.Watermark != 102000 || s.Reset != 18 {
		t.Errorf("the watermark is %d and the reset %d, want 102000 and 18", s.Watermark, s.Reset)
	}
	reset(wire.WatermarkReset{Version: 1, Watermark: 101999}, 18)
	if s.Watermark != 101999 || s.Reset != 19 {
		t.Errorf("the watermark is %d and the reset %d, want 101999 and 19", s.Watermark, s.Reset)
	}
	assign(103000, 106000) // nothing that was counted in is counted in again
	reset(wire.WatermarkReset{Version: 1, Watermark: 200000, Spent: []wire.WindowRange{{107001, 108001}}}, 20)
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
	for range 3000 {
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
			if got, ok, err := wire.DecodeWatermarkReset(r.Encode()); !ok || err != nil || cmp.Diff(r, got) != "" {
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
				if len(s.Spent) > wire.MaxWindowRanges || len(s.Skipped) > 16 {
					t.Fatalf("a state is too large: %+v", s)
				}
			}
		}
	}
	if resets < 1000 || used < 1000 {
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
