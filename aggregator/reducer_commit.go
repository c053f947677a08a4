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
	meta := wire.ReducerCommit{Version: wire.FormatVersion, Floor: r.floor, Emitted: r.emitted, Resets: r.resets, Settings: r.windows.Settings()}
	if r.lostUntil > r.floor {
		meta.Lost = r.lostUntil
	}
	if meta.Open = openWindows(first, r.openAtEmitted); len(meta.Open) > 0 || meta.Lost != 0 {
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

// maxOpen is the greatest number of entries of a commit about open windows.
const maxOpen = 16

// openWindows describes open windows for a commit. first has the offsets of their first
// partials, by their ends, and known describes more of them. If there are many, an entry
// is about several of them, between two of the longest pauses.
func openWindows(first map[int64]int64, known []wire.OpenWindows) []wire.OpenWindows {
	open := slices.Clone(known)
	for end, from := range first {
		open = append(open, wire.OpenWindows{From: from, Newest: end})
	}
	slices.SortFunc(open, func(a, b wire.OpenWindows) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.Newest, b.Newest))
	})
	for i := 1; i < len(open); i++ {
		open[i].Newest = max(open[i].Newest, open[i-1].Newest)
	}
	open = slices.Compact(open)
	if len(open) <= maxOpen {
		return open
	}
	pause := func(i int) int64 { return open[i].Newest - open[i-1].Newest } // before entry i
	begins := make([]int, 0, len(open)-1)
	for i := 1; i < len(open); i++ {
		begins = append(begins, i)
	}
	slices.SortStableFunc(begins, func(a, b int) int { return cmp.Compare(pause(b), pause(a)) })
	begins = begins[:maxOpen-1]
	slices.Sort(begins)
	joined, from := make([]wire.OpenWindows, 0, maxOpen), 0
	for _, i := range append(begins, len(open)) {
		joined = append(joined, wire.OpenWindows{From: open[from].From, Newest: open[i-1].Newest})
		from = i
	}
	return joined
}

// maxCounted is of how many partitions of emoji-topic a reducer notes how far they were
// counted. It keeps the metadata of a commit below what brokers allow (4 KiB).
const maxCounted = 48
