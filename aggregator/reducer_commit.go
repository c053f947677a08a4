package aggregator

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// Commit implements claimloop.Machine. All records before the commit are of windows
// that are closed and emitted.
func (r *Reducer) Commit() stream.Commit {
	offset := r.position
	first := r.firstPartials()
	for _, o := range first {
		offset = min(offset, o)
	}
	meta := wire.ReducerCommit{Version: wire.FormatVersion, Floor: r.floor, Emitted: r.emitted, Resets: r.resets, TopicID: r.topicID, Reopened: r.reopened, Settings: r.windows.Settings()}
	meta.Lost = r.windows.After(r.lost, r.floor)
	if meta.Open = openWindows(first, r.openAtEmitted); len(meta.Open) > 0 || len(meta.Lost) > 0 {
		meta.Counted = r.countedEmitted
	}
	b, err := json.Marshal(meta)
	if err != nil {
		panic(err) // integers always marshal
	}
	return stream.Commit{Offset: offset, Metadata: string(b)}
}

// firstPartials returns the offset of the first partial of each open window, by the
// window's end.
func (r *Reducer) firstPartials() map[int64]int64 {
	first := map[int64]int64{}
	note := func(end, offset int64) {
		if known, ok := first[end]; !ok || offset < known {
			first[end] = offset
		}
	}
	for k, t := range r.open {
		note(k.end, t.first)
	}
	r.givenUp.each(note)
	return first
}

// Bounds of what a commit tells, so that its metadata stays below what brokers allow
// (4 KiB).
const (
	maxOpen = 8 // entries about open windows
	maxLost = 8 // ranges of windows of which partials are gone
	// Partitions of emoji-topic of which a reducer notes how far they were counted.
	maxCounted = wire.MaxResettable
)

// openWindows describes open windows for a commit. first has the offsets of their first
// partials, by their ends, and known describes more of them. If there are many, an entry
// is about several of them, between two of the widest gaps.
func openWindows(first map[int64]int64, known []wire.OpenWindows) []wire.OpenWindows {
	open := slices.Clone(known)
	for end, from := range first {
		open = append(open, wire.OpenWindows{From: from, Oldest: end, Newest: end})
	}
	slices.SortFunc(open, func(a, b wire.OpenWindows) int {
		return cmp.Or(cmp.Compare(a.Oldest, b.Oldest), cmp.Compare(a.Newest, b.Newest), cmp.Compare(a.From, b.From))
	})
	gap := func(i int) int64 { return open[i].Oldest - open[i-1].Newest } // before entry i; it may overlap the one before
	var begins []int
	for i := 1; i < len(open); i++ {
		if gap(i) > 0 {
			begins = append(begins, i)
		}
	}
	if len(begins) >= maxOpen {
		slices.SortStableFunc(begins, func(a, b int) int { return cmp.Compare(gap(b), gap(a)) })
		begins = begins[:maxOpen-1]
		slices.Sort(begins)
	}
	var joined []wire.OpenWindows
	for i, o := range open {
		if i == 0 || slices.Contains(begins, i) {
			joined = append(joined, o)
			continue
		}
		last := &joined[len(joined)-1]
		last.From, last.Newest = min(last.From, o.From), max(last.Newest, o.Newest)
	}
	return joined
}
