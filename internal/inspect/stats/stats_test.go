package stats_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/exp/golden"
	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/inspect/stats"
	"github.com/emostream/emostream/internal/wire"
)

// base is the beginning of a window.
var base = time.Date(2026, 11, 23, 14, 42, 0, 0, time.UTC).UnixMilli()

// tap returns a reaction written as "USER EMOJI" or "USER EMOJI CHANNEL".
func tap(text string) wire.ReactionFields {
	f := append(strings.Fields(text), "")
	return wire.ReactionFields{UserID: []byte(f[0]), CountedFields: wire.CountedFields{Emoji: []byte(f[1]), Channel: []byte(f[2])}}
}

// addUp adds up reactions written as "MILLISECONDS USER EMOJI", with commas between
// them.
func addUp(t *testing.T, cfg stats.Config, text string) *stats.Statistics {
	t.Helper()
	out := stats.New(cfg)
	for part := range strings.SplitSeq(text, ", ") {
		at, what, ok := strings.Cut(part, " ")
		if !ok {
			continue
		}
		var ms int64
		if _, err := fmt.Sscan(at, &ms); err != nil {
			t.Fatalf("%q: %v", part, err)
		}
		out.Add(base+ms, tap(what))
	}
	return out
}

func TestReport(t *testing.T) {
	all := addUp(t, stats.Config{}, "0 ann 🔥, 1999 bob 🔥, 2000 ann 🎉, 2001 cid 🔥 room, 2500 cid 🎉 room, 3000 cid 🎉 room, 7000 ann 💖")
	all.Skip()
	report, err := json.MarshalIndent(all.Report(stats.Selection{Top: 2, Points: 3}), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden.RequireEqual(t, append(report, '\n'))
}

// All spellings of an emoji are one, also for the limits.
func TestSpellings(t *testing.T) {
	all := addUp(t, stats.Config{Emojis: 2}, "0 ann ❤, 1 bob ❤\ufe0f, 2 cid :heart:, 3 ann 🔥, 4 bob ❤ room, 5 bob 👍, 6 bob x")
	r := all.Report(stats.Selection{Top: 5})
	want := []stats.Emoji{{Emoji: "❤\ufe0f", Reactions: 4, Share: 4.0 / 7}, {Emoji: "🔥", Reactions: 1, Share: 1.0 / 7}}
	if diff := cmp.Diff(want, r.Emojis); diff != "" || r.EmojisSeen != 2 || r.EmojisOther != 2 || r.Reactions != 7 {
		t.Errorf("%d emojis and %d reactions of others (-want +got):\n%s", r.EmojisSeen, r.EmojisOther, diff)
	}
	if c := r.Channels; len(c) != 2 || c[1].Top != "❤\ufe0f" {
		t.Errorf("the channels are %+v", c)
	}
}

// The range is the one asked for, else that of the reactions. It decides the mean rate
// and the series.
func TestSpan(t *testing.T) {
	const reactions = "0 a x, 2000 a x, 2100 a x, 9000 a x"
	for name, test := range map[string]struct {
		in   string
		ask  stats.Selection
		want string
	}{
		"nothing":            {"", stats.Selection{Points: 5}, "0s: 0.0/s, none at the peak []"},
		"nothing of a span":  {"", stats.Selection{From: base, To: base + 4000, Points: 2}, "4s: 0.0/s, none at the peak [0.0 0.0]"},
		"of the reactions":   {reactions, stats.Selection{Points: 10}, "10s: 0.4/s, 2 from 2s at the peak [0.5 1.0 0.0 0.0 0.5]"},
		"asked for":          {reactions, stats.Selection{From: base - 10000, To: base + 10000, Points: 10}, "20s: 0.2/s, 2 from 2s at the peak [0.0 0.0 0.0 0.0 0.0 0.5 1.0 0.0 0.0 0.5]"},
		"in fewer parts":     {reactions, stats.Selection{Points: 2}, "10s: 0.4/s, 2 from 2s at the peak [0.5 0.2]"},
		"in one":             {reactions, stats.Selection{Points: 1}, "10s: 0.4/s, 2 from 2s at the peak [0.4]"},
		"in none":            {reactions, stats.Selection{}, "10s: 0.4/s, 2 from 2s at the peak []"},
		"from then on":       {reactions, stats.Selection{From: base - 2000, Points: 2}, "12s: 0.3/s, 2 from 2s at the peak [0.5 0.2]"},
		"an open window":     {reactions, stats.Selection{To: base + 11000, Points: 10}, "11s: 0.4/s, 2 from 2s at the peak [0.5 1.0 0.0 0.0 0.5]"},
		"shorter than one":   {"100 a x", stats.Selection{From: base + 100, To: base + 600, Points: 3}, "0.5s: 2.0/s, 1 from 0s at the peak [0.5]"},
		"of peaks the first": {"4000 a x, 0 a x", stats.Selection{Points: 1}, "6s: 0.3/s, 1 from 0s at the peak [0.3]"},
		"the wrong way":      {reactions, stats.Selection{From: base + 5000, To: base, Points: 3}, "0s: 0.0/s, none at the peak []"},
	} {
		t.Run(name, func(t *testing.T) {
			r := addUp(t, stats.Config{}, test.in).Report(test.ask)
			peak := "none"
			if r.Peak != nil {
				peak = fmt.Sprintf("%d from %ds", r.Peak.Reactions, (int64(r.Peak.Start)-base)/1000)
			}
			rates := []string{}
			for _, p := range r.Series {
				rates = append(rates, fmt.Sprintf("%.1f", p.PerSecond))
			}
			got := fmt.Sprintf("%gs: %.1f/s, %s at the peak %v", float64(r.Range.End-r.Range.Start)/1000, r.PerSecond, peak, rates)
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// What is kept in memory is bounded, and the sums still include everything.
func TestBounds(t *testing.T) {
	all := stats.New(stats.Config{Windows: 8, Emojis: 3, Channels: 2})
	for i := range int64(1000) {
		all.Add(base+i*2000, tap(fmt.Sprintf("u%d e%d c%d", i, i%10, i%5)))
	}
	all.Add(-5000, tap("u0 e0")) // a clock that is far off
	r := all.Report(stats.Selection{Top: 100, Points: 1000})
	if r.Reactions != 1001 || len(r.Emojis) != 3 || r.EmojisSeen != 3 || r.EmojisOther != 700 || len(r.Channels) != 2 || r.ChannelsSeen != 2 || r.ChannelsOther != 601 {
		t.Errorf("%+v", r)
	}
	if n := len(r.Series); n > 1000 || n < 8 {
		t.Errorf("%d points", n)
	}
	if w := int64(r.Peak.End - r.Peak.Start); w < 256_000 || w%2000 != 0 || r.Peak.Reactions < 100 {
		t.Errorf("the peak is %+v, want one of a window that was doubled often", r.Peak)
	}
	if c := r.Channels[0]; c.Channel != "c0" || c.Reactions != 200 || c.Top != "e0" || c.Users != 200 {
		t.Errorf("the first channel is %+v", c)
	}
}

// The number of users is within three standard errors, for four seeds. Small numbers
// are nearly exact.
func TestUsers(t *testing.T) {
	for _, n := range []int{1, 10, 1000, 50_000} {
		for seed := range uint64(4) {
			random := rand.New(rand.NewPCG(seed, uint64(n)))
			salt := random.Uint64()
			all := stats.New(stats.Config{})
			for i := range n + n/3 { // a third of the users tap twice
				all.Add(base, tap(fmt.Sprintf("user_%x_%d 🔥", salt, i%n)))
			}
			r := all.Report(stats.Selection{})
			if off := math.Abs(float64(r.Users)/float64(n) - 1); off > 3*r.UsersErr || n <= 1000 && off > 0.002 {
				t.Errorf("seed %d: %d of %d users, %.2f %% off", seed, r.Users, n, 100*off)
			}
		}
	}
}

func BenchmarkTally(b *testing.B) {
	all := stats.New(stats.Config{})
	users := make([]wire.ReactionFields, 10_000)
	for i := range users {
		users[i] = tap(fmt.Sprintf("user_%d %c", i, '🌀'+rune(i%20)))
	}
	i := int64(0)
	for b.Loop() {
		all.Add(base+i/100, users[i%10_000])
		i++
	}
}
