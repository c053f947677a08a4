package aggregator

import (
	"time"

	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
)

// minEmission is the least time between two emissions of windows that grow, and, while
// there is a backlog, between any two.
const minEmission = 100 * time.Millisecond

// isDue says whether a window may be emitted. One that ends further ahead of the clock
// than any right one is emitted at once, so that the log need not be kept until its time
// comes.
func (c *Combiner) isDue(w *openWindow, now int64) bool {
	return w.end <= c.closed || w.end+c.grace <= now || c.state.IsSpent(w.end) || isFarAhead(c.windows, w.end, now)
}

// isFarAhead says whether a window ends further ahead of now than any right one.
func isFarAhead(w windowing.Windows, end, now int64) bool {
	return end > now+w.Lateness+wire.MaxAhead.Milliseconds()
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
	case r.reported(k.end), isFarAhead(r.windows, k.end, now):
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
