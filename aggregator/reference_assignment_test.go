package aggregator_test

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
)

// This is the rule of assignment a second time, to compare Windows and Combiner with.
// It follows the words of ARCHITECTURE.md, record by record from the log's beginning,
// and does no arithmetic on windows.

// cell is one emoji in one window of one channel.
type cell struct {
	end            int64
	channel, emoji string
}

// assigned says where a record of a log is counted.
type assigned struct {
	cell
	junk  bool // the record is no reaction
	reset bool // it sets the watermark back
	rule       // before the record
}

// rule is what decides about the next record.
type rule struct {
	watermark int64
	pending   int64 // a far time that is not confirmed; 0: none
	spent     []int64
}

// reference returns where each record of a partition is counted, and after the last
// record the rule at the log's end.
func reference(w windowing.Windows, log []stream.Record) []assigned {
	out := make([]assigned, len(log)+1)
	now := rule{watermark: windowing.Never}
	first := log[0].Time/w.Length*w.Length - 100*w.Length // end of a window long before the log
	open := func(end, watermark int64) bool { return watermark < end+w.Lateness }
	window := func(t int64) int64 {
		end := first
		for end <= t {
			end += w.Length // the next window, up to the first that ends after t
		}
		return end
	}
	free := func(end int64) int64 {
		for !open(end, now.watermark) || slices.Contains(now.spent, end) {
			end += w.Length
		}
		return end
	}
	state := windowing.Begin() // what Windows makes of it, for resets alone
	for i, r := range log {
		out[i].rule = rule{now.watermark, now.pending, slices.Clone(now.spent)}
		if reset, ok, _ := wire.DecodeWatermarkReset(r.Value); ok {
			out[i].junk = true
			state = w.Reset(state, reset, r.Offset)
			if state.Watermark != now.watermark {
				now, out[i].reset = afterReset(w, state, out[:i]), true
			}
			continue
		}
		reaction, err := wire.DecodeCountedFields(r.Value)
		if err != nil {
			out[i].junk = true
			continue
		}
		_, _, state = w.Assign(state, r.Time)
		out[i].emoji, out[i].channel = string(reaction.Emoji), cmp.Or(string(reaction.Channel), wire.MainChannel)
		if r.Time <= 0 || r.Time > 1e15 {
			if out[i].end = w.Length; now.watermark != windowing.Never {
				out[i].end = free(window(now.watermark))
			}
			continue
		}
		switch p := now.pending; {
		case p == 0:
		case open(window(r.Time), p):
			now.watermark, now.pending = p, 0
		case open(window(r.Time), now.watermark):
			now.spent, now.pending = append(now.spent, free(window(p))), 0
		}
		if out[i].end = first; open(window(r.Time), now.watermark) {
			out[i].end = window(r.Time)
		}
		out[i].end = free(out[i].end)
		switch far := now.watermark == windowing.Never || !open(window(now.watermark), r.Time); {
		case r.Time <= now.watermark:
		case far && len(spentRanges(w, now.spent)) < wire.MaxWindowRanges:
			now.pending = r.Time
		default:
			now.watermark = r.Time
		}
		now.spent = slices.DeleteFunc(slices.Clone(now.spent), func(end int64) bool { return !open(end, now.watermark) })
	}
	out[len(log)] = assigned{junk: true, rule: now}
	return out
}

// afterReset returns the rule after a reset. It takes it from the state of Windows, which
// may call windows spent that were not counted in, since it does not remember all. But
// those of the records before that are still open must be.
func afterReset(w windowing.Windows, s windowing.State, before []assigned) rule {
	now := rule{watermark: s.Watermark}
	for _, r := range s.Spent {
		for end := r[0]; end <= r[1]; end += w.Length {
			now.spent = append(now.spent, end)
		}
	}
	for _, a := range before {
		if !a.junk && s.Watermark < a.end+w.Lateness && !slices.Contains(now.spent, a.end) {
			panic("a window that was counted in is not spent after a reset")
		}
	}
	return now
}

// spentRanges returns the windows that end at ends as ranges.
func spentRanges(w windowing.Windows, ends []int64) (ranges []wire.WindowRange) {
	for _, end := range ends {
		ranges = append(ranges, wire.WindowRange{end, end})
	}
	return w.Join(ranges)
}

// totals returns the counts of all cells.
func totals(logs ...[]assigned) map[cell]int64 {
	out := map[cell]int64{}
	for _, log := range logs {
		for _, a := range log {
			if !a.junk {
				out[a.cell]++
			}
		}
	}
	return out
}

// twos returns windows of two seconds with a lateness of ten, the default.
func twos(tb testing.TB) windowing.Windows {
	tb.Helper()
	w, err := windowing.New(2*time.Second, 10*time.Second)
	if err != nil {
		tb.Fatal(err)
	}
	return w
}

// small returns windows so short that a log of a hundred records has many of them.
func small(lateness int64) windowing.Windows {
	return windowing.Windows{Length: 20, Lateness: lateness}
}

// randomLog returns a partition of n records. Their times advance in small and large
// steps. Some records are late, a few by several times the lateness. A few have a time
// that is far ahead, or none. A few are no reactions.
func randomLog(rng *rand.Rand, n int, w windowing.Windows) []stream.Record {
	log := make([]stream.Record, n)
	now := int64(1e6)
	for i := range log {
		switch rng.IntN(20) {
		case 0:
			now += rng.Int64N(6 * w.Length)
		case 1:
			now += w.Lateness
		default:
			now += rng.Int64N(w.Length / 2)
		}
		log[i] = randomRecord(rng, w, int64(i), now)
	}
	return log
}

// randomRecord returns a record that is written at now and may be late.
func randomRecord(rng *rand.Rand, w windowing.Windows, offset, now int64) stream.Record {
	at := now
	switch rng.IntN(8) {
	case 0:
		at -= rng.Int64N(w.Length + w.Lateness)
	case 1:
		at -= rng.Int64N(4*w.Length + 3*w.Lateness)
	case 2:
		if rng.IntN(3) == 0 && offset > 0 {
			at += rng.Int64N(1e5)
		}
	case 3:
		if rng.IntN(10) == 0 && offset > 0 {
			at = []int64{0, -1, math.MinInt64, math.MaxInt64, 1000 * now * now}[rng.IntN(5)]
		}
	}
	r := stream.Record{Offset: offset, Time: at, Value: []byte("junk")}
	switch rng.IntN(20) {
	case 0:
	case 1:
		r.Value = wire.WatermarkReset{Version: wire.FormatVersion, Watermark: now, Held: offset}.Encode()
	default:
		r.Value = value([]string{"🔥", "😂", "👍"}[rng.IntN(3)], []string{"main", "a", "b"}[rng.IntN(3)])
	}
	return r
}
