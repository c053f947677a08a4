package aggregator_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/aggregator"
	"github.com/emostream/emostream/internal/stream"
)

// Retention removes all that was emitted, and aggregate is started again. A record that
// comes then is counted in the window that it had been counted in before. If reactions
// of that window are gone, nobody knows whether it was counted already: then adding it
// fails. All of that is so after a second restart, too.
func TestRecordsAfterRetentionHasRemovedTheRest(t *testing.T) {
	const begin = 1_000_000_000
	for name, tt := range map[string]struct {
		before []int64 // times of the records that were emitted
		kept   int     // how many of them are left
		after  []int64 // times of the records after them; 0: none
		want   string  // the error of the last of these, or the partials
	}{
		// 22000 is spent, and the last record was counted in 24000 instead.
		"of a window that took the place of a spent one": {
			[]int64{0, 1, 20000, 2, 9000, 18000, 20500}, 0, []int64{20600}, "the record at 7 belongs to it",
		},
		"of the window after it": {
			[]int64{0, 1, 20000, 2, 9000, 18000, 20500}, 0, []int64{24500}, "1000026000 main: from 7 to 8, 🔥1",
		},
		// 40000 was counted in 42000.
		"of a spent window": {
			[]int64{0, 1, 40000, 2}, 0, []int64{9000, 18000, 27000, 36000, 40500}, "1000044000 main: from 8 to 9, 🔥1",
		},
		"of the window of a time that is pending": {
			[]int64{0, 1, 100_000}, 0, []int64{100_500}, "the record at 3 belongs to it",
		},
		"of the window of a time that is pending and not gone": {
			[]int64{0, 1, 100_000}, 1, []int64{100_500}, "1000102000 main: from 2 to 4, 🔥2",
		},
		"a late one, after the pending time was confirmed": {
			[]int64{0, 1, 100_000}, 0, []int64{104_000, 50_000}, "1000096000 main: from 4 to 5, 🔥1",
		},
		"without a time, of the window of the watermark": {
			[]int64{0, 1}, 0, []int64{-begin}, "a reaction without a time",
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCombiner(t, 1)
			for _, at := range tt.before {
				add(t, c, c.Position(), begin+at, value("🔥"))
			}
			e, _ := c.Due(begin + 300_000)
			c.Confirm(e)
			for restarts := 1; restarts <= 2; restarts++ {
				c = restarted(t, c, int64(len(tt.before)-tt.kept), 20)
				if want := int64(len(tt.before) - tt.kept); c.Position() != want {
					t.Fatalf("it goes on at %d, want %d", c.Position(), want)
				}
			}
			var err error
			times := append(tt.before[len(tt.before)-tt.kept:len(tt.before):len(tt.before)], tt.after...)
			for i, at := range times {
				err = c.Add(stream.Record{Offset: c.Position(), Time: begin + at, Value: value("🔥")}, 0)
				if err != nil && i < len(times)-1 {
					t.Fatal(err)
				}
			}
			if err != nil {
				if _, stops := errors.AsType[*aggregator.CommitError](err); !strings.Contains(err.Error(), tt.want) || stops != strings.Contains(tt.want, "belongs") {
					t.Errorf("Add = %v, want %q", err, tt.want)
				}
				return
			}
			e, _ = c.Due(begin + 400_000)
			if got := lines(t, e)[0]; !slices.Contains(got, tt.want) {
				t.Errorf("counted %q, want %s", got, tt.want)
			}
		})
	}
}

// After retention a combiner goes on at the reaction whose time is pending. What came
// after it and was counted in windows whose beginning is gone is left out.
func TestWhatWasCountedIsLeftOutAfterRetention(t *testing.T) {
	const begin = 1_000_000_000
	c := newCombiner(t, 1)
	times := []int64{begin, begin + 1, begin + 100_000, begin - 50_000, 0, begin + 1000} // two that are late, and one without a time
	for _, at := range times[:5] {
		add(t, c, c.Position(), at, value("🔥"))
	}
	e, _ := c.Due(begin + 300_000)
	c.Confirm(e)
	c = restarted(t, c, 2, 20)
	add(t, c, 2, times[2], value("🔥"))
	e, _ = c.Due(begin + 300_000)
	c.Confirm(e)
	c = restarted(t, c, 2, 20) // before it has read as far as was counted
	for offset := int64(2); offset < 5; offset++ {
		add(t, c, offset, times[offset], value("🔥"))
	}
	err := c.Add(stream.Record{Offset: 5, Time: times[5], Value: value("🔥")}, 0)
	if _, ok := errors.AsType[*aggregator.CommitError](err); !ok {
		t.Errorf("Add = %v, want a CommitError", err)
	}
	emit(t, c, begin+400_000, "1000102000 main: from 2 to 3, 🔥1", "mark: reported never, closed 999990000")
}

// With ResetLost a combiner counts what belongs to a window that was cut off in the next
// one.
func TestResetLostCountsInTheNextWindow(t *testing.T) {
	const begin = 1_000_000_000
	c := newCombiner(t, 1)
	for _, at := range []int64{0, 1, 100_000} {
		add(t, c, c.Position(), begin+at, value("🔥"))
	}
	e, _ := c.Due(begin + 300_000)
	c.Confirm(e)
	cfg := aggregator.CombinerConfig{Windows: twos(t), Grace: 100 * time.Millisecond, Partitions: 4, Reducers: 1}
	c, err := aggregator.NewCombiner(cfg, c.Commit(), 3, 20, true)
	if err != nil {
		t.Fatal(err)
	}
	add(t, c, 3, begin+100_500, value("🔥"))
	emit(t, c, begin+300_000, "1000104000 main: from 3 to 4, 🔥1", "mark: reported never, closed 1000090000")
}

// A log that ends before the offset up to which all was emitted has lost its tail. New
// records take these offsets, and were not emitted.
func TestWhatWasEmittedIsForgottenWithTheTail(t *testing.T) {
	cfg := aggregator.CombinerConfig{Windows: twos(t), Partitions: 4, Reducers: 1}
	c, err := aggregator.NewCombiner(cfg, stream.Commit{Offset: 4, Metadata: metadata(3000, 2000, 9, 5000)}, 0, 5, false)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Commit(), (stream.Commit{Offset: 4, Metadata: metadata(3000, 2000, 0, never)}); got != want {
		t.Errorf("commit %+v, want %+v", got, want)
	}
}

// restarted returns a combiner that goes on from the commit of another. The log holds the
// offsets from start up to end.
func restarted(t *testing.T, c *aggregator.Combiner, start, end int64) *aggregator.Combiner {
	t.Helper()
	cfg := aggregator.CombinerConfig{Windows: twos(t), Grace: 100 * time.Millisecond, Partitions: 4, Reducers: 1}
	again, err := aggregator.NewCombiner(cfg, c.Commit(), start, end, false)
	if err != nil {
		t.Fatal(err)
	}
	return again
}
