package aggregator_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/aggregator"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// newReducer returns the reducer of partition 0 of 1, without a commit.
func newReducer(t *testing.T) *aggregator.Reducer {
	t.Helper()
	r, err := aggregator.NewReducer(aggregator.ReducerConfig{Windows: twos(t), Partitions: 1}, stream.Commit{Offset: stream.None}, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// partial returns a partial of a partition of emoji-topic. counts are pairs of an emoji
// and a number.
func partial(partition int, end int64, channel string, first, next int64, counts ...any) wire.Progress {
	p := wire.Partial{Version: 1, Partition: partition, End: end, Channel: channel, First: first, Next: next, Counts: map[string]int64{}}
	for i := 0; i < len(counts); i += 2 {
		p.Counts[counts[i].(string)] = int64(counts[i+1].(int))
	}
	return wire.Progress{Partial: &p}
}

// mark returns a mark of a partition of emoji-topic, which has two partitions.
func mark(partition int, reported, closed int64) wire.Progress {
	return wire.Progress{Mark: &wire.Mark{
		Version: 1, Partition: partition, Partitions: 2, Reducers: 1, Reported: reported, Closed: closed,
		Settings: wire.Settings{WindowMS: 2000, LatenessMS: 10000},
	}}
}

// take makes a reducer read these records as the next ones of its log.
func take(t *testing.T, r *aggregator.Reducer, records ...wire.Progress) {
	t.Helper()
	for _, p := range records {
		if err := r.Add(stream.Record{Offset: r.Position(), Value: p.Encode()}, 0); err != nil {
			t.Fatal(err)
		}
	}
	r.Advance(stream.Batch{Next: r.Position()})
}

// counted fails the test unless the windows that are due at now are want. It confirms
// them.
func counted(t *testing.T, r *aggregator.Reducer, now int64, want ...string) {
	t.Helper()
	e, due := r.Due(now)
	if due != (len(want) > 0) {
		t.Fatalf("at %d an emission is due: %v, want %v", now, due, !due)
	}
	var got []string
	for _, w := range e.Windows {
		line := fmt.Sprintf("%d %s:", w.End, w.Channel)
		for _, rec := range w.Records {
			c := decodeCount(t, rec)
			line += fmt.Sprintf(" %s%d", c.Emoji, c.Count)
			for _, h := range rec.Headers {
				line += fmt.Sprintf(" (%s %s)", strings.TrimPrefix(h.Key, "emostream-"), h.Value)
			}
		}
		if w.Revision {
			line += " again"
		}
		got = append(got, line)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("at %d (-want +got):\n%s", now, diff)
	}
	if due {
		r.Confirm(e)
	}
}

func decodeCount(t *testing.T, r stream.Record) wire.Count {
	t.Helper()
	var c wire.Count
	if err := json.Unmarshal(r.Value, &c); err != nil {
		t.Fatalf("%s: %v", r.Value, err)
	}
	return c
}

func TestReducerAddsUpWhenAllHaveReported(t *testing.T) {
	r := newReducer(t)
	take(t, r, partial(0, 2000, "main", 0, 5, "🔥", 2, "😂", 3), partial(0, 2000, "a", 3, 4, "🔥", 1), mark(0, 2000, never))
	counted(t, r, 2150)
	take(t, r, partial(1, 2000, "main", 7, 9, "🔥", 2), mark(1, 1999, never))
	counted(t, r, 2150)
	take(t, r, mark(1, 2000, never))
	counted(t, r, 2151, "2000 a: 🔥1 (complete 1)", "2000 main: 🔥4 😂3 (complete 2)")
	counted(t, r, 9999)
}

func TestReducerWaitsForReports(t *testing.T) {
	r := newReducer(t)
	take(t, r, partial(0, 2000, "main", 0, 5, "🔥", 2), partial(0, 4000, "main", 5, 6, "🔥", 1))
	counted(t, r, 2499) // nobody has reported anything yet
	take(t, r, mark(0, 4000, never))
	counted(t, r, 2499)
	if at, ok := r.NextDue(0); !ok || at != 2500 {
		t.Errorf("the next is due at %d, %v; want 2500", at, ok)
	}
	counted(t, r, 2500, "2000 main: 🔥2 (complete 1)")
	counted(t, r, 4499)
	counted(t, r, 4500, "4000 main: 🔥1 (complete 1)")
	if at, ok := r.NextDue(0); ok {
		t.Errorf("the next is due at %d, want nothing", at)
	}
}

func TestReducerEmitsAgainWhatGrew(t *testing.T) {
	r := newReducer(t)
	take(t, r, partial(0, 2000, "main", 0, 5, "🔥", 2), mark(0, 2000, never), mark(1, 2000, never))
	counted(t, r, 2100, "2000 main: 🔥2 (complete 1)")
	take(t, r, partial(1, 2000, "main", 3, 4, "😂", 1))
	counted(t, r, 2199)
	if at, ok := r.NextDue(0); !ok || at != 2200 {
		t.Errorf("the next is due at %d, %v; want 2200", at, ok)
	}
	counted(t, r, 2200, "2000 main: 🔥2 😂1 (complete 2) again")
	take(t, r, partial(0, 2000, "main", 0, 9, "🔥", 6))
	counted(t, r, 2300, "2000 main: 🔥6 😂1 (complete 2) again")
	take(t, r, partial(0, 2000, "main", 0, 9, "🔥", 6))
	counted(t, r, 9999) // the same counts are not emitted again
}

func TestReducerForgetsNoReport(t *testing.T) {
	r := newReducer(t)
	take(t, r, mark(0, 4000, never), mark(1, 4000, never), mark(0, 2000, never), partial(0, 4000, "main", 0, 5, "🔥", 2))
	counted(t, r, 4001, "4000 main: 🔥2 (complete 1)")
}

func TestReducerEmitsAtOnceWhatIsClosed(t *testing.T) {
	r := newReducer(t)
	take(t, r, partial(0, 2000, "main", 0, 5, "🔥", 2), mark(0, never, 4000), mark(1, never, 1999))
	counted(t, r, 1)
	take(t, r, mark(1, never, 2000))
	counted(t, r, 1, "2000 main: 🔥2 (complete 1)")

	take(t, r, partial(0, 4000, "main", 5, 6, "🔥", 1), partial(1, 4000, "main", 5, 6, "🔥", 1))
	counted(t, r, 4500, "4000 main: 🔥2 (complete 1) (closed 0/1:2000)")
	take(t, r, partial(0, 4000, "main", 5, 7, "🔥", 2), mark(1, never, 4000))
	counted(t, r, 4501, "4000 main: 🔥3 (complete 1) (closed 0/1:2000) again") // the floor has risen, so it need not wait 100 ms
}

func TestReducerKeepsTheWidestPartial(t *testing.T) {
	for name, tt := range map[string]struct {
		partials []wire.Progress
		want     string
	}{
		"one":                        {[]wire.Progress{partial(0, 2000, "main", 5, 9, "🔥", 2)}, "🔥2 (complete 1)"},
		"a wider one":                {[]wire.Progress{partial(0, 2000, "main", 5, 9, "🔥", 2), partial(0, 2000, "main", 5, 12, "🔥", 2, "😂", 1)}, "🔥2 😂1 (complete 2)"},
		"a narrower one":             {[]wire.Progress{partial(0, 2000, "main", 5, 9, "🔥", 2), partial(0, 2000, "main", 5, 8, "🔥", 1)}, "🔥2 (complete 1)"},
		"the same again":             {[]wire.Progress{partial(0, 2000, "main", 5, 9, "🔥", 2), partial(0, 2000, "main", 5, 9, "🔥", 2)}, "🔥2 (complete 1)"},
		"one that starts later":      {[]wire.Progress{partial(0, 2000, "main", 5, 9, "🔥", 2), partial(0, 2000, "main", 6, 99, "🔥", 50)}, "🔥2 (complete 1)"},
		"one that starts earlier":    {[]wire.Progress{partial(0, 2000, "main", 6, 9, "🔥", 2), partial(0, 2000, "main", 5, 8, "🔥", 3)}, "🔥3 (complete 1)"},
		"one of another partition":   {[]wire.Progress{partial(0, 2000, "main", 5, 9, "🔥", 2), partial(1, 2000, "main", 6, 7, "🔥", 1)}, "🔥3 (complete 1)"},
		"one of each, and one wider": {[]wire.Progress{partial(0, 2000, "main", 5, 9, "🔥", 2), partial(1, 2000, "main", 6, 7, "🔥", 1), partial(0, 2000, "main", 5, 10, "🔥", 3)}, "🔥4 (complete 1)"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReducer(t)
			take(t, r, tt.partials...)
			counted(t, r, 2500, "2000 main: "+tt.want)
		})
	}
}

func TestReducerScalesEachCount(t *testing.T) {
	r, err := aggregator.NewReducer(aggregator.ReducerConfig{Windows: twos(t), Scale: scale(t, "linear:10:5"), Partitions: 1}, stream.Commit{Offset: stream.None}, 0, false)
	if err != nil {
		t.Fatal(err)
	}
	take(t, r, partial(0, 2000, "a", 0, 22, "🔥", 21, "😂", 1), partial(1, 2000, "a", 0, 1, "🔥", 1))
	e, _ := r.Due(2500)
	w := e.Windows[0]
	got := []wire.Count{decodeCount(t, w.Records[0]), decodeCount(t, w.Records[1])}
	window := wire.Window{End: 2000}
	want := []wire.Count{{Window: window, Emoji: "🔥", Count: 22, Scaled: 4.4, Channel: "a"}, {Window: window, Emoji: "😂", Count: 1, Scaled: 1, Channel: "a"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	const key = "1970-01-01T00:00:00.000Z"
	if w.Key != key || string(w.Records[1].Key) != key || w.Records[1].Time != 2500 || w.Reactions != 23 {
		t.Errorf("key %s, %s, time %d, %d reactions; want the window's start, 2500 and 23", w.Key, w.Records[1].Key, w.Records[1].Time, w.Reactions)
	}
}
