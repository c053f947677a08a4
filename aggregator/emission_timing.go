package aggregator

import (
	"time"

	"github.com/emostream/emostream/internal/windowing"
)

// minEmission is the least time between two emissions of windows that grow, and, while
// there is a backlog, between any two.
const minEmission = 100 * time.Millisecond

// isDue says whether a window may be emitted. One that ends further ahead of the clock
// than any right one is emitted at once, so that the log need not be kept until its time
// comes.
func (c *Combiner) isDue(w *openWindow, now int64) bool {
	return w.end <= c.closed || w.end+c.grace.current <= now || c.state.IsSpent(w.end) || c.windows.IsFarAhead(w.end, now)
}

// reportWait is how long after a window's end a reducer waits for partitions that have
// not reported it yet.
const reportWait = 500 * time.Millisecond

// dueAt returns when a window that has grown is to be emitted, in ms; Never means at
// once, as for one that is far ahead: until its time comes, its partials may be gone.
func (r *Reducer) dueAt(k key, t *total, now int64) int64 {
	switch {
	case k.end <= r.floor:
		return windowing.Never
	case t.confirmedAt != windowing.Never:
		return t.confirmedAt + minEmission.Milliseconds()
	case r.reported(k.end), r.windows.IsFarAhead(k.end, now):
		return windowing.Never
	default:
		return k.end + reportWait.Milliseconds()
	}
}

// reported says whether every partition has reported the window that ends at end.
func (r *Reducer) reported(end int64) bool {
	for _, s := range r.sources {
		if s.reported < end {
			return false
		}
	}
	return len(r.sources) > 0
}
