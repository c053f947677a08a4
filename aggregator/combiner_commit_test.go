package aggregator_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/aggregator"
	"github.com/emostream/emostream/internal/stream"
)

const (
	never    = math.MinInt64
	settings = `"window_ms":2000,"lateness_ms":10000}`
)

func metadata(watermark, closed, counted, newest int64) string {
	return fmt.Sprintf(`{"v":1,"watermark":%d,"closed":%d,"counted":%d,"newest":%d,`, watermark, closed, counted, newest) + settings
}

func TestCombinerCommitsTheFirstRecordThatIsOpen(t *testing.T) {
	c := newCombiner(t, 1)
	for _, step := range []struct {
		name  string
		times []int64 // of the next records, ms; below zero: a record that is no reaction
		want  stream.Commit
	}{
		{"nothing read", nil, stream.Commit{Offset: 0, Metadata: metadata(never, never, 0, never)}},
		{"a window", []int64{500, 700}, stream.Commit{Offset: 0, Metadata: metadata(never, -10000, 2, 700)}},
		{"another, and the first again", []int64{3000, 900}, stream.Commit{Offset: 0, Metadata: metadata(never, -8000, 4, 3000)}},
		{"the first is closed", []int64{12000}, stream.Commit{Offset: 2, Metadata: metadata(700, 2000, 5, 12000)}},
		{"a late record goes to the second", []int64{1}, stream.Commit{Offset: 2, Metadata: metadata(700, 2000, 5, 12000)}},
		{"the second is closed", []int64{14000}, stream.Commit{Offset: 4, Metadata: metadata(3000, 4000, 7, 14000)}},
		{"junk closes nothing", []int64{-40000}, stream.Commit{Offset: 4, Metadata: metadata(3000, 4000, 8, 14000)}},
		{"a far time closes nothing", []int64{40000}, stream.Commit{Offset: 4, Metadata: `{"v":1,"watermark":3000,"closed":4000,"counted":9,"newest":14000,"counted_pending_time":40000,"counted_pending":8,` + settings}},
		{"the next closes the rest", []int64{40001}, stream.Commit{Offset: 8, Metadata: `{"v":1,"watermark":14000,"closed":30000,"counted":10,"newest":40001,"counted_skipped":[[18000,30000]],` + settings}},
		{"a far time is pending", []int64{52000, 52000, 64000, 51000, 80000}, stream.Commit{Offset: 10, Metadata: `{"v":1,"watermark":40001,"skipped_windows":[[18000,30000]],"closed":42000,"counted":15,"newest":52000,"counted_spent":[[66000,66000]],"counted_pending_time":80000,"counted_pending":14,"counted_skipped":[[18000,30000]],` + settings}},
	} {
		for _, at := range step.times {
			if at < 0 {
				if err := c.Add(stream.Record{Offset: c.Position(), Time: -at, Value: []byte("junk")}, 0); err == nil {
					t.Error("junk was taken for a reaction")
				}
			} else {
				add(t, c, c.Position(), at, value("🔥"))
			}
		}
		e, _ := c.Due(1e6)
		c.Confirm(e)
		if got := c.Commit(); got != step.want {
			t.Fatalf("%s: commit %+v, want %+v", step.name, got, step.want)
		}
	}
}

func TestCombinerCommitsOnlyWhatIsConfirmed(t *testing.T) {
	c := newCombiner(t, 1)
	add(t, c, 0, 500, value("🔥"))
	add(t, c, 1, 3000, value("🔥"))
	add(t, c, 2, 12000, value("🔥"))
	e, _ := c.Due(0)
	if got := c.Commit().Offset; got != 0 {
		t.Errorf("committed %d before the emission is confirmed, want 0", got)
	}
	c.Confirm(e)
	if got := c.Commit().Offset; got != 1 {
		t.Errorf("committed %d after the emission is confirmed, want 1", got)
	}
}

func TestCombinerPassesOverWhatWasClosed(t *testing.T) {
	cfg := aggregator.CombinerConfig{Windows: twos(t), Grace: 100 * time.Millisecond, Partitions: 4, Reducers: 1}
	commit := stream.Commit{Offset: 10, Metadata: metadata(3000, 4000, 0, 0)}
	c, err := aggregator.NewCombiner(cfg, commit, 5, 20, false)
	if err != nil {
		t.Fatal(err)
	}
	if c.Position() != 10 || c.Watermark() != 3000 {
		t.Fatalf("begins at %d with watermark %d, want 10 and 3000", c.Position(), c.Watermark())
	}
	add(t, c, 10, 3500, value("🔥"))  // belongs to a window that was closed
	add(t, c, 11, 4000, value("😂"))  // belongs to a window that was not closed
	add(t, c, 12, 12500, value("😂")) // its watermark closes the window 2000; 4000 is still open
	add(t, c, 13, 100, value("👍"))   // late: it belongs to the window that the commit calls closed
	emit(t, c, 6100, "6000 main: from 11 to 12, 😂1", "mark: reported never, closed 4000")
	if got, want := c.Commit(), (stream.Commit{Offset: 11, Metadata: metadata(3500, 4000, 0, 0)}); got != want {
		t.Errorf("commit %+v, want %+v", got, want)
	}
}

func TestNewCombinerRefuses(t *testing.T) {
	good := metadata(3000, 2000, 0, 0)
	for name, tt := range map[string]struct {
		commit     stream.Commit
		start, end int64
		lost       bool   // ResetLost helps
		want       string // in the error; empty: none
	}{
		"an empty log, nothing committed":           {stream.Commit{Offset: stream.None}, 0, 0, true, ""},
		"a whole log, nothing committed":            {stream.Commit{Offset: stream.None}, 0, 99, true, ""},
		"a commit at the log's start":               {stream.Commit{Offset: 5, Metadata: good}, 5, 9, true, ""},
		"a commit at the log's end":                 {stream.Commit{Offset: 9, Metadata: good}, 5, 9, true, ""},
		"nothing committed, records gone":           {stream.Commit{Offset: stream.None}, 5, 9, true, "nothing was committed yet and the log starts at 5"},
		"a commit below the log's start":            {stream.Commit{Offset: 4, Metadata: good}, 5, 9, true, "the commit at 4 is below the log's start at 5"},
		"a commit beyond the log's end":             {stream.Commit{Offset: 10, Metadata: good}, 5, 9, true, "the commit at 10 is beyond the log's end at 9"},
		"a commit without metadata":                 {stream.Commit{Offset: 5}, 5, 9, true, "another program has reset the consumer group"},
		"metadata of something else":                {stream.Commit{Offset: 5, Metadata: "spark"}, 5, 9, true, `its metadata is "spark"`},
		"metadata of a newer version":               {stream.Commit{Offset: 5, Metadata: strings.Replace(good, `"v":1`, `"v":2`, 1)}, 5, 9, true, "made by a newer version of emostream: its format is 2"},
		"metadata without a version":                {stream.Commit{Offset: 5, Metadata: "{" + settings}, 5, 9, true, "has reset the consumer group"},
		"other windows":                             {stream.Commit{Offset: 5, Metadata: strings.Replace(good, "2000,", "1000,", 2)}, 5, 9, false, "was counted with window 1s, lateness 10s and this aggregate was started with window 2s, lateness 10s"},
		"another lateness":                          {stream.Commit{Offset: 5, Metadata: strings.Replace(good, "10000}", "5000}", 1)}, 5, 9, false, "lateness 5s and this aggregate was started with window 2s, lateness 10s"},
		"another lateness, and records gone too":    {stream.Commit{Offset: 4, Metadata: strings.Replace(good, "10000}", "5000}", 1)}, 5, 9, false, "lateness 5s"},
		"a metadata in which a number is a word":    {stream.Commit{Offset: 5, Metadata: strings.Replace(good, "3000", `"3000"`, 1)}, 5, 9, true, "the commit at 5 is not aggregate's"},
		"a version of ours, and no settings at all": {stream.Commit{Offset: 5, Metadata: `{"v":1,"watermark":5,"closed":2}`}, 5, 9, false, "was counted with window 0s, lateness 0s"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := aggregator.CombinerConfig{Windows: twos(t), Partition: 2, Partitions: 4, Reducers: 1}
			_, err := aggregator.NewCombiner(cfg, tt.commit, tt.start, tt.end, false)
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "emoji-topic/2") {
				t.Fatalf("NewCombiner = %v, want an error about emoji-topic/2 and %q", err, tt.want)
			}
			lost, ok := errors.AsType[*aggregator.CommitError](err)
			if ok != tt.lost || ok && lost.Partition != 2 {
				t.Errorf("it is an ErrCommit that names the flag: %v, want %v", ok, tt.lost)
			}
			if _, err := aggregator.NewCombiner(cfg, tt.commit, tt.start, tt.end, true); (err == nil) != tt.lost {
				t.Errorf("with --reset-lost: %v, want it to go on: %v", err, tt.lost)
			}
		})
	}
}

func TestResetLostKeepsWhatItCan(t *testing.T) {
	good := metadata(3000, 2000, 0, 0)
	for name, tt := range map[string]struct {
		commit stream.Commit
		want   string // partials of three records with the times 1000, 3000 and 500 after the log's start
	}{
		"nothing committed":              {stream.Commit{Offset: stream.None}, "2000 main: from 50 to 53, 🔥2 / 4000 main: from 51 to 52, 🔥1"},
		"a commit without metadata":      {stream.Commit{Offset: 60}, "2000 main: from 50 to 53, 🔥2 / 4000 main: from 51 to 52, 🔥1"},
		"half of the metadata":           {stream.Commit{Offset: 60, Metadata: `{"v":1,"closed":2000,"watermark":"x"}`}, "2000 main: from 50 to 53, 🔥2 / 4000 main: from 51 to 52, 🔥1"},
		"records gone, some closed":      {stream.Commit{Offset: 40, Metadata: good}, "4000 main: from 51 to 52, 🔥1"},
		"records gone, all late":         {stream.Commit{Offset: 40, Metadata: metadata(14500, 4000, 0, 0)}, "6000 main: from 50 to 53, 🔥3"},
		"the tail gone, and what closed": {stream.Commit{Offset: 99, Metadata: metadata(14500, 2000, 0, 0)}, "4000 main: from 51 to 52, 🔥1"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := aggregator.CombinerConfig{Windows: twos(t), Partitions: 4, Reducers: 1}
			c, err := aggregator.NewCombiner(cfg, tt.commit, 50, 60, true)
			if err != nil {
				t.Fatal(err)
			}
			if c.Position() != 50 {
				t.Fatalf("begins at %d, want the log's start", c.Position())
			}
			for i, at := range []int64{1000, 3000, 500} {
				add(t, c, 50+int64(i), at, value("🔥"))
			}
			e, _ := c.Due(1e6)
			lines := lines(t, e)[0]
			if got := strings.Join(lines[:len(lines)-1], " / "); got != tt.want {
				t.Errorf("counted %s, want %s", got, tt.want)
			}
		})
	}
}

// After a reset the log is a different one. The offset before which all was emitted is
// of the old log, and must be forgotten.
func TestResetLostForgetsHowFarAllWasCounted(t *testing.T) {
	cfg := aggregator.CombinerConfig{Windows: twos(t), Partitions: 4, Reducers: 1}
	c, err := aggregator.NewCombiner(cfg, stream.Commit{Offset: 90, Metadata: metadata(14500, 2000, 99, 15000)}, 50, 60, true)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Commit(), (stream.Commit{Offset: 50, Metadata: metadata(never, 2000, 0, never)}); got != want {
		t.Errorf("commit %+v, want %+v", got, want)
	}
}
