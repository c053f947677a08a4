package verify_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/inspect/verify"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
)

// hundred repeats a step for as many records as a gap needs as evidence.
func hundred(step string) string { return strings.Repeat("\n"+step, 100) }

// If the first records of a partition were removed, the windows that they may have been
// in are left out: all up to the first window end after t + the lateness, where t is the
// greatest time of the first 100 records that remain.
func TestRetention(t *testing.T) {
	for name, tt := range map[string]struct{ history, want string }{
		"the log": {
			`
			log gap` + hundred("tap 0 1999 🔥") + `
			tap 0 12000 3*🎉
			owe 14000
			count 2000 🔥 500 2100
			count 12000 🔥 1 12100
			count 14000 🎉 3 14100
			compare 0`,
			"agree: 103 reactions, 3 counted, 0 lost, 0 doubled, 0 open, 100 left out; windows: 1 compared, 0 open, 2 left out, 0 undecided",
		},
		"the log, a millisecond later": {
			`
			log gap` + hundred("tap 0 2000 🔥") + `
			tap 0 12000 3*🎉
			owe 14000
			count 14000 🎉 2 14100
			compare 0`,
			"undecided: 103 reactions, 0 counted, 0 lost, 0 doubled, 0 open, 103 left out; windows: 0 compared, 0 open, 2 left out, 0 undecided",
		},
		"the log, and a loss after that": {
			`
			log gap` + hundred("tap 0 1999 🔥") + `
			tap 0 12000 3*🎉
			owe 14000
			count 14000 🎉 2 14100
			compare 1`,
			"differ: 103 reactions, 2 counted, 1 lost, 0 doubled, 0 open, 100 left out; windows: 1 compared, 0 open, 1 left out, 0 undecided",
		},
		"the log, and the first one left is hours late": {
			`
			log gap
			tap 0 -9999999 🔥` + hundred("tap 0 0 🔥") + `
			owe 14000
			count 12000 💖 3 12100
			compare 0`,
			"undecided: 101 reactions, 0 counted, 0 lost, 0 doubled, 0 open, 101 left out; windows: 0 compared, 0 open, 3 left out, 0 undecided",
		},
		"the log, of which too little is left to tell": {
			`
			log gap
			tap 0 0 🔥
			tap 0 20000 🔥
			tap 1 0 🔥
			owe 32000
			compare 0`,
			"undecided: 3 reactions, 0 counted, 0 lost, 0 doubled, 0 open, 3 left out; windows: 0 compared, 0 open, 2 left out, 0 undecided",
		},
		"all of a partition": {
			`
			tap 1 90000 🔥
			log gap
			owe 92000
			count 2000 🔥 1 2100
			compare 0`,
			"undecided: 1 reactions, 0 counted, 0 lost, 0 doubled, 0 open, 1 left out; windows: 0 compared, 0 open, 2 left out, 0 undecided",
		},
		"the log, while it was read": {
			`
			tap 0 0 5*🔥
			log gap` + hundred("tap 0 1999 🔥") + `
			tap 0 12000 3*🎉
			owe 14000
			count 14000 🎉 3 14100
			compare 0`,
			"agree: 108 reactions, 3 counted, 0 lost, 0 doubled, 0 open, 105 left out; windows: 1 compared, 0 open, 1 left out, 0 undecided",
		},
		"the counts": {
			`
			tap 0 0 7*🔥
			tap 0 14000 🔥
			tap 0 16000 🎉
			counts gap` + hundred("count 4000 🔥 1 4100") + `
			owe 18000
			count 18000 🎉 1 18100
			compare 0`,
			"agree: 9 reactions, 1 counted, 0 lost, 0 doubled, 0 open, 8 left out; windows: 1 compared, 0 open, 3 left out, 0 undecided",
		},
		"both": {
			`
			log gap
			counts gap` + hundred("tap 0 0 🔥") + hundred("count 4000 🔥 1 4100") + `
			tap 0 16000 🎉
			owe 18000
			count 18000 🎉 1 18100
			compare 0`,
			"agree: 101 reactions, 1 counted, 0 lost, 0 doubled, 0 open, 100 left out; windows: 1 compared, 0 open, 2 left out, 0 undecided",
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := verify.NewComparison(twos)
			play(t, l, tt.history)
			r := l.Report()
			if got := sums(r); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			addsUp(t, r)
		})
	}
}

// Wherever a log is cut off, the rest of it agrees with counts of all of it, except in
// windows that are left out. A fault in any other window is found.
func TestWhereverTheLogIsCut(t *testing.T) {
	t.Parallel()
	s := wire.Settings{WindowMS: 20, LatenessMS: 60}
	for seed := range uint64(40) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 2))
			tr := newTraffic(rng)
			tr.windows.Lateness = s.LatenessMS
			tr.comparison = verify.NewComparison(s)
			for range 40 {
				tr.taps(40)
				tr.count(true)
				tr.emit(true)
			}
			for p, log := range tr.logs {
				if rng.IntN(3) > 0 {
					tr.read[p] = cutOff(log, 1+rng.IntN(len(log)/2), s.LatenessMS)
					tr.comparison.LogGap(p)
				}
			}
			if rng.IntN(2) == 0 {
				tr.readOn = 1 + rng.IntN(len(tr.emitted)/2)
				tr.comparison.CountsGap(0)
			}
			if rng.IntN(2) == 0 {
				tr.by = 1
				tr.totals = map[spot]int64{{tr.windows.Of(tr.now), "room", "💖"}: 1}
				tr.emit(true)
			}
			tr.readLog()
			tr.comparison.Owe(tr.now + s.WindowMS)
			tr.readCounts(true)
			tr.comparison.Compare()
			r := tr.comparison.Report()
			addsUp(t, r)
			if r.Lost > 0 || r.Doubled != int64(tr.by) || r.Windows == 0 {
				t.Errorf("off by %d: %s\n%+v", tr.by, sums(r), r.Differences[:min(3, len(r.Differences))])
			}
		})
	}
}

// cutOff returns the first offset, from from on, at which the log can be cut: before a
// record that is not later than the lateness allows.
func cutOff(log []stream.Record, from int, lateness int64) int {
	greatest := windowing.Never
	for i, r := range log {
		if i >= from && r.Time >= greatest-lateness {
			return i
		}
		greatest = max(greatest, r.Time)
	}
	return len(log)
}
