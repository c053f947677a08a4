package tui

import (
	"slices"
	"time"
)

// Own are counted taps: in the window that holds At.
type OwnTaps struct {
	Taps
	At    int64 // ms, by the server's clock
	Shown bool  // a window that counts them was shown
}

func (o TapQueue) accept(t Taps, at time.Time) TapQueue {
	o.Accepted += t.Count
	o.acceptedByEmoji = added(o.acceptedByEmoji, t)
	o.own = append(slices.Clip(o.own[max(0, len(o.own)-maxOwn+1):]), OwnTaps{Taps: t, At: at.UnixMilli()})
	return o
}

// Own is how many taps of each emoji were counted from start on and before end.
func (o TapQueue) OwnIn(start, end int64) []Taps {
	var list []Taps
	for _, t := range o.own {
		if start <= t.At && t.At < end {
			list = added(list, t.Taps)
		}
	}
	return list
}

// Seen marks the taps that shown says are on the screen, and returns how long each
// took from the key to there.
func (o TapQueue) MarkShown(now time.Time, shown func(OwnTaps) bool) (TapQueue, []time.Duration) {
	var took []time.Duration
	for i, t := range o.own {
		if t.Shown || !shown(t) {
			continue
		}
		if took == nil {
			o.own = slices.Clone(o.own)
		}
		o.own[i].Shown = true
		took = append(took, now.Sub(t.First))
	}
	return o, took
}
