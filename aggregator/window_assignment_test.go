package aggregator_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/aggregator"
	"github.com/emostream/emostream/internal/wire"
)

// twos returns windows of two seconds with a lateness of ten, the default.
func twos(tb testing.TB) aggregator.Windows {
	tb.Helper()
	return windows(tb, 2*time.Second, 10*time.Second)
}

func windows(tb testing.TB, length, lateness time.Duration) aggregator.Windows {
	tb.Helper()
	w, err := aggregator.NewWindows(length, lateness)
	if err != nil {
		tb.Fatal(err)
	}
	return w
}

func TestNewWindows(t *testing.T) {
	const ms = time.Millisecond
	for name, tt := range map[string]struct {
		length, lateness time.Duration
		want             string // in the error; empty: none
	}{
		"the default":                {2 * time.Second, 10 * time.Second, ""},
		"the shortest of all":        {200 * ms, ms, ""},
		"the longest of all":         {time.Minute, time.Hour, ""},
		"a window too short":         {199 * ms, time.Second, "window 199ms: want whole milliseconds from 200ms to 1m0s"},
		"a window too long":          {time.Minute + ms, time.Second, "window 1m0.001s: want"},
		"a window of half a ms":      {time.Second + ms/2, time.Second, "window 1.0005s: want whole milliseconds"},
		"no lateness":                {time.Second, 0, "lateness 0s: want whole milliseconds from 1ms to 1h0m0s"},
		"a lateness below zero":      {time.Second, -ms, "lateness -1ms: want"},
		"a lateness too long":        {time.Second, time.Hour + ms, "lateness 1h0m0.001s: want"},
		"a lateness with half a ms":  {time.Second, time.Second + ms/2, "lateness 1.0005s: want whole milliseconds"},
		"both, and the window first": {0, 0, "window 0s: want"},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := aggregator.NewWindows(tt.length, tt.lateness)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("NewWindows = %v, want %q", err, tt.want)
				}
				return
			}
			if want := (wire.Settings{WindowMS: tt.length.Milliseconds(), LatenessMS: tt.lateness.Milliseconds()}); err != nil || w.Settings() != want {
				t.Errorf("NewWindows = %+v, %v; want %+v", w, err, want)
			}
		})
	}
}

func TestWindowOf(t *testing.T) {
	w := twos(t)
	for _, tt := range []struct{ at, of, ended int64 }{
		{0, 2000, 0},
		{1, 2000, 0},
		{1999, 2000, 0},
		{2000, 4000, 2000},
		{2001, 4000, 2000},
		{-1, 0, -2000},
		{-1999, 0, -2000},
		{-2000, 0, -2000},
		{-2001, -2000, -4000},
		{1767323045678, 1767323046000, 1767323044000},
	} {
		if got := w.Of(tt.at); got != tt.of {
			t.Errorf("Of(%d) = %d, want %d", tt.at, got, tt.of)
		}
		if got := w.Ended(tt.at); got != tt.ended {
			t.Errorf("Ended(%d) = %d, want %d", tt.at, got, tt.ended)
		}
		if got := w.Window(tt.of); got != (wire.Window{Start: tt.of - 2000, End: tt.of}) || tt.at < got.Start || tt.at >= got.End {
			t.Errorf("Window(%d) = %+v, want two seconds that hold %d", tt.of, got, tt.at)
		}
	}
}

func TestWindowClosed(t *testing.T) {
	w := twos(t)
	for watermark, want := range map[int64]int64{
		aggregator.Never: aggregator.Never,
		0:                -10000,
		11999:            0,
		12000:            2000, // the window that ends at 2000 is open while the watermark is below 12000
		12001:            2000,
		13999:            2000,
		14000:            4000,
		-1:               -12000,
	} {
		if got := w.Closed(watermark); got != want {
			t.Errorf("Closed(%d) = %d, want %d", watermark, got, want)
		}
	}
}

func TestAssign(t *testing.T) {
	w := twos(t)
	for name, tt := range map[string]struct {
		at, watermark int64
		end           int64
		late          bool
	}{
		"the first record of a log":             {1999, aggregator.Never, 2000, false},
		"the first record, before the epoch":    {-1, aggregator.Never, 0, false},
		"newer than all":                        {50000, 1000, 52000, false},
		"its window can just be added to":       {1999, 11999, 2000, false},
		"its window has just closed":            {1999, 12000, 4000, true},
		"one later is open still":               {2000, 12000, 4000, false},
		"as late as can be, to the oldest open": {-99999, 13999, 4000, true},
		"and that one closes too":               {-99999, 14000, 6000, true},
		"late before the epoch":                 {-30000, -10001, -20000, true},
	} {
		t.Run(name, func(t *testing.T) {
			if end, late := w.Assign(tt.at, tt.watermark); end != tt.end || late != tt.late {
				t.Errorf("Assign(%d, %d) = %d, %v; want %d, %v", tt.at, tt.watermark, end, late, tt.end, tt.late)
			}
		})
	}
}

// Assign keeps the rule. The window that it returns is open at the record. It is the
// window of the record's time if that is open, else the oldest open one.
func TestAssignKeepsTheContract(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		length := 200 + rng.Int64N(3000)
		lateness := 1 + rng.Int64N(4*length)
		w := windows(t, time.Duration(length)*time.Millisecond, time.Duration(lateness)*time.Millisecond)
		watermark := rng.Int64N(200*length) - 100*length
		at := watermark + rng.Int64N(8*length) - 4*length - lateness
		open := func(end int64) bool { return watermark < end+lateness }

		end, late := w.Assign(at, watermark)
		own := end
		if late {
			own = w.Of(at)
		}
		switch {
		case end%length != 0 || !open(end):
			t.Fatalf("%+v: Assign(%d, %d) = %d, which is no open window", w, at, watermark, end)
		case at < own-length || at >= own:
			t.Fatalf("%+v: Assign(%d, %d) = %d, %v; the window of its time is another", w, at, watermark, end, late)
		case late && (open(own) || open(end-length)):
			t.Fatalf("%+v: Assign(%d, %d) = %d late; its own %d is open: %v, an older one is: %v", w, at, watermark, end, own, open(own), open(end-length))
		case open(w.Closed(watermark)) || !open(w.Closed(watermark)+length):
			t.Fatalf("%+v: Closed(%d) = %d, which is not the newest that is closed", w, watermark, w.Closed(watermark))
		}
	}
}
