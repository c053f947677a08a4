package windowing_test

import (
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
)

// twos returns windows of two seconds with a lateness of ten, the default.
func twos(tb testing.TB) windowing.Windows {
	tb.Helper()
	return windows(tb, 2*time.Second, 10*time.Second)
}

func windows(tb testing.TB, length, lateness time.Duration) windowing.Windows {
	tb.Helper()
	w, err := windowing.New(length, lateness)
	if err != nil {
		tb.Fatal(err)
	}
	return w
}

func TestNew(t *testing.T) {
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
			w, err := windowing.New(tt.length, tt.lateness)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("New = %v, want %q", err, tt.want)
				}
				return
			}
			if want := (wire.Settings{WindowMS: tt.length.Milliseconds(), LatenessMS: tt.lateness.Milliseconds()}); err != nil || w.Settings() != want {
				t.Errorf("New = %+v, %v; want %+v", w, err, want)
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
		windowing.Never: windowing.Never,
		0:               -10000,
		11999:           0,
		12000:           2000, // the window that ends at 2000 is open while the watermark is below 12000
		12001:           2000,
		13999:           2000,
		14000:           4000,
		-1:              -12000,
	} {
		if got := w.Closed(watermark); got != want {
			t.Errorf("Closed(%d) = %d, want %d", watermark, got, want)
		}
	}
}
