package tui

import (
	"slices"
	"time"
)

// OwnTaps are accepted taps of one emoji from one request.
type OwnTaps struct {
	Taps
	At    int64 // when they were accepted, ms of the server's clock, which decides their window
	Shown bool  // whether their window was shown with their emoji
}

func (q TapQueue) accept(t Taps, at time.Time) TapQueue {
	q.Accepted += t.Count
	q.acceptedByEmoji = added(q.acceptedByEmoji, t)
	q.own = append(slices.Clip(q.own[max(0, len(q.own)-maxOwn+1):]), OwnTaps{Taps: t, At: at.UnixMilli()})
	return q
}

// OwnIn returns the accepted taps in the window from start to end (ms), added up by
// emoji.
func (q TapQueue) OwnIn(start, end int64) []Taps {
	var list []Taps
	for _, t := range q.own {
		if start <= t.At && t.At < end {
			list = added(list, t.Taps)
		}
	}
	return list
}

// MarkShown marks the taps whose window is on the screen; shown tells which these are.
// For each it returns the time from the key press until now.
func (q TapQueue) MarkShown(now time.Time, shown func(OwnTaps) bool) (TapQueue, []time.Duration) {
	var took []time.Duration
	for i, t := range q.own {
		if t.Shown || !shown(t) {
			continue
		}
		if took == nil {
			q.own = slices.Clone(q.own)
		}
		q.own[i].Shown = true
		took = append(took, now.Sub(t.First))
	}
	return q, took
}
