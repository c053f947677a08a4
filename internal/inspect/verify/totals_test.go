package verify_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/inspect/verify"
	"github.com/emostream/emostream/internal/wire"
)

// spark returns a step with a count as a Spark job writes it, with windows of its own.
func spark(end, emoji, n string) string {
	return `
		raw {"window":{"start":"2025-10-09T08:53:` + end + `.500+00:00","end":"2025-10-09T08:54:` + end + `.500+00:00"},"emoji_type":"` + emoji + `","emoji_count":` + n + `,"emoji_count_aggregated":1}`
}

// far is a step with a count of a window a day ahead.
const far = `
			raw {"window":{"start":"2025-10-10T08:53:20Z","end":"2025-10-10T08:54:20Z"},"emoji_type":"🎉","emoji_count":0}`

// Without settings only totals are compared.
func TestTotals(t *testing.T) {
	for name, tt := range map[string]struct {
		history     string
		want        string
		differences []verify.Difference
	}{
		"all was counted": {
			`
			tap 0 0 2*🔥
			tap 1 70000 🔥
			tap 0 3 🎉
			owe 0` + spark("10", "🔥", "1") + spark("10", "🎉", "1") + spark("10", "🔥", "2") + spark("20", "🔥", "1") + `
			compare 0`,
			"agree: 4 reactions, 4 counted, 0 lost, 0 doubled, 0 open, 0 left out; windows: 0 compared, 0 open, 0 left out, 0 undecided", nil,
		},
		"one was lost, and one doubled": {
			`
			tap 0 0 3*🔥
			tap 0 0 🎉
			tap 0 0 💖 room
			owe 0
			count 2000 💖 1 2100 room` + spark("10", "🔥", "2") + spark("10", "🎉", "1") + spark("20", "🎉", "1") + `
			compare 2`,
			"differ: 5 reactions, 5 counted, 1 lost, 1 doubled, 0 open, 0 left out; windows: 0 compared, 0 open, 0 left out, 0 undecided",
			[]verify.Difference{{Channel: "main", Emoji: "🎉", Log: 1, Counted: 2}, {Channel: "main", Emoji: "🔥", Log: 3, Counted: 2}},
		},
		"reactions that never cease to come": {
			`
			tap 0 0 3*🔥
			owe 0
			tap 0 1 🔥` + spark("10", "🔥", "3") + `
			compare 1`,
			"undecided: 4 reactions, 3 counted, 0 lost, 0 doubled, 1 open, 0 left out; windows: 0 compared, 0 open, 0 left out, 1 undecided", nil,
		},
		"and then they do": {
			`
			tap 0 0 3*🔥
			owe 0
			tap 0 1 🔥` + spark("10", "🔥", "3") + `
			compare 1` + spark("10", "🔥", "4") + `
			compare 0`,
			"agree: 4 reactions, 4 counted, 0 lost, 0 doubled, 0 open, 0 left out; windows: 0 compared, 0 open, 0 left out, 0 undecided", nil,
		},
		"the last windows are not written": {
			`
			tap 0 0 3*🔥
			tap 0 51000 2*🔥
			tap 0 51000 🎉
			owe 0` + spark("10", "🔥", "3") + `
			compare 0`,
			"agree: 6 reactions, 3 counted, 0 lost, 0 doubled, 3 open, 0 left out; windows: 0 compared, 0 open, 0 left out, 0 undecided", nil,
		},
		"and one before them was lost": {
			`
			tap 0 0 3*🔥
			tap 0 51000 2*🔥
			owe 0` + spark("10", "🔥", "2") + `
			compare 3`,
			"differ: 5 reactions, 2 counted, 1 lost, 0 doubled, 2 open, 0 left out; windows: 0 compared, 0 open, 0 left out, 0 undecided",
			[]verify.Difference{{Channel: "main", Emoji: "🔥", Log: 3, Counted: 2}},
		},
		"and more are counted than the log holds": {
			`
			tap 0 0 3*🔥
			tap 0 51000 2*🔥
			owe 0` + spark("10", "🔥", "6") + `
			compare 1`,
			"differ: 5 reactions, 6 counted, 0 lost, 1 doubled, 0 open, 0 left out; windows: 0 compared, 0 open, 0 left out, 0 undecided",
			[]verify.Difference{{Channel: "main", Emoji: "🔥", Log: 5, Counted: 6}},
		},
		"and some of theirs are counted already": {
			`
			tap 0 0 3*🔥
			tap 0 51000 2*🔥
			owe 0` + spark("10", "🔥", "4") + `
			compare 1`,
			"undecided: 5 reactions, 4 counted, 0 lost, 0 doubled, 1 open, 0 left out; windows: 0 compared, 0 open, 0 left out, 1 undecided", nil,
		},
		"and another channel has written none": {
			`
			tap 0 0 3*🔥
			tap 0 0 🔥 room
			tap 0 51000 🔥 room
			owe 0` + spark("10", "🔥", "3") + `
			compare 2`,
			"differ: 5 reactions, 3 counted, 1 lost, 0 doubled, 1 open, 0 left out; windows: 0 compared, 0 open, 0 left out, 0 undecided",
			[]verify.Difference{{Channel: "room", Emoji: "🔥", Log: 1, Counted: 0}},
		},
		"and a phone is slow, whose reaction may be counted": {
			`
			tap 0 0 3*🔥
			timed 0 51000 2025-10-09T08:54:10.400Z 🔥
			owe 0` + spark("10", "🔥", "3") + `
			compare 1`,
			"undecided: 4 reactions, 3 counted, 0 lost, 0 doubled, 1 open, 0 left out; windows: 0 compared, 0 open, 0 left out, 1 undecided", nil,
		},
		"and its clock is as Python's time.time()": {
			`
			tap 0 0 3*🔥
			timed 0 51000 1760000050.4 🔥
			owe 0` + spark("10", "🔥", "3") + `
			compare 1`,
			"undecided: 4 reactions, 3 counted, 0 lost, 0 doubled, 1 open, 0 left out; windows: 0 compared, 0 open, 0 left out, 1 undecided", nil,
		},
		"and its time is of some time zone": {
			`
			tap 0 0 3*🔥
			timed 0 51000 2025-10-09T14:24:10.400 🔥
			owe 0` + spark("10", "🔥", "3") + `
			compare 1`,
			"undecided: 4 reactions, 3 counted, 0 lost, 0 doubled, 1 open, 0 left out; windows: 0 compared, 0 open, 0 left out, 1 undecided", nil,
		},
		"and more are lost than a slow phone can hide": {
			`
			tap 0 0 3*🔥
			timed 0 51000 2025-10-09T08:54:10.400Z 🔥
			owe 0` + spark("10", "🔥", "2") + `
			compare 2`,
			"differ: 4 reactions, 2 counted, 1 lost, 0 doubled, 1 open, 0 left out; windows: 0 compared, 0 open, 0 left out, 0 undecided",
			[]verify.Difference{{Channel: "main", Emoji: "🔥", Log: 3, Counted: 2}},
		},
		"and the phone was not slow": {
			`
			tap 0 0 3*🔥
			timed 0 51000 2025-10-09T08:54:10.500Z 🔥
			timed 0 51000 2025-10-09T04:54:10.600 🔥
			timed 0 51000 yesterday 🔥
			owe 0` + spark("10", "🔥", "3") + `
			compare 0`,
			"agree: 6 reactions, 3 counted, 0 lost, 0 doubled, 3 open, 0 left out; windows: 0 compared, 0 open, 0 left out, 0 undecided", nil,
		},
		"and a slow phone sent what was never owed": {
			`
			tap 0 0 3*🔥
			timed 0 51000 2025-10-09T08:54:10.400Z 🎉
			owe 0` + spark("10", "🔥", "3") + `
			compare 0`,
			"agree: 4 reactions, 3 counted, 0 lost, 0 doubled, 1 open, 0 left out; windows: 0 compared, 0 open, 0 left out, 0 undecided", nil,
		},
		"and its window is written while it waits": {
			`
			tap 0 0 3*🔥
			timed 0 51000 2025-10-09T08:54:10.400Z 🔥
			owe 0` + spark("10", "🔥", "3") + `
			compare 1` + spark("20", "🔥", "1") + `
			compare 0`,
			"agree: 4 reactions, 4 counted, 0 lost, 0 doubled, 0 open, 0 left out; windows: 0 compared, 0 open, 0 left out, 0 undecided", nil,
		},
		"a window that is far ahead of the clock": {
			`
			clock 60000
			tap 0 0 3*🔥
			tap 0 51000 2*🔥
			owe 0` + spark("10", "🔥", "3") + far + `
			compare 0`,
			"agree: 5 reactions, 3 counted, 0 lost, 0 doubled, 2 open, 0 left out; windows: 0 compared, 0 open, 0 left out, 0 undecided", nil,
		},
		"a far window that was read first": {
			`
			clock 60000` + far + spark("10", "🔥", "3") + `
			tap 0 50499 3*🔥
			tap 0 51000 2*🔥
			owe 0
			compare 0`,
			"agree: 5 reactions, 3 counted, 0 lost, 0 doubled, 2 open, 0 left out; windows: 0 compared, 0 open, 0 left out, 0 undecided", nil,
		},
		"a long window that has not ended": {
			`
			clock 10000
			raw {"window":{"start":"2025-10-09T08:48:00Z","end":"2025-10-09T08:53:00Z"},"emoji_type":"🎉","emoji_count":0}
			raw {"window":{"start":"2025-10-09T08:53:00Z","end":"2025-10-09T08:58:00Z"},"emoji_type":"🔥","emoji_count":2}
			tap 0 0 3*🔥
			owe 0
			compare 1`,
			"differ: 3 reactions, 2 counted, 1 lost, 0 doubled, 0 open, 0 left out; windows: 0 compared, 0 open, 0 left out, 0 undecided",
			[]verify.Difference{{Channel: "main", Emoji: "🔥", Log: 3, Counted: 2}},
		},
		"reactions with times that cannot be": {
			`
			clock 60000
			tap 0 7463372036854775807 🔥
			tap 0 3600000 🔥
			tap 0 0 3*🔥
			tap 0 -6900000000000000000 🔥
			owe 0` + spark("10", "🔥", "4") + `
			compare 0`,
			"agree: 6 reactions, 4 counted, 0 lost, 0 doubled, 2 open, 0 left out; windows: 0 compared, 0 open, 0 left out, 0 undecided", nil,
		},
		"only reactions with times that cannot be": {
			`
			clock 60000
			tap 0 3600000 🔥
			tap 0 9223370276854775807 🔥
			owe 0` + spark("10", "🔥", "0") + `
			compare 0`,
			"agree: 2 reactions, 0 counted, 0 lost, 0 doubled, 2 open, 0 left out; windows: 0 compared, 0 open, 0 left out, 0 undecided", nil,
		},
		"they are written while it waits": {
			`
			tap 0 0 3*🔥
			tap 0 51000 2*🔥
			owe 0` + spark("10", "🔥", "2") + `
			compare 3` + spark("10", "🔥", "3") + spark("20", "🔥", "1") + `
			tap 0 60500 7*🔥
			compare 8` + spark("20", "🔥", "2") + `
			compare 0`,
			"agree: 12 reactions, 5 counted, 0 lost, 0 doubled, 7 open, 0 left out; windows: 0 compared, 0 open, 0 left out, 0 undecided", nil,
		},
		"with the windows that are known the end is exact": {
			spark("10", "🔥", "3") + `
			tap 0 50499 3*🔥
			tap 0 50500 2*🔥
			owe 0
			compare 0`,
			"agree: 5 reactions, 3 counted, 0 lost, 0 doubled, 2 open, 0 left out; windows: 0 compared, 0 open, 0 left out, 0 undecided", nil,
		},
		"and the last one before it is owed": {
			spark("10", "🔥", "2") + `
			tap 0 50499 3*🔥
			tap 0 50500 2*🔥
			owe 0
			compare 3`,
			"differ: 5 reactions, 2 counted, 1 lost, 0 doubled, 2 open, 0 left out; windows: 0 compared, 0 open, 0 left out, 0 undecided",
			[]verify.Difference{{Channel: "main", Emoji: "🔥", Log: 3, Counted: 2}},
		},
		"the job has ended": {
			`
			tap 0 0 3*🔥
			tap 0 51000 2*🔥
			tap 0 110501 🔥
			owe 0` + spark("10", "🔥", "3") + `
			compare 0`,
			"undecided: 6 reactions, 3 counted, 0 lost, 0 doubled, 3 open, 0 left out; windows: 0 compared, 0 open, 0 left out, 0 undecided", nil,
		},
		"the job has just not ended": {
			`
			tap 0 0 3*🔥
			tap 0 110500 🔥
			owe 0` + spark("10", "🔥", "3") + `
			compare 0`,
			"agree: 4 reactions, 3 counted, 0 lost, 0 doubled, 1 open, 0 left out; windows: 0 compared, 0 open, 0 left out, 0 undecided", nil,
		},
		"no window was ever written": {
			`
			tap 0 0 3*🔥
			owe 0
			compare 3`,
			"differ: 3 reactions, 0 counted, 3 lost, 0 doubled, 0 open, 0 left out; windows: 0 compared, 0 open, 0 left out, 0 undecided",
			[]verify.Difference{{Channel: "main", Emoji: "🔥", Log: 3, Counted: 0}},
		},
		"retention": {
			`
			log gap` + hundred("tap 0 0 🔥") + `
			owe 0` + spark("10", "🔥", "400") + `
			compare 0`,
			"undecided: 100 reactions, 0 counted, 0 lost, 0 doubled, 0 open, 100 left out; windows: 0 compared, 0 open, 0 left out, 0 undecided", nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := verify.NewComparison(wire.Settings{})
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
			if strings.Contains(tt.history, "08:54") && r.WindowMS != 60_000 {
				t.Errorf("the windows are of %d ms, want those of a minute that were counted", r.WindowMS)
			}
		})
	}
}
