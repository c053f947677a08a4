package aggregator_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/emostream/emostream/aggregator"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

func TestReducerIgnoresPartialsOfClosedWindows(t *testing.T) {
	r := newReducer(t)
	take(t, r, partial(0, 2000, "main", 0, 5, "🔥", 2), mark(0, 2000, 2000), mark(1, 2000, 2000))
	counted(t, r, 2100, "2000 main: 🔥2 (complete 1)")
	take(t, r, partial(0, 2000, "main", 0, 6, "🔥", 3), partial(1, 0, "a", 0, 6, "🔥", 3))
	counted(t, r, 9999)
	if r.Late() != 2 {
		t.Errorf("%d partials are late, want 2", r.Late())
	}
	take(t, r, mark(0, 2000, 0)) // an older mark changes nothing
	take(t, r, partial(0, 2000, "main", 0, 6, "🔥", 3))
	counted(t, r, 9999)
}

// A header calls a window closed only after its last counts were acknowledged.
func TestReducerPromisesOnlyWhatIsConfirmed(t *testing.T) {
	r := newReducer(t)
	take(t, r, partial(0, 2000, "main", 0, 5, "🔥", 2), mark(0, 2000, 2000), mark(1, 2000, 2000))
	e, due := r.Due(2100) // this emission is not acknowledged for now
	if !due {
		t.Fatal("nothing is due, want the closed window")
	}
	take(t, r, partial(0, 4000, "main", 5, 6, "😂", 1), mark(0, 4000, 2000), mark(1, 4000, 2000))
	counted(t, r, 4100, "2000 main: 🔥2 (complete 1)", "4000 main: 😂1 (complete 1)")
	take(t, r, partial(0, 6000, "main", 6, 7, "😂", 1), mark(0, 6000, 4000), mark(1, 6000, 4000))
	counted(t, r, 6100, "6000 main: 😂1 (complete 1) (closed 0/1:2000)")
	r.Confirm(e) // confirming an older emission changes nothing
	take(t, r, partial(1, 6000, "main", 6, 7, "😂", 1))
	counted(t, r, 6200, "6000 main: 😂2 (complete 1) (closed 0/1:4000) again")
}

func TestReducerCommitsTheFirstPartialThatIsOpen(t *testing.T) {
	r := newReducer(t)
	for _, step := range []struct {
		name    string
		records []wire.Progress
		offset  int64
		floor   int64
		emitted int64  // offset before which all was emitted
		open    string // first partials and ends of the windows that are open
		counted string // how far partition 0 was counted
	}{
		{"nothing", nil, 0, never, 0, "", ""},
		{"marks alone", []wire.Progress{mark(0, 0, never), mark(1, 0, never)}, 2, never, 2, "", ""},
		{"a window", []wire.Progress{partial(0, 2000, "main", 0, 1, "🔥", 1)}, 2, never, 3, "2:2000", "0:0"},
		{"a wider partial of it, another channel", []wire.Progress{partial(0, 2000, "main", 0, 2, "🔥", 2), partial(0, 2000, "a", 1, 2, "🔥", 1)}, 2, never, 3, "2:2000", "0:0"},
		{"another window", []wire.Progress{partial(0, 4000, "main", 2, 3, "🔥", 1)}, 2, never, 3, "2:2000 5:4000", "0:0"},
		{"the first is closed in one partition", []wire.Progress{mark(0, 0, 2000)}, 2, never, 3, "2:2000 5:4000", "0:0"},
		{"and in the other", []wire.Progress{mark(1, 0, 2500)}, 5, 2000, 8, "5:4000", "3:4000"},
		{"a late partial", []wire.Progress{partial(0, 2000, "main", 0, 9, "🔥", 9)}, 5, 2000, 9, "5:4000", "3:4000"},
		{"both are closed", []wire.Progress{mark(0, 0, 6000), mark(1, 0, 4000)}, 11, 4000, 11, "", ""},
	} {
		take(t, r, step.records...)
		if e, due := r.Due(1e6); due {
			r.Confirm(e)
		}
		open := ""
		if step.open != "" {
			var windows []string
			for window := range strings.FieldsSeq(step.open) {
				from, newest, _ := strings.Cut(window, ":")
				windows = append(windows, fmt.Sprintf(`{"from":%s,"oldest":%s,"newest":%s}`, from, newest, newest))
			}
			next, newest, _ := strings.Cut(step.counted, ":")
			open = fmt.Sprintf(`"open":[%s],"counted":[{"next":%s,"newest":%s}],`, strings.Join(windows, ","), next, newest)
		}
		want := stream.Commit{Offset: step.offset, Metadata: fmt.Sprintf(`{"v":1,"floor":%d,"reduced":%d,`, step.floor, step.emitted) + open + settings}
		if got := r.Commit(); got != want {
			t.Fatalf("%s: commit %+v, want %+v", step.name, got, want)
		}
	}
	if r.Open() != 0 {
		t.Errorf("%d windows are open, want none", r.Open())
	}
}

func TestReducerCommitsOnlyWhatIsConfirmed(t *testing.T) {
	r := newReducer(t)
	take(t, r, partial(0, 2000, "main", 0, 5, "🔥", 2), mark(0, 2000, 2000), mark(1, 2000, 2000))
	e, _ := r.Due(2100)
	if got := r.Commit().Offset; got != 0 {
		t.Errorf("committed %d before the emission is confirmed, want 0", got)
	}
	r.Confirm(e)
	if got := r.Commit().Offset; got != 3 {
		t.Errorf("committed %d after the emission is confirmed, want 3", got)
	}
}

func TestReducerGoesOnFromItsFloor(t *testing.T) {
	commit := stream.Commit{Offset: 10, Metadata: `{"v":1,"floor":4000,` + settings}
	r, err := aggregator.NewReducer(aggregator.ReducerConfig{Windows: twos(t), Partitions: 1}, commit, 5, false)
	if err != nil {
		t.Fatal(err)
	}
	if r.Position() != 10 {
		t.Fatalf("begins at %d, want 10", r.Position())
	}
	take(t, r, mark(0, never, 2000), mark(1, never, never)) // these marks are older than the commit's floor, and change nothing
	take(t, r, partial(0, 4000, "main", 0, 9, "🔥", 9), partial(0, 6000, "main", 9, 11, "🔥", 2))
	counted(t, r, 6500, "6000 main: 🔥2 (complete 1) (closed 0/1:4000)")
}

func TestReducerBeginsWhereTheLogDoes(t *testing.T) {
	for name, tt := range map[string]struct {
		commit      stream.Commit
		start, want int64
	}{
		"nothing committed":            {stream.Commit{Offset: stream.None}, 0, 0},
		"a commit at the log's start":  {stream.Commit{Offset: 7, Metadata: `{"v":1,"floor":0,` + settings}, 7, 7},
		"emitted partials gone":        {stream.Commit{Offset: 3, Metadata: `{"v":1,"floor":0,"reduced":7,` + settings}, 7, 7},
		"no metadata":                  {stream.Commit{Offset: 9}, 7, 7},
		"metadata of another program":  {stream.Commit{Offset: 9, Metadata: "spark"}, 7, 7},
		"metadata that cannot be read": {stream.Commit{Offset: 9, Metadata: `{"v":1,"floor":"0",` + settings}, 7, 7},
	} {
		r, err := aggregator.NewReducer(aggregator.ReducerConfig{Windows: twos(t), Partitions: 1}, tt.commit, tt.start, false)
		if err != nil || r.Position() != tt.want {
			t.Errorf("%s: begins at %d, %v; want %d", name, r.Position(), err, tt.want)
		}
	}
}

func TestReducerRefuses(t *testing.T) {
	spoiled := func(spoil func(*wire.Mark)) wire.Progress {
		p := mark(1, 0, 0)
		spoil(p.Mark)
		return p
	}
	for name, tt := range map[string]struct {
		record wire.Progress
		stops  bool // adding up must not go on
		want   []string
	}{
		"other windows":                      {spoiled(func(m *wire.Mark) { m.WindowMS = 500 }), true, []string{"window 500ms, lateness 10s", "window 2s, lateness 10s"}},
		"another lateness":                   {spoiled(func(m *wire.Mark) { m.LatenessMS = 500 }), true, []string{"window 2s, lateness 500ms", "window 2s, lateness 10s"}},
		"another number of partitions":       {spoiled(func(m *wire.Mark) { m.Partitions = 4 }), true, []string{"4 partitions of emoji-topic", "there are 2"}},
		"another number of reducers":         {spoiled(func(m *wire.Mark) { m.Reducers = 3 }), true, []string{"3 partitions of emoji-partials", "there are 1"}},
		"a newer version":                    {spoiled(func(m *wire.Mark) { m.Version = 2 }), true, []string{"emoji-partials/0 at offset 1", "format version 2"}},
		"windows that no aggregate has":      {spoiled(func(m *wire.Mark) { m.WindowMS = 199 }), false, []string{"no aggregate has"}},
		"the longest windows that one has":   {spoiled(func(m *wire.Mark) { m.WindowMS = 60_000 }), true, []string{"window 1m"}},
		"longer windows than one has":        {spoiled(func(m *wire.Mark) { m.WindowMS = 60_001 }), false, []string{"no aggregate has"}},
		"a lateness that no aggregate has":   {spoiled(func(m *wire.Mark) { m.LatenessMS = math.MaxInt64 }), false, []string{"no aggregate has"}},
		"a partition beyond the last":        {spoiled(func(m *wire.Mark) { m.Partition = 2 }), false, []string{"partition 2 of 2"}},
		"a partition before the first":       {spoiled(func(m *wire.Mark) { m.Partition = -1 }), false, []string{"partition -1 of 2"}},
		"fewer than no partitions":           {spoiled(func(m *wire.Mark) { m.Partitions, m.Partition = math.MinInt64, 0 }), false, []string{"there are no -"}},
		"more partitions than can be":        {spoiled(func(m *wire.Mark) { m.Partitions = math.MaxInt64 }), false, []string{"there are no 9"}},
		"a partial of a partition beyond":    {partial(2, 2000, "main", 0, 1, "🔥", 1), false, []string{"partition 2 of emoji-topic, which has 2"}},
		"a partial of no window":             {partial(0, 2001, "main", 0, 1, "🔥", 1), false, []string{"ends at 2001"}},
		"a partial of more than its offsets": {partial(0, 2000, "main", 5, 7, "🔥", 1, "😂", 2), false, []string{"from 5 to 7"}},
		"a partial and a mark":               {wire.Progress{Partial: partial(0, 2000, "main", 5, 7, "🔥", 2).Partial, Mark: mark(0, 0, 0).Mark}, false, []string{"neither"}},
		"a record that says nothing at all":  {wire.Progress{}, false, []string{"emoji-partials/0 at offset 1", "neither"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newReducer(t)
			take(t, r, mark(0, 0, 0))
			err := r.Add(stream.Record{Offset: 1, Value: tt.record.Encode()}, 0)
			if err == nil {
				t.Fatal("taken in, want an error")
			}
			_, settings := errors.AsType[*aggregator.SettingsError](err)
			_, partitions := errors.AsType[*aggregator.PartitionsError](err)
			_, newer := errors.AsType[*wire.NewerFormatError](err)
			if stops := settings || partitions || newer; stops != tt.stops {
				t.Errorf("error %q stops it: %v, want %v", err, stops, tt.stops)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q, want %q in it", err, want)
				}
			}
		})
	}
	t.Run("as the first of all", func(t *testing.T) {
		record := spoiled(func(m *wire.Mark) { m.Partitions, m.Partition = -1, -2 })
		if err := newReducer(t).Add(stream.Record{Value: record.Encode()}, 0); err == nil {
			t.Error("taken in, want an error")
		}
	})
}

func TestNewReducerRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ metadata, want string }{
		"a newer version":       {`{"v":2,"floor":0,` + settings, "a newer version of emostream: its format is 2"},
		"a version unlike ours": {`{"v":3,"floor":"low"}`, "its format is 3"},
		"other windows":         {`{"v":1,"floor":0,"window_ms":500,"lateness_ms":10000}`, "window 500ms, lateness 10s and this aggregate was started with window 2s, lateness 10s"},
		"another lateness":      {`{"v":1,"floor":0,"window_ms":2000,"lateness_ms":500}`, "lateness 500ms and this"},
		"no settings at all":    {`{"v":1,"floor":0}`, "window 0s"},
	} {
		_, err := aggregator.NewReducer(aggregator.ReducerConfig{Windows: twos(t), Partition: 3, Partitions: 4}, stream.Commit{Offset: 7, Metadata: tt.metadata}, 0, false)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "emoji-partials/3") {
			t.Errorf("%s: NewReducer = %v, want an error about emoji-partials/3 and %q", name, err, tt.want)
		}
	}
}

// The metadata of a commit has room for 4 KiB in Kafka, whatever the windows.
func TestCommitsAreSmall(t *testing.T) {
	const most, year9999 = 4096 - 100, 253_402_300_000_000 // the rest is for the ids of two topics
	w := twos(t)
	far := func(i int64) int64 { return year9999 - 1e9*i }
	log := []int64{1e12, 1e12}
	for i := range int64(60) {
		log = append(log, far(i), far(i), 1e12) // the second is counted beside the first, and confirms it if there are too many
	}
	c, err := aggregator.NewCombiner(aggregator.CombinerConfig{Windows: w, Partitions: 1, Reducers: 1}, stream.Commit{Offset: stream.None}, 0, 1e15, false)
	if err != nil {
		t.Fatal(err)
	}
	for i, at := range log {
		add(t, c, c.Position(), at+1000*int64(i%2), value("🔥"))
		e, _ := c.Due(2e12)
		c.Confirm(e)
		if n := len(c.Commit().Metadata); n > most {
			t.Fatalf("after %d records the metadata has %d bytes: %s", i+1, n, c.Commit().Metadata)
		}
	}
	r := newReducer(t)
	settings := wire.Settings{WindowMS: 2000, LatenessMS: 10000}
	for p := range 100 {
		end := w.Of(far(int64(p)))
		m := wire.Mark{Version: 1, Partition: p, Partitions: 100, Reducers: 1, Reported: never, Closed: never, Reset: 1e13, Settings: settings}
		take(t, r, partial(p, end, "main", 1e13, 2e13, "🔥", 1), wire.Progress{Mark: &m})
		e, _ := r.Due(2e15)
		r.Confirm(e)
		if n := len(r.Commit().Metadata); n > most {
			t.Fatalf("after %d partitions the metadata has %d bytes: %s", p+1, n, r.Commit().Metadata)
		}
	}
	lost, err := aggregator.NewReducer(aggregator.ReducerConfig{Windows: w, Partitions: 1}, r.Commit(), r.Commit().Offset+150, false)
	if err != nil {
		t.Fatal(err)
	}
	for p := range 100 {
		grown := partial(p, w.Of(far(int64(p))), "main", 3e13, 4e13, "🔥", 1)
		_ = lost.Add(stream.Record{Offset: lost.Position(), Value: grown.Encode()}, 0) // most are refused
	}
	if n := len(lost.Commit().Metadata); n > most {
		t.Fatalf("after retention the metadata has %d bytes: %s", n, lost.Commit().Metadata)
	}
}
