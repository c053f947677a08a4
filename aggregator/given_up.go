package aggregator

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/emostream/emostream/internal/wire"
)

// givenUp are the windows of which a reducer does not hold all partials, because it
// would hold too much. While a partition of emoji-topic has no leader, no window is
// closed, and there are more and more of them. Of a window that is given up only its
// entry here is kept, some 50 bytes.
//
// What was dropped had been emitted, and stays in emoji-partials, since the commit stays
// before it. If more partials of a window come, the reducer goes back to its first one
// and reads it again, together with as many others as it can hold.
type givenUp struct {
	windows map[int64]*givenUpWindow // by end
	again   *readAgain               // nil: none are being read again
	unread  int64                    // end of the oldest window of which partials were not taken in, ms; math.MaxInt64: there is none
}

// givenUpWindow is a window, in all its channels.
type givenUpWindow struct {
	first  int64 // offset of its first partial that is not held
	unread bool  // partials of it have come that were not taken in
	grown  bool  // they may hold more than was emitted
}

// readAgain is one reading of windows that were given up, up to the offset end.
type readAgain struct {
	windows map[int64]*givenUpWindow // by end
	end     int64
}

// reads says whether the window that ends at end is being read again.
func (g *givenUp) reads(end int64) bool { return g.again != nil && g.again.windows[end] != nil }

// findUnread sets unread.
func (g *givenUp) findUnread() {
	g.unread = math.MaxInt64
	for end, w := range g.windows {
		if w.unread {
			g.unread = min(g.unread, end)
		}
	}
	if g.again != nil {
		for end := range g.again.windows {
			g.unread = min(g.unread, end)
		}
	}
}

// each calls f with the end of each window, and the offset of its first partial.
func (g *givenUp) each(f func(end, first int64)) {
	for end, w := range g.windows {
		f(end, w.first)
	}
	if g.again != nil {
		for end, w := range g.again.windows {
			f(end, w.first)
		}
	}
}

// passOver says whether the partial at offset of the window that ends at end is not to
// be taken in, because the window is given up. counted says that the partial holds nothing new.
func (g *givenUp) passOver(end, offset int64, counted bool) bool {
	w := g.windows[end]
	if w == nil {
		return false
	}
	w.first, w.grown = min(w.first, offset), w.grown || !counted
	if g.again == nil || offset >= g.again.end { // the others were emitted
		w.unread, g.unread = true, min(g.unread, end)
	}
	return true
}

// drop drops what is held of windows. They are given up.
func (r *Reducer) drop(end int64, keys []key, unread bool) {
	w := r.givenUp.windows[end]
	if w == nil {
		w = &givenUpWindow{first: math.MaxInt64}
		r.givenUp.windows[end] = w
	}
	w.unread = w.unread || unread
	for _, k := range keys {
		w.first = min(w.first, r.open[k].first)
		r.forgetWindow(k)
	}
}

// giveUp gives windows up if more than maxHeld is held, until half of it is: the oldest
// ones of which everything is emitted, but never the newest window. While windows are
// read again, it gives up the newest of those, and leaves the oldest.
func (r *Reducer) giveUp() {
	if r.held <= r.maxHeld {
		return
	}
	again := r.givenUp.again
	byEnd := map[int64][]key{}
	for k, t := range r.open {
		if again != nil && again.windows[k.end] != nil || again == nil && !t.dirty && k.end < r.newest {
			byEnd[k.end] = append(byEnd[k.end], k)
		}
	}
	ends := slices.Sorted(maps.Keys(byEnd))
	if again != nil {
		slices.Reverse(ends)
		ends = ends[:max(0, len(ends)-1)]
	}
	for _, end := range ends {
		if r.held <= r.maxHeld/2 {
			return
		}
		if again != nil {
			r.givenUp.windows[end] = again.windows[end]
			delete(again.windows, end)
		}
		r.drop(end, byEnd[end], again != nil)
	}
}

// readGivenUp goes back to the first partial of the windows that were given up and of
// which more has come, if the log was read to its end. It does so at most once in the
// time of the lateness, so that new windows do not have to wait. now is when the last
// batch was asked for.
func (r *Reducer) readGivenUp(atEnd bool, now int64) {
	g := &r.givenUp
	if g.again != nil && r.position >= g.again.end {
		g.again, r.readAt = nil, now
		g.findUnread()
	}
	if g.again == nil && atEnd && now >= r.readAt+r.windows.Lateness && g.unread != math.MaxInt64 {
		g.again = &readAgain{windows: map[int64]*givenUpWindow{}, end: r.position}
		for end, w := range g.windows {
			if w.unread {
				g.again.windows[end] = w
				delete(g.windows, end)
				r.position = min(r.position, w.first)
			}
		}
	}
	r.raiseFloor()
	maps.DeleteFunc(g.windows, func(end int64, _ *givenUpWindow) bool { return end <= r.floor })
}

// Lose says that retention has removed all partials before start. It fails with a
// *PartialsError if some of them were not added up.
func (r *Reducer) Lose(start int64) error {
	g := &r.givenUp
	if g.again == nil {
		return &PartialsError{r.partition, fmt.Sprintf("retention has removed the partials up to %d, and only those before %d were added up", start, r.position)}
	}
	for end, w := range g.again.windows {
		if w.first >= start {
			continue
		}
		if w.grown {
			return &PartialsError{r.partition, fmt.Sprintf("retention has removed the partials up to %d, and those from %d on were to be read again, since more has come for their window", start, w.first)}
		}
		delete(g.again.windows, end) // all of it was emitted, and stays so
		for k := range r.open {
			if k.end == end {
				r.forgetWindow(k) // what was read again of it is not all
			}
		}
		r.lose(wire.WindowRange{end, end})
		r.lostCounted = slices.Clone(r.counted)
	}
	g.findUnread()
	return nil
}
