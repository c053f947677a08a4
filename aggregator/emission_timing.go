package aggregator

import "time"

// minEmission is the least time between two emissions of windows that grow, and, while
// there is a backlog, between any two.
const minEmission = 100 * time.Millisecond

func (c *Combiner) isDue(w *openWindow, now int64) bool {
	return w.end <= c.closed || w.end+c.grace <= now
}

// reportWait is how long after a window's end a reducer waits for partitions that have
// not reported it yet.
const reportWait = 500 * time.Millisecond

// dueAt returns when a window that has grown is to be emitted, in ms; Never means at
// once.
func (r *Reducer) dueAt(k key, t *total) int64 {
	switch {
	case k.end <= r.floor:
		return Never
	case t.confirmedAt != Never:
		return t.confirmedAt + minEmission.Milliseconds()
	case r.reported(k.end):
		return Never
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
	return r.sources != nil
}
