package publisher_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/publisher"
)

func newMerger(t *testing.T, cfg publisher.Config) *publisher.Merger {
	t.Helper()
	m, err := publisher.NewMerger(cfg, stream.Commit{Offset: stream.None}, 0)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// count returns a record of emoji-aggregated, of a window of two seconds that ends at
// end. The scaled count is a tenth of n. Headers are like complete=N and closed=R/N:T.
func count(end int64, channel, emoji string, n int64, headers ...string) stream.Record {
	c := wire.Count{Window: wire.Window{Start: end - 2000, End: end}, Emoji: emoji, Count: n, Scaled: float64(n) / 10}
	if channel != "main" {
		c.Channel = channel
	}
	value, err := json.Marshal(c)
	if err != nil {
		panic(err)
	}
	r := stream.Record{Value: value}
	for _, h := range headers {
		key, value, _ := strings.Cut(h, "=")
		r.Headers = append(r.Headers, stream.Header{Key: "emostream-" + key, Value: []byte(value)})
	}
	return r
}

// read makes a merger read these records at now, as the next ones of its log.
func read(t *testing.T, m *publisher.Merger, now int64, records ...stream.Record) {
	t.Helper()
	for _, r := range records {
		r.Offset = m.Position()
		if r.Time == 0 {
			r.Time = now
		}
		if err := m.Add(r, now); err != nil {
			t.Fatal(err)
		}
	}
	readToEnd(m)
}

// readToEnd tells a merger that it has read to the end of the log.
func readToEnd(m *publisher.Merger) {
	m.Advance(stream.Batch{Next: m.Position(), HighWatermark: m.Position()})
}

// confirm confirms what is due at now.
func confirm(m *publisher.Merger, now int64) {
	e, _ := m.Due(now)
	m.Confirm(e)
}

// sent fails the test unless the swarms that are due at now are want. It confirms them.
func sent(t *testing.T, m *publisher.Merger, now int64, want ...string) {
	t.Helper()
	e, _ := m.Due(now)
	var got []string
	for _, s := range e.Swarms {
		line := fmt.Sprintf("%d %s %d:", s.Window.End, s.Channel, s.Total)
		for _, e := range s.Emojis {
			line += fmt.Sprintf(" %s%d", e.Emoji, e.Count)
		}
		got = append(got, line)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("at %d (-want +got):\n%s", now, diff)
	}
	m.Confirm(e)
}

func TestMergerSendsAtOnceWhatIsComplete(t *testing.T) {
	m := newMerger(t, publisher.Config{})
	read(t, m, 2100, count(2000, "main", "🔥", 3))
	sent(t, m, 2100)
	read(t, m, 2100, count(2000, "main", "😂", 20, "complete=2"), count(2000, "a", "👍", 1, "complete=1"))
	sent(t, m, 2100, "2000 a 1: 👍1", "2000 main 23: 😂20 🔥3")
	sent(t, m, 9999, "4000 a 0:", "4000 main 0:")
}

func TestMergerWaitsWithoutASignal(t *testing.T) {
	for name, last := range map[string]stream.Record{
		"without a header":                    count(2000, "main", "😂", 1),
		"with a header of another":            count(2000, "main", "😂", 1, "spark=2"),
		"with a number of emojis not reached": count(2000, "main", "😂", 1, "complete=3"),
		"with a number that is none":          count(2000, "main", "😂", 1, "complete=two"),
		"with a number of no emojis":          count(2000, "main", "😂", 1, "complete=0"),
	} {
		t.Run(name, func(t *testing.T) {
			m := newMerger(t, publisher.Config{})
			read(t, m, 2100, count(2000, "main", "🔥", 3))
			read(t, m, 2250, last)
			sent(t, m, 2549)
			if at, ok := m.NextDue(0); !ok || at != 2550 {
				t.Errorf("the next is due at %d, %v; want 2550", at, ok)
			}
			sent(t, m, 2550, "2000 main 4: 🔥3 😂1")
			sent(t, m, 3000)
		})
	}
}

func TestMergerSendsAgainWhatGrew(t *testing.T) {
	m := newMerger(t, publisher.Config{})
	read(t, m, 2100, count(2000, "main", "🔥", 3), count(2000, "main", "😂", 1, "complete=2"))
	sent(t, m, 2100, "2000 main 4: 🔥3 😂1")

	read(t, m, 2200, count(2000, "main", "🔥", 3), count(2000, "main", "😂", 1, "complete=2")) // the same again
	read(t, m, 2200, count(2000, "main", "🔥", 2, "complete=1"))                              // of a reducer that has started again at an earlier offset
	sent(t, m, 2999)

	read(t, m, 2999, count(2000, "main", "🔥", 5))
	sent(t, m, 2999) // only half of the emission was read
	read(t, m, 2999, count(2000, "main", "😂", 1, "complete=2"))
	sent(t, m, 2999, "2000 main 6: 🔥5 😂1")

	read(t, m, 3000, count(2000, "main", "👍", 1)) // the rest of this emission never comes
	sent(t, m, 3299)
	sent(t, m, 3300, "2000 main 7: 🔥5 👍1 😂1")
}

func TestMergerCopesWithSpark(t *testing.T) {
	m := newMerger(t, publisher.Config{})
	for _, value := range []string{
		`{"window":{"start":"1970-01-01T05:30:00.000+05:30","end":"1970-01-01T05:30:02.000+05:30"},"emoji_type":"🔥","emoji_count":25,"emoji_count_aggregated":2}`,
		`{"window":{"start":"1970-01-01T00:00:00Z","end":"1970-01-01T00:00:02.000000Z"},"emoji_type":"😂","emoji_count":26,"emoji_count_aggregated":2.6,"rate":1}`,
		`{"window":{"start":"1970-01-01 00:00:00","end":"1970-01-01 00:00:02.0"},"emoji_type":"👍","emoji_count":6.0,"emoji_count_aggregated":"1"}`,
	} {
		read(t, m, 2500, stream.Record{Value: []byte(value)})
	}
	e, _ := m.Due(2800)
	want := []wire.Swarm{{
		Channel: "main", Window: wire.Window{Start: 0, End: 2000}, Total: 57,
		Emojis: []wire.EmojiCount{{Emoji: "😂", Count: 26, Scaled: 2.6}, {Emoji: "🔥", Count: 25, Scaled: 2}, {Emoji: "👍", Count: 6, Scaled: 1}},
	}}
	if diff := cmp.Diff(want, e.Swarms); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMergerListsTheTop(t *testing.T) {
	m := newMerger(t, publisher.Config{Top: 2})
	read(t, m, 2100, count(2000, "main", "🔥", 3), count(2000, "main", "😂", 1), count(2000, "main", "👍", 2, "complete=3"))
	sent(t, m, 2100, "2000 main 6: 🔥3 👍2")
}

func TestMergerRepeatsWhatWasNotSent(t *testing.T) {
	m := newMerger(t, publisher.Config{})
	read(t, m, 2100, count(2000, "main", "🔥", 3, "complete=1"))
	if e, due := m.Due(2100); !due || len(e.Swarms) != 1 {
		t.Fatalf("%d swarms are due, want 1", len(e.Swarms))
	}
	sent(t, m, 2100, "2000 main 3: 🔥3") // the merger was not told that the first attempt is acknowledged
	sent(t, m, 2100)
}

func TestMergerPassesOverWhatIsNoCount(t *testing.T) {
	const window = `"window":{"start":"1970-01-01T00:00:00Z","end":"1970-01-01T00:00:02Z"}`
	for name, value := range map[string]string{
		"nothing":                          "",
		"no JSON":                          "🔥",
		"null":                             "null",
		"a list":                           "[]",
		"no window":                        `{"emoji_type":"🔥","emoji_count":1}`,
		"a window that is null":            `{"window":null,"emoji_type":"🔥","emoji_count":1}`,
		"a window of no length":            `{"window":{"start":"1970-01-01T00:00:00Z","end":"1970-01-01T00:00:00Z"},"emoji_type":"🔥","emoji_count":1}`,
		"no emoji":                         `{` + window + `,"emoji_count":1}`,
		"an emoji that is too long":        `{` + window + `,"emoji_type":"` + strings.Repeat("x", wire.MaxEmoji+1) + `","emoji_count":1}`,
		"a count below zero":               `{` + window + `,"emoji_type":"🔥","emoji_count":-1}`,
		"a count that is a fraction":       `{` + window + `,"emoji_type":"🔥","emoji_count":1.5}`,
		"a count that is text":             `{` + window + `,"emoji_type":"🔥","emoji_count":"one"}`,
		"a channel that cannot be one":     `{` + window + `,"emoji_type":"🔥","emoji_count":1,"channel":"a b"}`,
		"a scaled count that is no number": `{` + window + `,"emoji_type":"🔥","emoji_count":1,"emoji_count_aggregated":"x"}`,
	} {
		t.Run(name, func(t *testing.T) {
			m := newMerger(t, publisher.Config{})
			err := m.Add(stream.Record{Offset: 6, Value: []byte(value)}, 2100)
			if err == nil || !strings.Contains(err.Error(), "emoji-aggregated at 6") {
				t.Errorf("Add = %v, want an error that names the record", err)
			}
			readToEnd(m)
			if e, due := m.Due(1e9); m.Position() != 7 || due {
				t.Errorf("position %d, due %v; want it passed over", m.Position(), e)
			}
		})
	}
}

// Each channel gets one empty swarm, for the window after its last one with counts.
func TestMergerSaysWhenAChannelFallsSilent(t *testing.T) {
	m := newMerger(t, publisher.Config{})
	read(t, m, 2100, count(2000, "main", "🔥", 3, "complete=1"), count(2000, "a", "🔥", 1, "complete=1"))
	sent(t, m, 2100, "2000 a 1: 🔥1", "2000 main 3: 🔥3")
	if at, ok := m.NextDue(0); !ok || at != 5000 {
		t.Errorf("the next is due at %d, %v; want 1 s after the next window's end", at, ok)
	}
	read(t, m, 4100, count(4000, "a", "🔥", 1, "complete=1"))
	sent(t, m, 4999, "4000 a 1: 🔥1")
	m.Advance(stream.Batch{Next: m.Position(), HighWatermark: m.Position() + 1})
	if e, due := m.Due(5000); due {
		t.Errorf("due is %v, want nothing while the log is not read to its end", e)
	}
	readToEnd(m)
	sent(t, m, 5000, "4000 main 0:")
	sent(t, m, 6999)
	sent(t, m, 7000, "6000 a 0:")
	sent(t, m, 99999)
	if at, ok := m.NextDue(0); ok {
		t.Errorf("the next is due at %d, want nothing", at)
	}

	read(t, m, 100100, count(2000, "main", "🔥", 4, "complete=1")) // a revision of an old window
	sent(t, m, 100100, "2000 main 4: 🔥4")
	sent(t, m, 199999)
	read(t, m, 200100, count(200000, "main", "🔥", 1, "complete=1"))
	sent(t, m, 203000, "200000 main 1: 🔥1", "202000 main 0:")
}

// A program that sends no headers may be far behind the clock. The empty swarm waits
// for its next window.
func TestMergerAllowsForALaggard(t *testing.T) {
	m := newMerger(t, publisher.Config{})
	read(t, m, 12000, count(2000, "main", "🔥", 3))
	sent(t, m, 12300, "2000 main 3: 🔥3")
	sent(t, m, 14000)
	read(t, m, 14000, count(4000, "main", "🔥", 1))
	sent(t, m, 14300, "4000 main 1: 🔥1")
	if at, ok := m.NextDue(0); !ok || at != 45000 {
		t.Errorf("the next is due at %d, %v; want it after the least patience and a second", at, ok)
	}
	sent(t, m, 44999)
	sent(t, m, 45000, "6000 main 0:")
	sent(t, m, 99999)
}
