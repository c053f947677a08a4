package aggregator_test

import (
	"math/rand/v2"

	"github.com/emostream/emostream/aggregator"
	"github.com/emostream/emostream/internal/stream"
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
	watermark int64 // the watermark before the record
	junk      bool  // the record is no reaction
}

// reference returns where each record of a partition is counted.
func reference(w aggregator.Windows, log []stream.Record) []assigned {
	out := make([]assigned, len(log))
	watermark := aggregator.Never
	oldest := log[0].Time/w.Length*w.Length - 100*w.Length // end of a window long before the log
	for i, r := range log {
		out[i].watermark = watermark
		if reaction, err := wire.DecodeCountedFields(r.Value); err != nil {
			out[i].junk = true
		} else {
			out[i].emoji, out[i].channel = string(reaction.Emoji), string(reaction.Channel)
			if out[i].channel == "" {
				out[i].channel = wire.MainChannel
			}
			open := func(end int64) bool { return watermark < end+w.Lateness }
			end := oldest
			for end <= r.Time {
				end += w.Length // the next window, up to the first that ends after the record
			}
			if !open(end) {
				end = oldest
				for !open(end) {
					end += w.Length
				}
			}
			out[i].end = end
		}
		watermark = max(watermark, r.Time)
	}
	return out
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

// small returns windows so short that a log of a hundred records has many of them.
func small(lateness int64) aggregator.Windows {
	return aggregator.Windows{Length: 20, Lateness: lateness}
}

// randomLog returns a partition of n records. Their times advance in small and large
// steps. Some records are late, a few by several times the lateness, and a few are no
// reactions.
func randomLog(rng *rand.Rand, n int, w aggregator.Windows) []stream.Record {
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
func randomRecord(rng *rand.Rand, w aggregator.Windows, offset, now int64) stream.Record {
	at := now
	switch rng.IntN(8) {
	case 0:
		at -= rng.Int64N(w.Length + w.Lateness)
	case 1:
		at -= rng.Int64N(4*w.Length + 3*w.Lateness)
	}
	r := stream.Record{Offset: offset, Time: at, Value: []byte("junk")}
	if rng.IntN(20) > 0 {
		r.Value = value([]string{"🔥", "😂", "👍"}[rng.IntN(3)], []string{"main", "a", "b"}[rng.IntN(3)])
	}
	return r
}
