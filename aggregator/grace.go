package aggregator

import (
	"cmp"
	"slices"
)

// grace is how long after a window's end its counts are first sent. A record of the
// window that is read later causes a revision. So the grace decides when a window is
// seen, and never what is counted in it.
//
// It follows what the partition has shown to need: how long after each window's end the
// last record on time was read. Of the last windows the second greatest need counts,
// times a margin, which grows with the revisions. Until enough windows are known the
// grace is the most that it may be.
type grace struct {
	current int64   // ms
	most    int64   // ms
	length  int64   // of a window, ms
	factor  int64   // the margin, in quarters
	calm    int     // how many windows since the factor was changed, or a window was revised
	atEnd   bool    // the last batch reached the partition's end
	waiting []need  // of windows of which records may still be on their way, the oldest first
	needs   []int64 // of the last windows, the oldest first, ms
}

// need is what one window needed.
type need struct {
	end     int64
	ms      int64 // how long after the end its last record on time was read; 0: before the end
	revised bool  // that was after the window had been reported
}

const (
	leastGrace  = 10 // ms
	knownNeeds  = 60 // how many windows are remembered
	enoughNeeds = 10 // how many must be known

	leastFactor = 5  // of the margin, in quarters
	mostFactor  = 16 // with which 25 ms need the most that there is
)

// newGrace returns a grace of at most most, for windows of a length; both in ms.
func newGrace(most, length int64) grace {
	return grace{current: most, most: most, length: length, factor: leastFactor}
}

// add takes in that a record on time was read at now. Its window ends at end, and was
// reported before or not. A record that was read while there was a backlog had waited
// for other reasons, and shows nothing.
func (g *grace) add(end, now int64, reported bool) {
	if !g.atEnd || end > now+g.length {
		return
	}
	i, known := slices.BinarySearchFunc(g.waiting, end, func(w need, end int64) int { return cmp.Compare(w.end, end) })
	if !known {
		g.waiting = slices.Insert(g.waiting, i, need{end: end})
	}
	w := &g.waiting[i]
	w.ms = max(w.ms, min(now-end, g.most))
	w.revised = w.revised || reported
}

// advance says that all records of a batch, which was asked for at now, were added, and
// whether it reached the partition's end.
func (g *grace) advance(atEnd bool, now int64) {
	g.atEnd = atEnd
	over := 0
	for over < len(g.waiting) && g.waiting[over].end+g.most <= now {
		g.learn(g.waiting[over])
		over++
	}
	g.waiting = slices.Delete(g.waiting, 0, over)
}

// learn takes in what a window needed.
func (g *grace) learn(w need) {
	switch g.calm++; {
	case w.revised:
		g.factor, g.calm = min(mostFactor, g.factor+2), 0
	case g.calm >= knownNeeds:
		g.factor, g.calm = max(leastFactor, g.factor-1), 0
	}
	if g.needs = append(g.needs, w.ms); len(g.needs) > knownNeeds {
		g.needs = g.needs[1:]
	}
	if len(g.needs) < enoughNeeds {
		return
	}
	var first, second int64
	for _, ms := range g.needs {
		second = max(second, min(first, ms))
		first = max(first, ms)
	}
	g.current = min(max(leastGrace, second*g.factor/4), g.most)
}
