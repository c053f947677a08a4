package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/golden"

	"github.com/emostream/emostream/internal/inspect/trace"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// traceStart is when the reactions of these tests are accepted.
var traceStart = time.Date(2026, 11, 23, 14, 42, 0, 0, time.UTC).UnixMilli()

// tracedWindow returns a trace of many reactions of one window, which are at different
// hops.
func tracedWindow() *trace.Tracer {
	t := trace.New(trace.Config{Partials: true})
	t.Cluster("cluster_1")
	t.Server("sub_1", false)
	t.Server("sub_2", false)
	at := func(ms float64) int64 { return traceStart*1000 + int64(ms*1000) }
	users := []string{"ann", "a user with a name that is \x1b[31m so long that it does not fit", "bob\u202e", ""}
	emojis := []string{"🔥", "👍🏽", "\u009b2J", "❤️"}
	for i := range int64(40) {
		accepted := i * 311 % 8000 / 4
		tapped := wire.Time(traceStart + accepted - 7 + i/3).String() // some clients' clocks are ahead
		if i%5 == 0 {
			tapped = "now"
		}
		t.Reaction(int(i%2), stream.Record{Offset: i / 2, Time: traceStart + accepted, Value: wire.AppendReaction(nil, wire.Reaction{
			UserID: users[i%4], Emoji: emojis[i%4], Channel: []string{"main", "a-channel-with-a-name-that-is-long"}[i/20], Timestamp: tapped,
		})}, at(float64(accepted)+1.237))
	}
	end := traceStart + 2000
	partial := func(partition int, ms float64, counts map[string]int64) {
		p := wire.Partial{Version: wire.FormatVersion, Partition: partition, End: end, Channel: "main", Next: 10, Counts: counts}
		t.Progress(stream.Record{Value: wire.Progress{Partial: &p}.Encode()}, at(ms))
	}
	partial(0, 2100.1, map[string]int64{"🔥": 5, "\u009b2J": 5})
	partial(1, 2100.9, map[string]int64{"👍🏽": 5, "❤️": 5})
	window := fmt.Sprintf(`{"start":"%s","end":"%s"}`, wire.Time(traceStart), wire.Time(end))
	for _, e := range []string{"🔥", "👍🏽", "❤️"} {
		t.Count(stream.Record{Value: fmt.Appendf(nil, `{"window":%s,"emoji_type":%q,"emoji_count":5}`, window, e)}, at(2104.3))
	}
	for i, topic := range []string{"cluster_1", "sub_1", "sub_2"} {
		t.Swarm(topic, stream.Record{Value: fmt.Appendf(nil, `{"channel":"main","window":%s,"total":15,"emojis":[]}`, window)}, at(2105.1+float64(i)*1.13))
	}
	return t
}

// The page of a trace fits the screen and begins with the whole table. It has no
// characters that a terminal would obey.
func TestTracePage(t *testing.T) {
	tracer := tracedWindow()
	notes := []string{"emoji-partials does not exist: without it reactions belong to the window of their record's time, and nothing tells of them between the log and emoji-aggregated"}
	now := time.UnixMilli(traceStart + 3000)
	for name, height := range map[string]int{"page": 22, "little": 10} {
		t.Run(name, func(t *testing.T) {
			lines := tracePage(tracer.Report(), notes, now, columns, height)
			for _, l := range lines {
				if w := ansi.StringWidth(l); w > columns {
					t.Errorf("%d columns: %s", w, l)
				}
			}
			if len(lines) > height {
				t.Errorf("%d lines, want %d", len(lines), height)
			}
			golden.RequireEqual(t, []byte(strings.Join(lines, "\n")+"\n"))
		})
	}
	tracer.Tick(traceStart*1000 + 60_000_000)
	t.Run("table", func(t *testing.T) {
		golden.RequireEqual(t, []byte(strings.Join(traceTable(tracer.Report()), "\n")+"\n"))
	})
}

// The rounded means that are shown add up to the mean from end to end.
func TestTraceTableAddsUp(t *testing.T) {
	sum := 0.0
	lines := traceTable(tracedWindow().Report())
	for _, l := range lines[3:] {
		name, rest := strings.TrimSpace(l[:24]), strings.Fields(l[24:])
		var mean float64
		if _, err := fmt.Sscan(strings.ReplaceAll(rest[0], ",", ""), &mean); err != nil {
			t.Fatal(err, l)
		}
		if name == "end to end" {
			if roundTenth(sum) != mean {
				t.Errorf("the means are %.1f together, and from end to end %.1f", sum, mean)
			}
			return
		}
		sum += mean
	}
	t.Errorf("no end to end in %q", lines)
}

// Each reaction is one line, whatever its fields hold.
func TestJourneyLines(t *testing.T) {
	tracer := tracedWindow()
	tracer.Tick(traceStart*1000 + 60_000_000)
	done := tracer.Finished()
	for _, asJSON := range []bool{false, true} {
		var out bytes.Buffer
		p := &journeyPrinter{out: bufio.NewWriter(&out), json: asJSON}
		if err := p.print(done); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
		if len(lines) != len(done) {
			t.Errorf("%d lines of %d reactions", len(lines), len(done))
		}
		for _, l := range lines {
			if strings.ContainsFunc(l, func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) {
				t.Errorf("control characters in %q", l)
			}
			if asJSON && !json.Valid([]byte(l)) {
				t.Errorf("no JSON: %s", l)
			}
		}
	}
}
