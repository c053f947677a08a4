package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/golden"

	"github.com/emostream/emostream/internal/inspect/stats"
	"github.com/emostream/emostream/internal/wire"
)

// statisticsWithPeak returns statistics of some minutes with a peak in the middle.
func statisticsWithPeak() *stats.Statistics {
	t := stats.New(stats.Config{Channels: 3})
	base := time.Date(2026, 11, 23, 14, 42, 0, 0, time.UTC).UnixMilli()
	emojis := []string{"🔥", "🔥", "🔥", "❤️", "👍🏽", "1️⃣", "🇨🇮", "wow"}
	channels := []string{"", "", "room-1", "a-channel-with-a-name-that-is-long", "too-many"}
	for second := range 144 {
		for i := range 1 + 200/(1+(second-70)*(second-70)/20) {
			t.Add(base+int64(second)*1000, wire.ReactionFields{
				UserID:        fmt.Append(nil, second%17, i%31),
				CountedFields: wire.CountedFields{Emoji: []byte(emojis[(second+i)%len(emojis)]), Channel: []byte(channels[(second+i)%len(channels)])},
			})
		}
	}
	t.Skip()
	return t
}

func TestStatsView(t *testing.T) {
	for name, test := range map[string]struct {
		ask         stats.Selection
		live, chart bool
		height      int
	}{
		"table":  {stats.Selection{Top: 10, Points: chartPoints}, false, false, 100},
		"chart":  {stats.Selection{Top: 3, Points: chartPoints}, false, true, 100},
		"live":   {stats.Selection{Top: 10, Points: chartPoints}, true, true, 23},
		"little": {stats.Selection{Top: 10, Points: chartPoints}, true, true, 8},
	} {
		t.Run(name, func(t *testing.T) {
			lines := statsLinesWithin(statisticsWithPeak().Report(test.ask), "emoji-topic", test.live, test.chart, test.height)
			for _, l := range lines {
				if w := ansi.StringWidth(l); w > 80 {
					t.Errorf("%d columns: %s", w, l)
				}
			}
			if len(lines) > test.height {
				t.Errorf("%d lines, want %d", len(lines), test.height)
			}
			golden.RequireEqual(t, []byte(strings.Join(lines, "\n")+"\n"))
		})
	}
}

func TestStatsOfNothing(t *testing.T) {
	got := strings.Join(statsLines(stats.New(stats.Config{}).Report(stats.Selection{Top: 10, Points: chartPoints}), "emoji-topic", false, true), "\n")
	want := "reactions            0  in emoji-topic\na second           0.0  on average\nusers                0  estimated, standard error 0.8 %"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// With --follow stats counts reactions as they come, and exits well when it is stopped.
func TestStatsFollows(t *testing.T) {
	t.Parallel()
	c, addr := withTopics(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	const tapped = `{"user_id":"%s","emoji_type":"🔥","timestamp":"t"}`
	write(ctx, t, c, 0, fmt.Sprintf(tapped, "before"))
	out := &outputWatcher{want: `"reactions":3,`, done: cancel}
	begun := &outputWatcher{want: `"reactions":1,`, done: func() {
		write(ctx, t, c, 3, fmt.Sprintf(tapped, "ann"), fmt.Sprintf(tapped, "bob"), "junk")
	}}
	var errs bytes.Buffer
	code := execute(ctx, streams{out: tee{out, begun}, err: &errs}, []string{"stats", "--last", "1h", "--follow", "--every", "100ms", "-o", "json", "--brokers", addr})
	if code != exitOK || ctx.Err() != context.Canceled {
		t.Errorf("exit code %d, %v, on stderr %q, on stdout %q", code, ctx.Err(), errs.String(), out.String())
	}
	if last := out.String(); !strings.Contains(last, `"users":3,`) || !strings.Contains(last, `"skipped":1`) {
		t.Errorf("it ended with %s", last)
	}
}

// On a terminal stats takes the full screen until q is pressed. Other keys do nothing.
// The last table stays on the terminal.
func TestStatsOnScreen(t *testing.T) {
	t.Parallel()
	c, addr := withTopics(t)
	p := openPane(t)
	p.run("emostream stats --every 100ms --brokers " + addr)
	p.shows("in emoji-topic")
	p.keys("x")
	write(t.Context(), t, c, 0, `{"user_id":"ann","emoji_type":"🔥","timestamp":"t"}`)
	p.shows("fire")
	p.shows("q end and report")
	p.keys("q")
	p.endsWith(exitOK)
	if screen := p.shows("100.0 %"); strings.Contains(screen, "end and report") || !strings.Contains(screen, "fire") {
		t.Errorf("it left\n%s", screen)
	}
}

// tee writes to both watchers.
type tee struct{ one, other *outputWatcher }

func (t tee) Write(b []byte) (int, error) {
	_, _ = t.one.Write(b)
	return t.other.Write(b)
}
