package main

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/emostream/emostream/internal/wire"
)

// activeChannels are the channels that had a window lately, by name. The main server
// limits how many there can be.
type activeChannels map[string]*activeChannel

type activeChannel struct {
	newest wire.Swarm
	totals []windowTotal // of its newest windows, the oldest first
}

// windowTotal is how many reactions a window had.
type windowTotal struct{ end, n int64 }

const (
	activeFor  = 10 * time.Second // how long a channel stays active after its newest window
	maxWindows = 200              // kept of each channel
)

// add adds a swarm. If a window comes twice, the greater total counts.
func (c activeChannels) add(s wire.Swarm) {
	ch := c[s.Channel]
	if ch == nil {
		ch = &activeChannel{}
		c[s.Channel] = ch
	}
	at := windowTotal{s.Window.End, s.Total}
	i, known := slices.BinarySearchFunc(ch.totals, at, func(a, b windowTotal) int { return cmp.Compare(a.end, b.end) })
	switch {
	case !known:
		ch.totals = slices.Insert(ch.totals, i, at)
		ch.totals = ch.totals[max(0, len(ch.totals)-maxWindows):]
	case s.Total < ch.totals[i].n:
		return
	default:
		ch.totals[i] = at
	}
	if s.Window.End >= ch.newest.Window.End {
		ch.newest = s
	}
}

// choose returns the channel to show, and how many others are active. It returns the
// main channel; if that is quiet and others are active, the busiest of them. It forgets
// channels that are no longer active, except the main channel.
func (c activeChannels) choose(now time.Time) (*activeChannel, int) {
	best, active := &activeChannel{}, 0
	for _, name := range slices.Sorted(maps.Keys(c)) { // in a fixed order, so that of equal channels always the same is chosen
		ch := c[name]
		switch {
		case ch.newest.Window.End >= now.Add(-activeFor).UnixMilli():
			active++
			if best.newest.Total == 0 || name == wire.MainChannel && ch.newest.Total > 0 ||
				best.newest.Channel != wire.MainChannel && ch.newest.Total > best.newest.Total {
				best = ch
			}
		case name != wire.MainChannel:
			delete(c, name)
		}
	}
	if active == 0 && c[wire.MainChannel] != nil {
		return c[wire.MainChannel], 0
	}
	return best, max(0, active-1)
}

// values returns the totals of a channel's windows.
func (ch *activeChannel) values() []float64 {
	values := make([]float64, len(ch.totals))
	for i, t := range ch.totals {
		values[i] = float64(t.n)
	}
	return values
}
