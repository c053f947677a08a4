package export_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"
	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/emostream/emostream/internal/broker/brokertest"
	"github.com/emostream/emostream/internal/inspect/export"
	"github.com/emostream/emostream/internal/inspect/topicreader"
	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// base is the beginning of the tests' first window.
var base = time.Date(2026, 11, 23, 14, 42, 0, 0, time.UTC).UnixMilli()

var windows = []export.Window{
	{wire.Time(base), wire.Time(base + 2000), "main", "❤️", 1234, 123.4},
	{wire.Time(base + 2000), wire.Time(base + 4000), "room-1", "🔥", 1, 1},
}

var reactions = []export.Reaction{
	{wire.Time(base + 250), "ann", "❤️", "2026-11-23T14:42:00.250Z", "main"},
	{wire.Time(base + 251), "b\"o,b<&>\nline", "🔥", "", "room-1"},
}

func TestText(t *testing.T) {
	t.Run("windows.csv", func(t *testing.T) { golden.RequireEqual(t, table(t, export.CSV, windows)) })
	t.Run("windows.jsonl", func(t *testing.T) { golden.RequireEqual(t, table(t, export.JSONLines, windows)) })
	t.Run("reactions.csv", func(t *testing.T) { golden.RequireEqual(t, table(t, export.CSV, reactions)) })
	t.Run("reactions.jsonl", func(t *testing.T) { golden.RequireEqual(t, table(t, export.JSONLines, reactions)) })
	t.Run("empty.csv", func(t *testing.T) { golden.RequireEqual(t, table[export.Window](t, export.CSV, nil)) })
}

func table[R export.Row](t *testing.T, f export.Format, rows []R) []byte {
	t.Helper()
	var b bytes.Buffer
	to := export.NewTable[R](&b, f)
	for _, r := range rows {
		if err := to.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Parquet is read back as it was written, also from several groups of rows. Its columns
// have types that other programs understand.
func TestParquet(t *testing.T) {
	many := slices.Repeat(windows, 100_000)
	got := table(t, export.Parquet, many)
	back, err := parquet.Read[export.Window](bytes.NewReader(got), int64(len(got)))
	if err != nil || !slices.Equal(back, many) {
		t.Errorf("%d rows were read back, want %d (%v)", len(back), len(many), err)
	}
	again, err := parquet.Read[export.Reaction](bytes.NewReader(table(t, export.Parquet, reactions)), int64(len(table(t, export.Parquet, reactions))))
	if err != nil || !slices.Equal(again, reactions) {
		t.Errorf("read back %+v (%v)", again, err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(got), int64(len(got)))
	if err != nil {
		t.Fatal(err)
	}
	golden.RequireEqual(t, f.Schema().String())
	if n := len(f.RowGroups()); n != 2 {
		t.Errorf("it has %d groups of rows, want 2", n)
	}
}

func TestFormatOf(t *testing.T) {
	for path, want := range map[string]string{
		"":            "jsonl",
		"day.parquet": "parquet",
		"DAY.CSV":     "csv",
		"a.b/c.jsonl": "jsonl",
		"day.ndjson":  "jsonl",
		"day":         `file "day": its ending is none of .csv, .jsonl, .ndjson and .parquet: say the format`,
		"csv":         `file "csv": its ending is none of .csv, .jsonl, .ndjson and .parquet: say the format`,
		"day.txt":     `file "day.txt": its ending is none of .csv, .jsonl, .ndjson and .parquet: say the format`,
	} {
		f, err := export.FormatOf(path)
		got := string(f)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", path, got, want)
		}
	}
}

// install starts a broker with the topics of reactions and counts, each with two
// partitions.
func install(t *testing.T) *kafka.Client {
	t.Helper()
	c, _ := brokertest.Open(t)
	layout := kafka.Layout{Reactions: 2, Counts: 2, Retention: 100 * 365 * 24 * time.Hour}
	if _, err := c.EnsureTopics(t.Context(), layout.ReactionsTopic(), layout.CountsTopic()); err != nil {
		t.Fatal(err)
	}
	return c
}

func write(t *testing.T, c *kafka.Client, topic string, partition int, ms int64, value string) {
	t.Helper()
	if err := c.Writer(topic).Write(t.Context(), partition, []stream.Record{{Time: base + ms, Value: []byte(value)}}); err != nil {
		t.Fatal(err)
	}
}

// count returns a record of emoji-aggregated. Our own have the zone "Z"; a Spark job
// writes a UTC offset instead.
func count(zone string, start int64, emoji string, n int64) string {
	at := func(ms int64) string { return time.UnixMilli(base+ms).UTC().Format("2006-01-02T15:04:05.000") + zone }
	return fmt.Sprintf(`{"window":{"start":%q,"end":%q},"emoji_type":%q,"emoji_count":%d,"emoji_count_aggregated":%.1f}`, at(start), at(start+2000), emoji, n, float64(n)/10)
}

func open(t *testing.T, c *kafka.Client, topic string) *topicreader.Range {
	t.Helper()
	s, err := topicreader.Open(t.Context(), topicreader.Config{Client: c, Topic: topic})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWindows(t *testing.T) {
	c := install(t)
	topic := wire.Topics{}.Counts()
	write(t, c, topic, 0, 2100, count("Z", 0, "🔥", 2))
	write(t, c, topic, 0, 4100, count("Z", 2000, "🔥", 5))
	write(t, c, topic, 0, 4200, count("+00:00", 0, "🔥", 7)) // a revision by another program
	write(t, c, topic, 0, 4300, count("+00:00", 0, "❤", 1))
	write(t, c, topic, 0, 4400, "junk")
	write(t, c, topic, 1, 9000, count("Z", 2000, "🔥", 4)) // an older count of the same emoji
	write(t, c, topic, 1, 9100, count("Z", 4000, "🔥", 1))
	hearts, err := topicreader.NewFilter(nil, []string{"❤️"})
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		cfg  export.WindowsConfig
		want string
		sum  export.Summary
	}{
		"all": {
			export.WindowsConfig{},
			"0 ❤️ 1, 0 🔥 7, 2000 🔥 5, 4000 🔥 1",
			export.Summary{Rows: 4, Reactions: 14, Windows: 3, First: wire.Time(base), Last: wire.Time(base + 6000)},
		},
		"of a span": {
			export.WindowsConfig{From: base + 2000, To: base + 4000},
			"2000 🔥 5",
			export.Summary{Rows: 1, Reactions: 5, Windows: 1, First: wire.Time(base + 2000), Last: wire.Time(base + 4000)},
		},
		"of an emoji": {
			export.WindowsConfig{Filter: hearts},
			"0 ❤️ 1",
			export.Summary{Rows: 1, Reactions: 1, Windows: 1, First: wire.Time(base), Last: wire.Time(base + 2000)},
		},
		"of another channel": {export.WindowsConfig{Filter: topicreader.Filter{Channels: []string{"room"}}}, "", export.Summary{}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			sum, err := export.Windows(t.Context(), open(t, c, topic), test.cfg, func(w export.Window) error {
				got = append(got, fmt.Sprintf("%d %s %d", int64(w.Start)-base, w.Emoji, w.Count))
				return nil
			})
			if s := strings.Join(got, ", "); err != nil || s != test.want {
				t.Errorf("got %s, want %s (%v)", s, test.want, err)
			}
			test.sum.Skipped = 1
			sum.Note, _, _ = strings.Cut(sum.Note, ":")
			test.sum.Note = "offset 4"
			if diff := cmp.Diff(test.sum, sum); diff != "" {
				t.Errorf("summary, want and got:\n%s", diff)
			}
		})
	}
}

func TestReactions(t *testing.T) {
	c := install(t)
	topic := wire.Topics{}.Reactions()
	write(t, c, topic, 0, 1, `{"user_id":"ann","emoji_type":"🔥","timestamp":"t1"}`)
	write(t, c, topic, 1, 0, `{"user_id":7,"emoji_type":"🎉","channel":"room"}`)
	write(t, c, topic, 1, 2, `{}`)
	var got []export.Reaction
	sum, err := export.Reactions(t.Context(), open(t, c, topic), topicreader.Filter{}, func(r export.Reaction) error {
		got = append(got, r)
		return nil
	})
	want := []export.Reaction{{wire.Time(base), "7", "🎉", "", "room"}, {wire.Time(base + 1), "ann", "🔥", "t1", "main"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v (%v)", got, want, err)
	}
	if sum.Rows != 2 || sum.Reactions != 2 || sum.Skipped != 1 || sum.First != wire.Time(base) || sum.Last != wire.Time(base+1) {
		t.Errorf("summary %+v", sum)
	}
}
