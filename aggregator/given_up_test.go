package aggregator_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/emostream/emostream/aggregator"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// log is a partition of emoji-partials that a reducer reads as often as it wants.
type log []wire.Progress

// read makes a reducer read the log until it has reached the end and nothing more is
// due, and merges what it emits.
func (l log) read(t *testing.T, r *aggregator.Reducer, now int64, got map[cell]int64) {
	t.Helper()
	for range 3 { // windows that were given up are read again, seldom
		now += 20_000
		for done := false; !done; {
			done = r.Position() == int64(len(l))
			if !done {
				if err := r.Add(stream.Record{Offset: r.Position(), Value: l[r.Position()].Encode()}, now); err != nil {
					t.Fatal(err)
				}
			}
			r.Advance(stream.Batch{Next: r.Position(), HighWatermark: int64(len(l)), SentAt: time.UnixMilli(now)})
			e, _ := r.Due(now)
			for _, w := range e.Windows {
				for _, rec := range w.Records {
					c := decodeCount(t, rec)
					got[cell{c.Window.End, w.Channel, c.Emoji}] = max(got[cell{c.Window.End, w.Channel, c.Emoji}], c.Count)
				}
			}
			r.Confirm(e)
		}
	}
}

// While a partition has no leader, a reducer holds no more than MaxHeld. When the
// partition is back, all windows are added up and closed.
func TestReducerGivesUpWindowsWhilePartitionIsAway(t *testing.T) {
	const windows, maxHeld = 100, 100
	r, err := aggregator.NewReducer(aggregator.ReducerConfig{Windows: twos(t), Partitions: 1, MaxHeld: maxHeld}, stream.Commit{Offset: stream.None}, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	var l log
	got := map[cell]int64{}
	now := int64(0)
	for i := range int64(windows) {
		now = 2000 * (i + 1)
		l = append(l, partial(0, now, "main", 10*i, 10*i+5, "🔥", 2), mark(0, now, now-10_000))
		if i%10 == 0 {
			l.read(t, r, now, got)
		}
		if most := maxHeld/5 + 10; r.Open() > most {
			t.Fatalf("%d windows are held, want at most %d", r.Open(), most)
		}
	}
	l.read(t, r, now, got)
	if c := r.Commit(); c.Offset != 0 {
		t.Errorf("committed %d while no window is closed, want 0", c.Offset)
	}
	// The other partition is back.
	for i := range int64(windows) {
		l = append(l, partial(1, 2000*(i+1), "main", 10*i, 10*i+5, "🔥", 3), mark(1, now, 2000*(i+1)-10_000))
	}
	for range windows {
		now += 20_000
		l.read(t, r, now, got)
	}
	for i := range int64(windows) {
		if n := got[cell{2000 * (i + 1), "main", "🔥"}]; n != 5 {
			t.Fatalf("window %d has %d, want 5", i, n)
		}
	}
	l = append(l, mark(0, now, now), mark(1, now, now))
	l.read(t, r, now, got)
	if c := r.Commit(); c.Offset != int64(len(l)) || r.Open() != 0 {
		t.Errorf("committed %d of %d, %d windows are open, want all closed", c.Offset, len(l), r.Open())
	}
}

// A reducer gives up the oldest windows, half of what it may hold, when it holds more
// than that. It never gives up the newest, nor one that was not emitted.
func TestReducerGivesUpAtItsBound(t *testing.T) {
	const each = 5 // a partial with one emoji
	for name, tt := range map[string]struct {
		maxHeld, open int
	}{
		"one below": {4*each + 1, 4},
		"the bound": {4 * each, 4},
		"one above": {4*each - 1, 1},
		"a window":  {each, 1},
		"less":      {1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := aggregator.NewReducer(aggregator.ReducerConfig{Windows: twos(t), Partitions: 1, MaxHeld: tt.maxHeld}, stream.Commit{Offset: stream.None}, 0, false)
			if err != nil {
				t.Fatal(err)
			}
			for i := range int64(4) {
				take(t, r, partial(0, 2000*(i+1), "main", i, i+1, "🔥", 1))
			}
			if r.Open() != 4 {
				t.Errorf("%d windows are open before they were emitted, want 4", r.Open())
			}
			e, _ := r.Due(1e6)
			r.Confirm(e)
			if r.Open() != tt.open {
				t.Errorf("%d windows are open, want %d", r.Open(), tt.open)
			}
			if got := r.Commit().Offset; got != 0 {
				t.Errorf("committed %d, want the first partial of all windows", got)
			}
		})
	}
}

// A window far ahead of the clock stays open for long, until retention has removed its
// partials. After a restart that stops nothing: windows of now are added up.
func TestPartialsGoneOfAWindowFarAhead(t *testing.T) {
	const far = 90_000_000
	before := newReducer(t)
	take(t, before, partial(0, far, "main", 0, 1, "🔥", 1), partial(0, 2000, "main", 1, 8, "🔥", 7), mark(0, 2000, never), mark(1, 2000, never))
	counted(t, before, 9000, "2000 main: 🔥7 (complete 1)", "90000000 main: 🔥1 (complete 1)")
	take(t, before, mark(0, 4000, 2000), mark(1, 4000, 2000))
	commit := before.Commit()
	if commit.Offset != 0 {
		t.Fatalf("committed %d, want the first partial of the window far ahead", commit.Offset)
	}
	for range 2 {
		r, err := aggregator.NewReducer(aggregator.ReducerConfig{Windows: twos(t), Partitions: 1}, commit, 6, false)
		if err != nil {
			t.Fatal(err)
		}
		take(t, r, partial(0, 4000, "main", 8, 9, "🔥", 1), partial(1, 4000, "main", 0, 1, "🔥", 1), partial(0, far, "main", 0, 1, "🔥", 1))
		counted(t, r, 9000, "4000 main: 🔥2 (complete 1) (closed 0/1:2000)")
		grown := partial(1, far, "main", 1, 2, "🔥", 1)
		if _, ok := errors.AsType[*aggregator.PartialsError](r.Add(stream.Record{Offset: r.Position(), Time: 1e6, Value: grown.Encode()}, 0)); !ok {
			t.Error("a partial of the window far ahead is added up, without those that are gone")
		}
		commit = r.Commit()
	}
}

// Retention removes partials of a window that one partition has closed and another has
// not, and then aggregate is started again. The window's counts are complete nowhere any
// more: what comes of it later must not be added up without a word.
func TestPartialsGoneBeforeTheirWindowIsClosed(t *testing.T) {
	before := newReducer(t)
	take(t, before, partial(0, 2000, "main", 0, 7, "🔥", 7), partial(1, 2000, "main", 0, 3, "🔥", 3), mark(0, 2000, 2000),
		partial(0, 4000, "main", 7, 8, "🔥", 1), mark(1, 2000, never))
	counted(t, before, 9000, "2000 main: 🔥10 (complete 1)", "4000 main: 🔥1 (complete 1)")
	commit := before.Commit()
	if commit.Offset != 0 {
		t.Fatalf("committed %d, want the window that is open", commit.Offset)
	}
	begin := func(commit stream.Commit, start int64, reset bool) (*aggregator.Reducer, error) {
		return aggregator.NewReducer(aggregator.ReducerConfig{Windows: twos(t), Partitions: 1}, commit, start, reset)
	}
	grown := partial(1, 2000, "main", 0, 4, "🔥", 4)
	for name, tt := range map[string]struct {
		start   int64
		reset   bool
		record  wire.Progress
		refused bool // at the start or at the record
	}{
		"nothing is gone":                         {0, false, grown, false},
		"one is gone":                             {1, false, grown, true},
		"one is gone, a window it was not of":     {1, false, partial(1, 4000, "main", 4, 5, "🔥", 1), false},
		"all are gone":                            {5, false, grown, true},
		"more than was read is gone":              {6, false, mark(1, 0, 0), true},
		"all are gone, and nothing came since":    {5, false, partial(1, 2000, "main", 0, 3, "🔥", 3), false},
		"all are gone, a window they were not of": {5, false, partial(1, 6000, "main", 4, 5, "🔥", 1), false},
		"the newest of them":                      {5, false, partial(1, 4000, "main", 4, 5, "🔥", 1), true},
		"a partition that was not counted":        {5, false, partial(7, 4000, "main", 0, 1, "🔥", 1), true},
		"all are gone, which is accepted":         {5, true, grown, false},
		"unread ones, which is accepted":          {6, true, grown, false},
	} {
		t.Run(name, func(t *testing.T) {
			for _, again := range []bool{false, true} { // a second restart knows what the first knew
				r, err := begin(commit, tt.start, tt.reset)
				if again && err == nil {
					r, err = begin(r.Commit(), tt.start, tt.reset)
				}
				if err == nil {
					err = r.Add(stream.Record{Offset: r.Position(), Value: tt.record.Encode()}, 0)
				}
				if _, ok := errors.AsType[*aggregator.PartialsError](err); ok != tt.refused || !ok && err != nil {
					t.Errorf("after a second restart %v: %v, want a PartialsError: %v", again, err, tt.refused)
				}
			}
		})
	}
	t.Run("while they are read again after a restart", func(t *testing.T) {
		r, err := begin(commit, 0, false)
		if err != nil {
			t.Fatal(err)
		}
		take(t, r, partial(0, 2000, "main", 0, 7, "🔥", 7))
		again, err := begin(r.Commit(), 4, false)
		if err != nil {
			t.Fatal(err)
		}
		newest := partial(0, 4000, "main", 7, 9, "🔥", 2) // 4000 had a partial at 3
		err = again.Add(stream.Record{Offset: 4, Value: newest.Encode()}, 0)
		if _, ok := errors.AsType[*aggregator.PartialsError](err); !ok {
			t.Errorf("%v, want a PartialsError", err)
		}
	})
	t.Run("before anything was committed", func(t *testing.T) {
		nothing := stream.Commit{Offset: stream.None}
		if _, err := begin(nothing, 0, false); err != nil {
			t.Errorf("in a whole log: %v", err)
		}
		if _, err := begin(nothing, 1, true); err != nil {
			t.Errorf("which is accepted: %v", err)
		}
		_, err := begin(nothing, 1, false)
		if _, ok := errors.AsType[*aggregator.PartialsError](err); !ok {
			t.Errorf("%v, want a PartialsError", err)
		}
	})
	t.Run("until the window is closed", func(t *testing.T) {
		r, err := begin(commit, 5, false)
		if err != nil {
			t.Fatal(err)
		}
		take(t, r, mark(0, 4000, 4000), mark(1, 4000, 4000), grown)
		if got, want := r.Commit(), (stream.Commit{Offset: 8, Metadata: fmt.Sprintf(`{"v":1,"floor":%d,"reduced":%d,`, 4000, 8) + settings}); got != want {
			t.Errorf("commit %+v, want %+v", got, want)
		}
	})
}
