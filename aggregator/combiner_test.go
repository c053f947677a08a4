package aggregator_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/aggregator"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
)

// value returns a record value of emoji-topic. The channel may be left out.
func value(emoji string, channel ...string) []byte {
	r := wire.Reaction{UserID: "u", Emoji: emoji, Timestamp: "t"}
	if len(channel) > 0 {
		r.Channel = channel[0]
	}
	return wire.AppendReaction(nil, r)
}

// newCombiner returns the combiner of partition 0 of 4, without a commit.
func newCombiner(tb testing.TB, reducers int) *aggregator.Combiner {
	tb.Helper()
	cfg := aggregator.CombinerConfig{Windows: twos(tb), Grace: 100 * time.Millisecond, Partitions: 4, Reducers: reducers}
	c, err := aggregator.NewCombiner(cfg, stream.Commit{Offset: stream.None}, 0, 0, false)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// add makes a combiner count a record with this offset and the time t.
func add(tb testing.TB, c *aggregator.Combiner, offset, t int64, value []byte) {
	tb.Helper()
	if err := c.Add(stream.Record{Offset: offset, Time: t, Value: value}, 0); err != nil {
		tb.Fatal(err)
	}
}

// fetched returns a batch without records that was asked for at sentAt. The next fetch
// is at next.
func fetched(next int64, atEnd bool, sentAt int64) stream.Batch {
	b := stream.Batch{Next: next, HighWatermark: next, SentAt: time.UnixMilli(sentAt)}
	if !atEnd {
		b.HighWatermark++
	}
	return b
}

// While a transaction keeps a partition from being read to its end, its windows are sent
// by the clock, and not reported. The combiner does not ask again and again meanwhile.
func TestCombinerReportsNothingBehindATransaction(t *testing.T) {
	c := newCombiner(t, 1)
	add(t, c, 0, 500, value("🔥"))
	blocked := fetched(1, false, 2500)
	blocked.Unstable = 1
	c.Advance(blocked)
	emit(t, c, 2500, "2000 main: from 0 to 1, 🔥1", "mark: reported never, closed never")
	if at, ok := c.NextDue(2500); !ok || at != 4100 {
		t.Errorf("the next is due at %d, %v; want 4100, after the end of the next window", at, ok)
	}
	c.Advance(fetched(2, true, 2600)) // the transaction was aborted
	emit(t, c, 2600, "mark: reported 2000, closed never")
}

// lines returns a line for each record of an emission, by partition of emoji-partials.
func lines(t *testing.T, e aggregator.PartialsEmission) [][]string {
	t.Helper()
	out := make([][]string, len(e.Records))
	for i, records := range e.Records {
		for _, r := range records {
			p, err := wire.DecodeProgress(r.Value)
			if err != nil {
				t.Fatal(err)
			}
			if m := p.Mark; m != nil {
				out[i] = append(out[i], fmt.Sprintf("mark: reported %s, closed %s", ms(m.Reported), ms(m.Closed)))
				continue
			}
			if string(r.Key) != p.Partial.Channel {
				t.Errorf("a partial of %s has the key %s", p.Partial.Channel, r.Key)
			}
			out[i] = append(out[i], fmt.Sprintf("%d %s: from %d to %d,%s", p.Partial.End, p.Partial.Channel, p.Partial.First, p.Partial.Next, emojiCounts(p.Partial.Counts)))
		}
	}
	return out
}

func emojiCounts(counts map[string]int64) string {
	var b strings.Builder
	for _, emoji := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(&b, " %s%d", emoji, counts[emoji])
	}
	return b.String()
}

func ms(t int64) string {
	if t == windowing.Never {
		return "never"
	}
	return fmt.Sprint(t)
}

// emit fails the test unless what is due at now has the lines want. It confirms it.
func emit(t *testing.T, c *aggregator.Combiner, now int64, want ...string) {
	t.Helper()
	e, due := c.Due(now)
	if due != (len(want) > 0) {
		t.Fatalf("at %d an emission is due: %v, want %v", now, due, !due)
	}
	if !due {
		return
	}
	if diff := cmp.Diff(want, lines(t, e)[0]); diff != "" {
		t.Errorf("at %d (-want +got):\n%s", now, diff)
	}
	c.Confirm(e)
}

func TestCombinerSaysAtOnceHowFarItIs(t *testing.T) {
	c := newCombiner(t, 1)
	emit(t, c, 5, "mark: reported never, closed never")
	emit(t, c, 5)
	c.Advance(fetched(0, true, 105))
	emit(t, c, 105, "mark: reported 0, closed never")
}

func TestCombinerEmitsAfterTheGrace(t *testing.T) {
	c := newCombiner(t, 1)
	add(t, c, 0, 500, value("🔥"))
	add(t, c, 1, 2000, value("🔥"))
	add(t, c, 2, 1999, value("😂"))
	emit(t, c, 500, "mark: reported never, closed -8000")
	emit(t, c, 2099)
	emit(t, c, 2100, "2000 main: from 0 to 3, 🔥1 😂1", "mark: reported never, closed -8000")
	emit(t, c, 4099)
	emit(t, c, 4100, "4000 main: from 1 to 2, 🔥1", "mark: reported never, closed -8000")
}

func TestCombinerReportsWhatItReadToTheEnd(t *testing.T) {
	for name, tt := range map[string]struct {
		atEnd  bool
		sentAt int64
		want   string
	}{
		"a fetch that was sent too early":             {true, 2099, "0"},
		"one that was sent when the window was whole": {true, 2100, "2000"},
		"one that did not reach the end":              {false, 2100, "never"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCombiner(t, 1)
			add(t, c, 0, 500, value("🔥"))
			c.Advance(fetched(1, tt.atEnd, tt.sentAt))
			emit(t, c, 2099, "mark: reported "+tt.want+", closed never")
		})
	}
}

func TestCombinerReportsAWindowItHasEmitted(t *testing.T) {
	c := newCombiner(t, 1)
	add(t, c, 0, 500, value("🔥"))
	emit(t, c, 2100, "2000 main: from 0 to 1, 🔥1", "mark: reported never, closed never")
	c.Advance(fetched(1, true, 2100))
	emit(t, c, 2101, "mark: reported 2000, closed never")
	c.Advance(fetched(1, true, 2050)) // an older fetch changes nothing
	emit(t, c, 2301)
	add(t, c, 1, 700, value("🔥"))
	emit(t, c, 2301, "2000 main: from 0 to 2, 🔥2", "mark: reported 2000, closed -10000")
}

func TestCombinerEmitsAtOnceWhatTheWatermarkCloses(t *testing.T) {
	c := newCombiner(t, 1)
	emit(t, c, 0, "mark: reported never, closed never")
	add(t, c, 0, 500, value("🔥"))
	add(t, c, 1, 11999, value("😂"))
	emit(t, c, 1, "mark: reported never, closed 0")
	add(t, c, 2, 12000, value("😂"))
	emit(t, c, 2, "2000 main: from 0 to 1, 🔥1", "mark: reported never, closed 2000")
	if got := c.Open(); got != 2 {
		t.Errorf("%d windows are open, want those of the records 1 and 2", got)
	}
}

func TestCombinerEmitsAgainWhatGrew(t *testing.T) {
	c := newCombiner(t, 1)
	add(t, c, 0, 500, value("🔥"))
	add(t, c, 1, 500, value("🔥"))
	c.Advance(fetched(2, true, 2100))
	emit(t, c, 2100, "2000 main: from 0 to 2, 🔥2", "mark: reported 2000, closed -10000")
	if got, ok := c.NextDue(2110); !ok || got != 4100 {
		t.Errorf("the next is due at %d, want the next window", got)
	}
	add(t, c, 2, 1000, value("🔥", "a"))
	add(t, c, 3, 1000, value("🔥"))
	if got, ok := c.NextDue(2110); !ok || got != 2200 {
		t.Errorf("the next is due at %d, want what grew", got)
	}
	emit(t, c, 2199)
	emit(t, c, 2200, "2000 main: from 0 to 4, 🔥3", "2000 a: from 2 to 3, 🔥1", "mark: reported 2000, closed -10000")
	add(t, c, 4, 1000, value("😂", "a"))
	emit(t, c, 2299)
	emit(t, c, 2300, "2000 a: from 2 to 5, 🔥1 😂1", "mark: reported 2000, closed -10000")
	emit(t, c, 9999)
}

func TestCombinerRepeatsWhatWasNotConfirmed(t *testing.T) {
	c := newCombiner(t, 1)
	add(t, c, 0, 500, value("🔥"))
	first, _ := c.Due(2100)
	again, due := c.Due(2101)
	if !due {
		t.Fatal("nothing is due, want the emission that was not confirmed")
	}
	if diff := cmp.Diff(lines(t, first), lines(t, again)); diff != "" {
		t.Errorf("(-first +again):\n%s", diff)
	}
}

func TestCombinerCountsLateRecordsInTheOldestOpenWindow(t *testing.T) {
	c := newCombiner(t, 1)
	add(t, c, 0, 1000, value("🔥"))
	add(t, c, 1, 15000, value("🔥"))
	add(t, c, 2, 15000, value("🔥")) // closes all windows up to 4000
	emit(t, c, 1, "2000 main: from 0 to 1, 🔥1", "mark: reported never, closed 4000")
	add(t, c, 3, 1000, value("😂"))
	add(t, c, 4, 4000, value("👍")) // not late
	add(t, c, 5, 1, value("😂"))
	add(t, c, 6, 3999, value("😂"))
	if got := c.Late(); got != 3 {
		t.Errorf("%d records are late, want 3", got)
	}
	emit(t, c, 6100, "6000 main: from 3 to 7, 👍1 😂3", "mark: reported never, closed 4000")
}

func TestCombinerPassesOverWhatIsNoReaction(t *testing.T) {
	c := newCombiner(t, 1)
	add(t, c, 0, 500, value("🔥"))
	if err := c.Add(stream.Record{Offset: 1, Time: 12000, Value: []byte("junk")}, 0); !errors.Is(err, wire.ErrNotReaction) {
		t.Errorf("Add = %v, want ErrNotReaction", err)
	}
	// Its time decides nothing.
	add(t, c, 7, 500, value("🔥")) // the log does not hold the offsets between
	if c.Position() != 8 || c.Watermark() != 500 {
		t.Errorf("position %d, watermark %d; want 8, 500", c.Position(), c.Watermark())
	}
	emit(t, c, 2, "mark: reported never, closed -10000")
	emit(t, c, 2100, "2000 main: from 0 to 8, 🔥2", "mark: reported never, closed -10000")
}

func TestCombinerSendsASpentWindowAtOnce(t *testing.T) {
	c := newCombiner(t, 1)
	add(t, c, 0, 500, value("🔥"))
	add(t, c, 1, 500, value("🔥"))
	add(t, c, 2, 3_600_500, value("😂")) // an hour ahead
	emit(t, c, 501, "3602000 main: from 2 to 3, 😂1", "mark: reported never, closed -10000")
	if got := c.Open(); got != 2 {
		t.Errorf("%d windows are open, want that of the far time, too, as long as it may be right", got)
	}
	add(t, c, 3, 501, value("🔥"))
	e, _ := c.Due(2100)
	c.Confirm(e)
	if got := c.Open(); got != 1 {
		t.Errorf("%d windows are open, want that of the present", got)
	}
	add(t, c, 4, 3_600_500, value("😂"))
	add(t, c, 5, 502, value("🔥"))
	emit(t, c, 2199)
	emit(t, c, 2200, "2000 main: from 0 to 6, 🔥4", "3604000 main: from 4 to 5, 😂1", "mark: reported never, closed -10000")
}

// After a silence the first reaction is sent when its window is over, though its time is
// far ahead of the watermark.
func TestCombinerShowsTheFirstReactionAfterASilence(t *testing.T) {
	c := newCombiner(t, 1)
	add(t, c, 0, 500, value("🔥"))
	add(t, c, 1, 500, value("🔥"))
	emit(t, c, 2100, "2000 main: from 0 to 2, 🔥2", "mark: reported never, closed -10000")
	add(t, c, 2, 3_600_500, value("😂"))
	emit(t, c, 3_602_099)
	emit(t, c, 3_602_100, "3602000 main: from 2 to 3, 😂1", "mark: reported never, closed -10000")
	add(t, c, 3, 3_600_501, value("😂"))
	emit(t, c, 3_602_101, "3602000 main: from 2 to 4, 😂2", "mark: reported never, closed 3590000")
}

func TestCombinerSpreadsChannelsOverTheReducers(t *testing.T) {
	c := newCombiner(t, 3)
	for i, channel := range []string{"stage-2", "main", ""} {
		add(t, c, int64(i), 500, value("🔥", channel))
	}
	if err := c.Add(stream.Record{Offset: 3, Time: 500, Value: value("🔥", "fußball")}, 0); !errors.Is(err, wire.ErrNotReaction) {
		t.Errorf("Add of a channel that is none = %v, want ErrNotReaction", err)
	}
	add(t, c, 4, 500, value("🔥", "a"))
	e, _ := c.Due(2100)
	mark := "mark: reported never, closed -10000"
	want := make([][]string, 3)
	for channel, line := range map[string]string{"a": "2000 a: from 4 to 5, 🔥1", "main": "2000 main: from 1 to 3, 🔥2", "stage-2": "2000 stage-2: from 0 to 1, 🔥1"} {
		r := wire.PartitionOf(channel, 3)
		want[r] = append(want[r], line)
	}
	for r := range want {
		slices.Sort(want[r])
		want[r] = append(want[r], mark)
	}
	if diff := cmp.Diff(want, lines(t, e)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMarkNamesTheSettings(t *testing.T) {
	c := newCombiner(t, 3)
	e, _ := c.Due(0)
	p, err := wire.DecodeProgress(e.Records[2][0].Value)
	if err != nil {
		t.Fatal(err)
	}
	want := wire.Mark{
		Version: 1, Partition: 0, Partitions: 4, Reducers: 3, Reported: windowing.Never, Closed: windowing.Never,
		Settings: wire.Settings{WindowMS: 2000, LatenessMS: 10000},
	}
	if diff := cmp.Diff(&want, p.Mark); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
