package verify_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/emostream/emostream/internal/inspect/verify"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
)

// traffic is a log that grows, counts that follow it, and a comparison that reads both
// meanwhile. The aggregator's own rule decides the counts.
type traffic struct {
	rng        *rand.Rand
	windows    windowing.Windows
	now        int64
	logs       [][]stream.Record
	states     []windowing.State // before the next reaction of each partition to be counted
	counting   []int             // the offset up to which it was
	totals     map[spot]int64
	said       map[spot]int64
	emitted    []stream.Record // the records of emoji-aggregated
	read       []int           // how far the comparison has read each log
	readOn     int             // how far it has read the counts
	comparison *verify.Comparison
	fault      int  // which reaction is counted wrongly
	by         int  // 1: twice; -1: not at all; 0: correctly
	counted    int  // reactions counted so far
	wrong      spot // where the wrong reaction is
}

// spot is a window, channel and emoji.
type spot struct {
	end            int64
	channel, emoji string
}

func newTraffic(rng *rand.Rand) *traffic {
	s := wire.Settings{WindowMS: 20, LatenessMS: 1 + rng.Int64N(100)}
	return &traffic{
		rng: rng, windows: windowing.Windows{Length: s.WindowMS, Lateness: s.LatenessMS}, now: base,
		logs: make([][]stream.Record, 3), states: []windowing.State{windowing.Begin(), windowing.Begin(), windowing.Begin()},
		counting: make([]int, 3), read: make([]int, 3), totals: map[spot]int64{}, said: map[spot]int64{}, comparison: verify.NewComparison(s),
	}
}

// taps appends a few records, some of them late.
func (tr *traffic) taps(n int) {
	for range n {
		tr.now += tr.rng.Int64N(10)
		at := tr.now
		if tr.rng.IntN(4) == 0 {
			at -= tr.rng.Int64N(2 * (tr.windows.Length + tr.windows.Lateness))
		}
		if tr.rng.IntN(40) == 0 {
			at += tr.rng.Int64N(500)
		}
		r := tap(at, []string{"🔥", "🎉"}[tr.rng.IntN(2)], []string{"", "room"}[tr.rng.IntN(2)])
		if tr.rng.IntN(20) == 0 {
			r.Value = []byte("junk")
		}
		p := tr.rng.IntN(len(tr.logs))
		tr.logs[p] = append(tr.logs[p], r)
	}
}

// count counts a random part of the rest of each log, or all of it.
func (tr *traffic) count(all bool) {
	for p, log := range tr.logs {
		to := len(log)
		if !all {
			to -= tr.rng.IntN(to - tr.counting[p] + 1)
		}
		for _, r := range log[tr.counting[p]:to] {
			if tapped, err := wire.DecodeCountedFields(r.Value); err == nil {
				end, _, state := tr.windows.Assign(tr.states[p], r.Time)
				tr.states[p] = state
				at := spot{end, string(tapped.Channel), string(tapped.Emoji)}
				tr.totals[at]++
				if tr.counted == tr.fault {
					tr.wrong = at
					tr.totals[at] += int64(tr.by)
				}
				tr.counted++
			}
		}
		tr.counting[p] = to
	}
}

// emit writes counts that have grown since they were last written: all of them if all
// is set, else about a third. It also writes a few of the others again.
func (tr *traffic) emit(all bool) {
	for at, n := range tr.totals {
		if n > tr.said[at] && (all || tr.rng.IntN(3) == 0) || n > 0 && tr.rng.IntN(500) == 0 {
			tr.said[at] = n
			r := count(at.end, at.emoji, n, tr.now, at.channel)
			r.Value = fmt.Appendf(nil, `{"window":{"start":"%s","end":"%s"},"emoji_type":%q,"emoji_count":%d,"channel":%q}`,
				wire.AppendTime(nil, at.end-tr.windows.Length), wire.AppendTime(nil, at.end), at.emoji, n, at.channel)
			tr.emitted = append(tr.emitted, r)
		}
	}
}

// readLog makes the comparison read the log to its end.
func (tr *traffic) readLog() {
	for p, log := range tr.logs {
		for _, r := range log[tr.read[p]:] {
			tr.comparison.Reaction(p, r)
		}
		tr.read[p] = len(log)
	}
}

// readCounts makes the comparison read a random part of the new counts, or all.
func (tr *traffic) readCounts(all bool) {
	to := len(tr.emitted)
	if !all {
		to -= tr.rng.IntN(to - tr.readOn + 1)
	}
	for _, r := range tr.emitted[tr.readOn:to] {
		tr.comparison.Count(0, r)
	}
	tr.readOn = to
}

// However reading, counting and tapping take turns, no reaction is falsely called
// doubled, and none that was counted in time is called lost. A reaction that was lost
// or counted twice is found once no more taps come.
func TestUnderTraffic(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 1))
		tr := newTraffic(rng)
		tr.by, tr.fault = rng.IntN(3)-1, rng.IntN(100)
		t.Run(fmt.Sprintf("seed %d, off by %d", seed, tr.by), func(t *testing.T) {
			tr.taps(100 + rng.IntN(100))
			for range 10 {
				tr.count(false)
				tr.emit(false)
				tr.readLog()
				tr.comparison.Owe(tr.now - rng.Int64N(2*tr.windows.Length))
				tr.taps(rng.IntN(20))
				if owedIsCounted := rng.IntN(2) == 0; owedIsCounted {
					tr.count(true)
					tr.emit(true)
					tr.taps(rng.IntN(20))
					tr.readCounts(true)
					tr.taps(rng.IntN(20))
					tr.readLog()
					tr.comparison.Compare()
					tr.noFalseAlarm(t, true)
					continue
				}
				tr.readCounts(false)
				tr.taps(rng.IntN(20))
				tr.readLog()
				tr.comparison.Compare()
				tr.noFalseAlarm(t, false)
			}
			tr.end(t)
		})
	}
}

// noFalseAlarm checks what the comparison reports meanwhile. waited says whether
// everything that is owed was counted by then.
func (tr *traffic) noFalseAlarm(t *testing.T, waited bool) {
	t.Helper()
	r := tr.comparison.Report()
	addsUp(t, r)
	for _, d := range r.Differences {
		planted := tr.by != 0 && d.Window.End == tr.wrong.end && d.Emoji == tr.wrong.emoji
		if !planted && (waited || d.Counted > d.Log) {
			t.Errorf("a false alarm: %+v", d)
		}
	}
	if r.Doubled > int64(max(0, tr.by)) || waited && r.Lost > int64(max(0, -tr.by)) {
		t.Errorf("%d lost and %d doubled, and it was off by %d", r.Lost, r.Doubled, tr.by)
	}
}

// end counts everything, and checks the final report.
func (tr *traffic) end(t *testing.T) {
	t.Helper()
	tr.count(true)
	tr.emit(true)
	tr.readLog()
	tr.comparison.Owe(tr.now + 1000) // far times, too
	tr.readCounts(true)
	tr.readLog()
	apart := tr.comparison.Compare()
	r := tr.comparison.Report()
	addsUp(t, r)
	if apart != int64(max(tr.by, -tr.by)) || r.Doubled-r.Lost != int64(tr.by) || r.Lost > 0 && r.Doubled > 0 {
		t.Errorf("it was off by %d; %d apart, %s", tr.by, apart, sums(r))
	}
	if r.WindowsOpen+r.WindowsUndecided > 0 || r.Open > 0 {
		t.Errorf("all was owed: %s", sums(r))
	}
	if tr.by == 0 {
		return
	}
	if len(r.Differences) != 1 || r.Differences[0].Window.End != tr.wrong.end || r.Differences[0].Emoji != tr.wrong.emoji {
		t.Errorf("the fault was at %+v, and it says %+v", tr.wrong, r.Differences)
	}
}
