package aggregator_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/emostream/emostream/aggregator"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// resetMark returns a mark of a partition whose watermark was reset before an offset.
func resetMark(partition int, reported, closed, reset int64) wire.Progress {
	m := mark(partition, reported, closed)
	m.Mark.Reset = reset
	return m
}

// hold returns the mark with which the reset of a partition begins.
func hold(partition int, reopened, reset int64) wire.Progress {
	m := resetMark(partition, never, never, reset)
	m.Mark.Reopened = reopened
	return m
}

// When a reset begins, a reducer opens the windows again that it had closed far ahead of the
// clock, and closes none before the combiner has read the reset.
func TestReducerFollowsAReset(t *testing.T) {
	const far = 100_000
	ahead := []wire.Progress{
		partial(0, far, "main", 0, 5, "🔥", 2), mark(0, 2000, far), mark(1, 2000, far),
		partial(0, 4000, "main", 5, 6, "🔥", 1), // it is late
	}
	for name, tt := range map[string]struct {
		records []wire.Progress
		floor   int64
		want    []string
	}{
		"no reset": {
			[]wire.Progress{partial(0, 6000, "main", 6, 7, "🔥", 1), mark(0, 6000, 2000)},
			far, nil,
		},
		"of one partition": {
			[]wire.Progress{hold(0, 4000, 6), partial(0, 6000, "main", 6, 7, "🔥", 1), resetMark(0, 6000, 4000, 6)},
			4000,
			[]string{"6000 main: 🔥1 (complete 1) (closed 0/1:4000/4000)"},
		},
		"before the combiner has read it": {
			[]wire.Progress{hold(0, 4000, 6), mark(0, 6000, far), mark(1, 6000, far), partial(0, 6000, "main", 6, 7, "🔥", 1)},
			4000,
			[]string{"6000 main: 🔥1 (complete 1) (closed 0/1:4000/4000)"},
		},
		"of both, and one combiner has read it": {
			[]wire.Progress{hold(0, 4000, 6), hold(1, 2000, 9), resetMark(0, never, 4000, 7), partial(0, 6000, "main", 6, 7, "🔥", 1)},
			2000,
			[]string{"6000 main: 🔥1 (complete 1) (closed 0/1:2000/4000)"},
		},
		"of both, and both have read it": {
			[]wire.Progress{hold(0, 4000, 6), hold(1, 2000, 9), resetMark(0, never, 6000, 7), resetMark(1, never, 5000, 9), partial(0, 6000, "main", 6, 7, "🔥", 1)},
			5000,
			[]string{"6000 main: 🔥1 (complete 1) (closed 0/1:2000/4000)"},
		},
		"twice": {
			[]wire.Progress{hold(0, 4000, 6), hold(0, 6000, 7), resetMark(0, never, 8000, 6), partial(0, 6000, "main", 6, 7, "🔥", 1)},
			4000,
			[]string{"6000 main: 🔥1 (complete 1) (closed 0/1:4000/6000)"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReducer(t)
			take(t, r, ahead...)
			counted(t, r, 2000, "100000 main: 🔥2 (complete 1)")
			take(t, r, tt.records...)
			e, _ := r.Due(7000)
			var got []string
			for _, w := range e.Windows {
				got = append(got, fmt.Sprintf("%d %s", w.End, w.Channel))
			}
			if len(tt.want) > 0 {
				counted(t, r, 7000, tt.want...)
			} else if len(got) > 0 {
				t.Errorf("emitted %v, want nothing", got)
			}
			again, err := aggregator.NewReducer(aggregator.ReducerConfig{Windows: twos(t), Partitions: 1}, r.Commit(), 0, false)
			if err != nil {
				t.Fatal(err)
			}
			for i, r := range []*aggregator.Reducer{r, again} {
				meta, _, err := wire.DecodeCommit[wire.ReducerCommit](r.Commit().Metadata)
				if err != nil || meta.Floor != tt.floor {
					t.Errorf("after %d restarts the floor is %d, %v; want %d", i, meta.Floor, err, tt.floor)
				}
			}
			// Marks of before the reset do not count after a restart either.
			take(t, again, mark(0, 6000, far), mark(1, 6000, far), partial(0, 8000, "main", 7, 8, "🔥", 1))
			if _, due := again.Due(9000); due != (len(tt.want) > 0) {
				t.Errorf("after a restart and old marks, the next window is emitted: %v", due)
			}
		})
	}
}

// When emoji-topic is deleted and made anew, resets of the old one do not keep marks of the
// new one from counting. Marks of the old one do not count any more.
func TestReducerForgetsResetsOfATopicThatIsGone(t *testing.T) {
	of := func(id string, m wire.Progress) wire.Progress {
		m.Mark.TopicID = id
		return m
	}
	cfg := aggregator.ReducerConfig{Windows: twos(t), Partitions: 1, TopicID: "old"}
	r, err := aggregator.NewReducer(cfg, stream.Commit{Offset: stream.None}, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	take(t, r, of("old", hold(0, 2000, 500)), of("old", resetMark(0, 2000, 2000, 500)), of("old", mark(1, 2000, 2000)))
	cfg.TopicID = "new"
	again, err := aggregator.NewReducer(cfg, r.Commit(), 0, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, old := range []wire.Progress{of("old", resetMark(0, 2000, 90_000, 500)), of("old", mark(1, 2000, 90_000))} {
		if err := again.Add(stream.Record{Offset: again.Position(), Value: old.Encode()}, 0); err == nil {
			t.Error("a mark about a topic that is gone is taken in")
		}
	}
	take(t, again, of("new", mark(0, 4000, 4000)), mark(1, 4000, 4000)) // an older program tells no id
	meta, _, err := wire.DecodeCommit[wire.ReducerCommit](again.Commit().Metadata)
	if err != nil || meta.Floor != 4000 {
		t.Errorf("the floor is %d, %v; want 4000", meta.Floor, err)
	}
}

// A reset makes a combiner send a mark at once, and count in the windows of the times of
// reactions again.
func TestCombinerTellsReducersOfAReset(t *testing.T) {
	c := newCombiner(t, 1)
	for _, at := range []int64{1000, 1001, 100_000, 100_000, 1002} {
		add(t, c, c.Position(), at, value("🔥"))
	}
	e, _ := c.Due(1e6)
	c.Confirm(e)
	reset := wire.WatermarkReset{Version: 1, Watermark: 20_000, Held: 5}
	if err := c.Add(stream.Record{Offset: c.Position(), Time: 20_000, Value: reset.Encode()}, 0); err != nil {
		t.Fatal(err)
	}
	for _, at := range []int64{20_001, 11_000, 1000, 100_000} {
		add(t, c, c.Position(), at, value("🔥"))
	}
	if c.Watermark() != 20_001 {
		t.Errorf("the watermark is %d, want 20001", c.Watermark())
	}
	c.Advance(stream.Batch{Next: c.Position(), HighWatermark: c.Position()})
	e, _ = c.Due(1e6)
	var got []string
	for _, r := range e.Records[0] {
		p, err := wire.DecodeProgress(r.Value)
		if err != nil {
			t.Fatal(err)
		}
		if p.Mark != nil {
			got = append(got, fmt.Sprintf("closed %d, reset %d, reopened %d", p.Mark.Closed, p.Mark.Reset, p.Mark.Reopened))
		} else {
			got = append(got, fmt.Sprintf("%d from %d to %d", p.Partial.End, p.Partial.First, p.Partial.Next))
		}
	}
	// 100000 belongs to a window that was counted in, and is counted in the next one.
	want := []string{"12000 from 7 to 9", "22000 from 6 to 7", "104000 from 9 to 10", "closed 10000, reset 6, reopened 0"}
	if !slices.Equal(got, want) {
		t.Errorf("emitted %q, want %q", got, want)
	}
	c.Confirm(e)
	add(t, c, c.Position(), 20_001, value("🔥"))
	if e, _ := c.Due(2e6); len(e.Records[0]) != 2 {
		t.Errorf("%d records are emitted later, want a partial and a mark", len(e.Records[0]))
	}
}

// A combiner that goes on from a commit knows which windows a reset opens again.
func TestCombinerKnowsSkippedWindowsAfterARestart(t *testing.T) {
	c := newCombiner(t, 1)
	for _, at := range []int64{1000, 1001, 100_000, 100_000, 150_000, 150_000} {
		add(t, c, c.Position(), at, value("🔥"))
	}
	e, _ := c.Due(1e6)
	c.Confirm(e)
	again, err := aggregator.NewCombiner(aggregator.CombinerConfig{Windows: twos(t), Partitions: 1, Reducers: 1}, c.Commit(), 0, 6, false)
	if err != nil {
		t.Fatal(err)
	}
	reset := wire.WatermarkReset{Version: 1, Watermark: 20_000, Held: 5}
	for again.Position() < 6 {
		add(t, again, again.Position(), 150_000, value("🔥"))
	}
	if err := again.Add(stream.Record{Offset: 6, Time: 20_000, Value: reset.Encode()}, 0); err != nil {
		t.Fatal(err)
	}
	late := again.Late()
	add(t, again, 7, 20_000, value("🔥"))
	if again.Late() != late {
		t.Error("a reaction after the reset is not counted in the window of its time")
	}
}

// A newer reset stops a combiner, as a newer partial stops a reducer. One that cannot be
// is passed over.
func TestCombinerAndResetsOfOthers(t *testing.T) {
	for name, tt := range map[string]struct {
		value string
		stops bool
	}{
		"newer":           {`{"watermark_reset":{"v":2,"watermark":5}}`, true},
		"newer, changed":  {`{"watermark_reset":{"v":2,"watermark":"5"}}`, true},
		"without version": {`{"watermark_reset":{"watermark":5}}`, false},
		"no time":         {`{"watermark_reset":{"v":1,"watermark":0}}`, false},
		"no windows":      {`{"watermark_reset":{"v":1,"watermark":5,"spent":[[4,2]]}}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCombiner(t, 1)
			add(t, c, 0, 1000, value("🔥"))
			add(t, c, 1, 1000, value("🔥"))
			err := c.Add(stream.Record{Offset: 2, Time: 1000, Value: []byte(tt.value)}, 0)
			if _, newer := errors.AsType[*wire.NewerFormatError](err); newer != tt.stops || err == nil {
				t.Errorf("Add = %v, want a newer format: %v", err, tt.stops)
			}
			if c.Watermark() != 1000 {
				t.Errorf("the watermark is %d", c.Watermark())
			}
		})
	}
}
