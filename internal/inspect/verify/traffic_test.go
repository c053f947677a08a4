package verify_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/emostream/emostream/aggregator"
	"github.com/emostream/emostream/internal/inspect/verify"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// traffic is a log that grows and a counting that follows it, both of which a
// comparison reads while they do. What is counted is decided by the aggregator's own
// rule.
type traffic struct {
	rng        *rand.Rand
	windows    aggregator.Windows
	now        int64
	logs       [][]stream.Record
	marks      []int64 // the watermark of each partition's counting
	counting   []int   // how far it has got
	totals     map[spot]int64
	said       map[spot]int64
	emitted    []stream.Record // emoji-aggregated
	read       []int           // how far the comparison has read each log
	readOn     int             // and the counts
	comparison *verify.Comparison
	fault      int  // which reaction is miscounted
	by         int  // how: 1 more, 1 less, or not at all
	counted    int  // reactions so far
	wrong      spot // where the fault is
}

// spot is where a reaction is counted.
type spot struct {
	end            int64
	channel, emoji string
}

func newTraffic(rng *rand.Rand) *traffic {
	s := wire.Settings{WindowMS: 20, LatenessMS: 1 + rng.Int64N(100)}
	return &traffic{
		rng: rng, windows: aggregator.Windows{Length: s.WindowMS, Lateness: s.LatenessMS}, now: base,
		logs: make([][]stream.Record, 3), marks: []int64{aggregator.Never, aggregator.Never, aggregator.Never},
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
		r := tap(at, []string{"🔥", "🎉"}[tr.rng.IntN(2)], []string{"", "room"}[tr.rng.IntN(2)])
		if tr.rng.IntN(20) == 0 {
			r.Value = []byte("junk")
		}
		p := tr.rng.IntN(len(tr.logs))
		tr.logs[p] = append(tr.logs[p], r)
	}
}

// count counts on to somewhere in each log, or to the end of all.
func (tr *traffic) count(all bool) {
	for p, log := range tr.logs {
		to := len(log)
		if !all {
			to -= tr.rng.IntN(to - tr.counting[p] + 1)
		}
		for _, r := range log[tr.counting[p]:to] {
			if tapped, err := wire.DecodeCountedFields(r.Value); err == nil {
				end, _ := tr.windows.Assign(r.Time, tr.marks[p])
				at := spot{end, string(tapped.Channel), string(tapped.Emoji)}
				tr.totals[at]++
				if tr.counted == tr.fault {
					tr.wrong = at
					tr.totals[at] += int64(tr.by)
				}
				tr.counted++
			}
			tr.marks[p] = max(tr.marks[p], r.Time)
		}
		tr.counting[p] = to
	}
}

// emit writes counts that have grown, some or all, and repeats a few.
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

// readLog has the comparison read the log to its end.
func (tr *traffic) readLog() {
	for p, log := range tr.logs {
		for _, r := range log[tr.read[p]:] {
			tr.comparison.Reaction(p, r)
		}
		tr.read[p] = len(log)
	}
}

// readCounts has it read some of the counts, or all.
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

// However the reading, the counting and the taps take turns, nothing is called
// doubled that is not, and nothing lost that was counted in time; a reaction that
// was lost or counted twice is found once the taps cease.
func TestUnderTraffic(t *testing.T) {
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

// noFalseAlarm checks what the comparison says on the way; waited says whether all
// that is owed was counted by then.
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

// end lets the counting catch up and checks the verdict.
func (tr *traffic) end(t *testing.T) {
	t.Helper()
	tr.count(true)
	tr.emit(true)
	tr.readLog()
	tr.comparison.Owe(tr.now + tr.windows.Length)
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
