package verify_test

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/inspect/verify"
	"github.com/emostream/emostream/internal/inspect/watermark"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// base is the time at which the tables' histories begin, in ms. It is a boundary of
// windows.
const base = 1_760_000_000_000

var twos = wire.Settings{WindowMS: 2000, LatenessMS: 10000}

// play runs a history through a comparison, one step a line. Times are in ms after
// base.
//
//	tap PARTITION TIME EMOJI [CHANNEL]   a reaction in emoji-topic; three of them: 3*EMOJI
//	junk PARTITION TIME                  a record in emoji-topic that is no reaction
//	count END EMOJI N AT [CHANNEL]       a count of the window that ends at END, written at AT
//	raw JSON                             a record of emoji-aggregated, as it is
//	log gap | counts gap                 records before the next one of partition 0 were removed
//	owe DUE                              calls Owe
//	compare APART                        calls Compare, which must return APART
func play(t *testing.T, l *verify.Comparison, history string) {
	t.Helper()
	for line := range strings.Lines(history) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		switch f[0] {
		case "tap":
			n, emoji := int64(1), f[3]
			if times, rest, ok := strings.Cut(f[3], "*"); ok {
				n, emoji = number(t, times), rest
			}
			for range n {
				l.Reaction(int(number(t, f[1])), tap(base+number(t, f[2]), emoji, strings.Join(f[4:], "")))
			}
		case "timed": // a reaction with a time that the client gave it
			value := wire.AppendReaction(nil, wire.Reaction{UserID: "u", Emoji: f[4], Timestamp: f[3], Channel: strings.Join(f[5:], "")})
			l.Reaction(int(number(t, f[1])), stream.Record{Time: base + number(t, f[2]), Value: value})
		case "clock":
			l.Clock(base + number(t, f[1]))
		case "junk":
			l.Reaction(int(number(t, f[1])), stream.Record{Time: base + number(t, f[2]), Value: []byte("junk")})
		case "count":
			l.Count(0, count(base+number(t, f[1]), f[2], number(t, f[3]), base+number(t, f[4]), strings.Join(f[5:], "")))
		case "raw":
			l.Count(0, stream.Record{Time: base, Value: []byte(strings.Join(f[1:], " "))})
		case "log":
			l.LogGap(0)
		case "counts":
			l.CountsGap(0)
		case "owe":
			l.Owe(base + number(t, f[1]))
		case "compare":
			if apart := l.Compare(); apart != number(t, f[1]) {
				t.Errorf("Compare = %d, want %s", apart, f[1])
			}
		default:
			t.Fatalf("no such step: %s", line)
		}
	}
}

func number(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func tap(at int64, emoji, channel string) stream.Record {
	return stream.Record{Time: at, Value: wire.AppendReaction(nil, wire.Reaction{UserID: "u", Emoji: emoji, Channel: channel})}
}

func count(end int64, emoji string, n, at int64, channel string) stream.Record {
	value, err := json.Marshal(wire.Count{Window: window(end), Emoji: emoji, Count: n, Scaled: 1, Channel: channel})
	if err != nil {
		panic(err)
	}
	return stream.Record{Time: at, Value: value}
}

// window returns the window of two seconds that ends at end.
func window(end int64) wire.Window { return wire.Window{Start: end - 2000, End: end} }

// sums returns the numbers of a report in one line.
func sums(r verify.Report) string {
	return fmt.Sprintf("%s: %d reactions, %d counted, %d lost, %d doubled, %d open, %d left out; windows: %d compared, %d open, %d left out, %d undecided",
		r.Verdict, r.Reactions, r.Counted, r.Lost, r.Doubled, r.Open, r.LeftOut, r.Windows, r.WindowsOpen, r.WindowsLeftOut, r.WindowsUndecided)
}

func TestComparison(t *testing.T) {
	for name, tt := range map[string]struct {
		history     string
		want        string
		differences []verify.Difference
	}{
		"nothing at all": {
			`
			owe 0
			compare 0`,
			"agree: 0 reactions, 0 counted, 0 lost, 0 doubled, 0 open, 0 left out; windows: 0 compared, 0 open, 0 left out, 0 undecided", nil,
		},
		"all was counted": {
			`
			tap 0 0 🔥
			tap 1 1999 🔥
			tap 0 2000 🔥
			tap 0 2001 🎉 room
			owe 4000
			count 2000 🔥 2 2100
			count 4000 🔥 1 4100
			count 4000 🎉 1 4100 room
			compare 0`,
			"agree: 4 reactions, 4 counted, 0 lost, 0 doubled, 0 open, 0 left out; windows: 3 compared, 0 open, 0 left out, 0 undecided", nil,
		},
		"one was lost": {
			`
			tap 0 0 3*🔥
			tap 1 5 🎉
			owe 2000
			count 2000 🔥 2 2100
			count 2000 🎉 1 2100
			compare 1`,
			"differ: 4 reactions, 3 counted, 1 lost, 0 doubled, 0 open, 0 left out; windows: 1 compared, 0 open, 0 left out, 0 undecided",
			[]verify.Difference{{Window: window(base + 2000), Channel: "main", Emoji: "🔥", Log: 3, Counted: 2}},
		},
		"a whole window was lost": {
			`
			tap 0 0 3*🔥
			owe 2000
			compare 3`,
			"differ: 3 reactions, 0 counted, 3 lost, 0 doubled, 0 open, 0 left out; windows: 1 compared, 0 open, 0 left out, 0 undecided",
			[]verify.Difference{{Window: window(base + 2000), Channel: "main", Emoji: "🔥", Log: 3}},
		},
		"one was doubled": {
			`
			tap 0 0 2*🔥
			owe 2000
			count 2000 🔥 3 2100
			compare 1`,
			"differ: 2 reactions, 3 counted, 0 lost, 1 doubled, 0 open, 0 left out; windows: 1 compared, 0 open, 0 left out, 0 undecided",
			[]verify.Difference{{Window: window(base + 2000), Channel: "main", Emoji: "🔥", Log: 2, Counted: 3}},
		},
		"counts of what never was": {
			`
			owe 2000
			count 2000 🔥 2 2100
			compare 2`,
			"differ: 0 reactions, 2 counted, 0 lost, 2 doubled, 0 open, 0 left out; windows: 1 compared, 0 open, 0 left out, 0 undecided",
			[]verify.Difference{{Window: window(base + 2000), Channel: "main", Emoji: "🔥", Counted: 2}},
		},
		"counted in another window, channel and emoji": {
			`
			tap 0 0 🔥
			tap 0 0 🎉 a
			tap 0 0 💖
			owe 4000
			count 4000 🔥 1 4100
			count 2000 🎉 1 2100 b
			count 2000 😂 1 2100
			compare 6`,
			"differ: 3 reactions, 3 counted, 3 lost, 3 doubled, 0 open, 0 left out; windows: 4 compared, 0 open, 0 left out, 0 undecided",
			[]verify.Difference{
				{Window: window(base + 2000), Channel: "a", Emoji: "🎉", Log: 1},
				{Window: window(base + 2000), Channel: "b", Emoji: "🎉", Counted: 1},
				{Window: window(base + 2000), Channel: "main", Emoji: "💖", Log: 1},
				{Window: window(base + 2000), Channel: "main", Emoji: "🔥", Log: 1},
				{Window: window(base + 2000), Channel: "main", Emoji: "😂", Counted: 1},
				{Window: window(base + 4000), Channel: "main", Emoji: "🔥", Counted: 1},
			},
		},
		"revisions, emissions written twice, and an old one at the end": {
			`
			tap 0 0 5*🔥
			owe 2000
			count 2000 🔥 3 2100
			count 2000 🔥 3 2100
			count 2000 🔥 5 2300
			count 2000 🔥 5 2300
			count 2000 🔥 3 2400
			compare 0`,
			"agree: 5 reactions, 5 counted, 0 lost, 0 doubled, 0 open, 0 left out; windows: 1 compared, 0 open, 0 left out, 0 undecided", nil,
		},
		"late ones are in the oldest open window, by their own partition's time": {
			`
			tap 0 0 🔥
			tap 0 12000 2*🔥
			tap 0 0 🎉
			tap 1 0 🎉
			owe 14000
			count 2000 🔥 1 2100
			count 2000 🎉 1 2100
			count 4000 🎉 1 14100
			count 14000 🔥 2 14100
			compare 0`,
			"agree: 5 reactions, 5 counted, 0 lost, 0 doubled, 0 open, 0 left out; windows: 3 compared, 0 open, 0 left out, 0 undecided", nil,
		},
		"a record that is no reaction closes nothing": {
			`
			junk 0 12000
			junk 0 12000
			tap 0 0 🔥
			owe 14000
			count 2000 🔥 1 14100
			compare 0`,
			"agree: 1 reactions, 1 counted, 0 lost, 0 doubled, 0 open, 0 left out; windows: 1 compared, 0 open, 0 left out, 0 undecided", nil,
		},
		"a far time that nothing confirms closes nothing": {
			`
			tap 0 0 2*🔥
			tap 0 3600000 🎉
			tap 0 1 🔥
			tap 0 3600001 🎉
			tap 0 2 🔥
			owe 2000
			count 2000 🔥 4 2100
			compare 0`,
			"agree: 6 reactions, 4 counted, 0 lost, 0 doubled, 2 open, 0 left out; windows: 1 compared, 2 open, 0 left out, 0 undecided", nil,
		},
		"a window that is open owes nothing, and may have been counted in part": {
			`
			tap 0 0 🔥
			tap 0 2000 3*🔥
			tap 0 4000 🔥
			owe 2000
			count 2000 🔥 1 2100
			count 4000 🔥 1 2100
			compare 0`,
			"agree: 5 reactions, 2 counted, 0 lost, 0 doubled, 3 open, 0 left out; windows: 1 compared, 2 open, 0 left out, 0 undecided", nil,
		},
		"a window that is open cannot hold more than the log": {
			`
			tap 0 2000 🔥
			owe 2000
			count 4000 🔥 2 2100
			compare 1`,
			"differ: 1 reactions, 2 counted, 0 lost, 1 doubled, 0 open, 0 left out; windows: 0 compared, 1 open, 0 left out, 0 undecided",
			[]verify.Difference{{Window: window(base + 4000), Channel: "main", Emoji: "🔥", Log: 1, Counted: 2}},
		},
		"only open windows": {
			`
			tap 0 2000 🔥
			owe 2000
			compare 0`,
			"undecided: 1 reactions, 0 counted, 0 lost, 0 doubled, 1 open, 0 left out; windows: 0 compared, 1 open, 0 left out, 0 undecided", nil,
		},
		"what comes later owes nothing": {
			`
			tap 0 0 🔥
			owe 2000
			count 2000 🔥 1 2100
			compare 0
			tap 0 1 🔥
			tap 0 1 🎉
			compare 0`,
			"agree: 3 reactions, 1 counted, 0 lost, 0 doubled, 2 open, 0 left out; windows: 1 compared, 0 open, 0 left out, 0 undecided", nil,
		},
		"what comes later is counted in place of one that was lost": {
			`
			tap 0 0 2*🔥
			owe 2000
			count 2000 🔥 1 2100
			tap 0 1 🔥
			compare 2
			count 2000 🔥 2 2200
			tap 0 2 🔥
			compare 2`,
			"undecided: 4 reactions, 2 counted, 0 lost, 0 doubled, 2 open, 0 left out; windows: 1 compared, 0 open, 0 left out, 1 undecided", nil,
		},
		"what is counted before the log is read on": {
			`
			tap 0 0 🔥
			owe 2000
			count 2000 🔥 2 2100
			tap 0 1 🔥
			compare 0`,
			"agree: 2 reactions, 2 counted, 0 lost, 0 doubled, 0 open, 0 left out; windows: 1 compared, 0 open, 0 left out, 0 undecided", nil,
		},
		"a counting that catches up": {
			`
			tap 0 0 5*🔥
			owe 2000
			compare 5
			count 2000 🔥 2 2100
			compare 3
			count 2000 🔥 5 9000
			compare 0`,
			"agree: 5 reactions, 5 counted, 0 lost, 0 doubled, 0 open, 0 left out; windows: 1 compared, 0 open, 0 left out, 0 undecided", nil,
		},
		"a window of another length": {
			`
			tap 0 0 🔥
			owe 2000
			count 2000 🔥 1 2100
			raw {"window":{"start":"2025-10-09T08:53:20Z","end":"2025-10-09T08:53:21Z"},"emoji_type":"🔥","emoji_count":1}
			compare 1`,
			"differ: 1 reactions, 2 counted, 0 lost, 1 doubled, 0 open, 0 left out; windows: 2 compared, 0 open, 0 left out, 0 undecided",
			[]verify.Difference{{Window: wire.Window{Start: base, End: base + 1000}, Channel: "main", Emoji: "🔥", Counted: 1}},
		},
		"times with an offset are the same times": {
			`
			tap 0 0 🔥
			owe 2000
			raw {"window":{"start":"2025-10-09T10:53:20.000+02:00","end":"2025-10-09T08:53:22+00:00"},"emoji_type":"🔥","emoji_count":1,"emoji_count_aggregated":1.0}
			compare 0`,
			"agree: 1 reactions, 1 counted, 0 lost, 0 doubled, 0 open, 0 left out; windows: 1 compared, 0 open, 0 left out, 0 undecided", nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := verify.NewComparison(twos)
			play(t, l, tt.history)
			r := l.Report()
			if got := sums(r); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if tt.differences == nil {
				tt.differences = []verify.Difference{}
			}
			if diff := cmp.Diff(tt.differences, r.Differences); diff != "" {
				t.Errorf("differences: %s", diff)
			}
			addsUp(t, r)
		})
	}
}

// Which partitions are ahead of the clock is told, until a reset.
func TestComparisonTellsWhatIsAhead(t *testing.T) {
	l := verify.NewComparison(twos)
	play(t, l, `
		tap 0 0 2*🔥
		tap 1 0 2*🔥
		tap 1 3600000 2*🔥`)
	if got := l.Ahead("emoji-topic", base+3_590_000); got != nil {
		t.Errorf("its time has come, and it is told: %v", got)
	}
	want := []watermark.Ahead{{Topic: "emoji-topic", Partition: 1, Until: base + 3_592_000}}
	if diff := cmp.Diff(want, l.Ahead("emoji-topic", base+3_589_999)); diff != "" {
		t.Errorf("ahead (-want +got):\n%s", diff)
	}
	reset := wire.WatermarkReset{Version: 1, Watermark: base + 20_000, Held: 4}
	l.Reaction(1, stream.Record{Offset: 4, Time: base + 20_000, Value: reset.Encode()})
	if got := l.Ahead("emoji-topic", base+20_000); got != nil {
		t.Errorf("it was reset, and is told: %v", got)
	}
	play(t, l, `
		tap 1 20000 🔥
		owe 22000
		count 2000 🔥 4 2100
		count 22000 🔥 1 22100
		compare 0`)
	if r := l.Report(); r.Verdict != verify.Agree || r.Skipped != 0 || r.Late != 0 {
		t.Errorf("%+v", r)
	}
}

// addsUp checks that the numbers of a report add up to its reactions.
func addsUp(t *testing.T, r verify.Report) {
	t.Helper()
	if sum := r.Counted + r.Lost - r.Doubled + r.Open + r.LeftOut; sum != r.Reactions {
		t.Errorf("%d reactions, and the rest adds up to %d: %+v", r.Reactions, sum, r)
	}
}
