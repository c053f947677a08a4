package loadgen

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/loadgen/report"
)

// swarms is what the listeners of a channel are shown. It is safe for concurrent
// use; what belongs to one listener is in its view.
type swarms struct {
	channel string
	kinds   map[string]int
	learn   func(length int64)

	repeats, disorder atomic.Int64
	length            atomic.Int64 // of a window, ms; 0: not known

	mu       sync.Mutex
	windows  map[int64]*shown // the best of each
	states   []*shown         // all
	overhead *report.Histogram
}

// shown is one state of a window: a swarm that listeners were shown.
type shown struct {
	end    int64
	total  int64
	counts map[int]int64
	first  int64 // Unix ms: when somebody was shown it

	mu       sync.Mutex
	arrivals map[int64]map[int64]int64 // by the total that a listener had been shown before: how many listeners were shown it when, Unix ms
}

// view is what one listener has been shown: the best of each window.
type view struct {
	mu    sync.Mutex
	since int64    // Unix ms: when it was first connected; 0: never
	live  int64    // since when without a break
	base  int64    // end of the first window in best
	best  []*shown // one window after the other

	markers set // of another service
}

// connected is told of each new connection.
func (v *view) connected(at time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.live = at.UnixMilli()
	if v.since == 0 {
		v.since = v.live
	}
}

func newSwarms(channel string, emojis []string, learn func(int64)) *swarms {
	s := &swarms{channel: channel, kinds: map[string]int{}, learn: learn, windows: map[int64]*shown{}, overhead: report.NewHistogram()}
	for i, e := range emojis {
		s.kinds[e] = i
	}
	return s
}

// decode reads a swarm.
func (s *swarms) decode(f *frame, name string, data []byte) {
	swarm, err := wire.DecodeSwarm(data)
	if name != "swarm" || err != nil || swarm.Channel != s.channel {
		return
	}
	sh := &shown{end: swarm.Window.End, total: swarm.Total, counts: map[int]int64{}, first: f.at.UnixMilli(), arrivals: map[int64]map[int64]int64{}}
	rest := swarm.Total
	for _, t := range swarm.Emojis {
		kind, known := s.kinds[t.Emoji]
		if !known {
			kind = len(s.kinds)
		}
		sh.counts[kind] += t.Count
		rest -= t.Count
	}
	if rest != 0 { // a total that its emojis do not explain
		sh.counts[len(s.kinds)] += rest
	}
	length := swarm.Window.End - swarm.Window.Start
	s.length.CompareAndSwap(0, length)
	f.swarm = sh
	s.mu.Lock()
	if best := s.windows[sh.end]; best == nil || best.total < sh.total {
		s.windows[sh.end] = sh
	} else if best.total == sh.total {
		f.swarm = best // the same swarm, with an id or without
	}
	if f.swarm == sh {
		s.states = append(s.states, sh)
	}
	s.mu.Unlock()
	s.learn(length)
}

// seen is called with each event that a listener is shown.
func (s *swarms) seen(v *view, f *frame, at time.Time) {
	sh := f.swarm
	if sh == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	i := s.place(v, sh.end)
	if i < 0 {
		return
	}
	before := int64(0)
	switch old := v.best[i]; {
	case old == nil:
		if i < len(v.best)-1 {
			s.disorder.Add(1)
		}
		if sh.end >= v.live && sh.total > 0 {
			s.late(at.Sub(time.UnixMilli(sh.end)))
		}
	case old.total == sh.total:
		s.repeats.Add(1)
		return
	case old.total > sh.total:
		s.disorder.Add(1)
		return
	default:
		before = old.total
	}
	v.best[i] = sh
	if sh.end >= v.live {
		sh.arrived(before, at.UnixMilli())
	}
}

func (s *swarms) late(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.overhead.Record(d)
}

func (sh *shown) arrived(before, at int64) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	m := sh.arrivals[before]
	if m == nil {
		m = map[int64]int64{}
		sh.arrivals[before] = m
	}
	m[at]++
}

// place is where a window is in a view, which it makes room in; below 0: nowhere.
func (s *swarms) place(v *view, end int64) int {
	length := s.length.Load()
	if len(v.best) == 0 {
		v.base = end
	}
	if (end-v.base)%length != 0 {
		return -1 // of other settings
	}
	i := int((end - v.base) / length)
	if i < 0 {
		v.best = slices.Insert(v.best, 0, make([]*shown, -i)...)
		v.base, i = end, 0
	}
	if n := i + 1 - len(v.best); n > 0 {
		v.best = append(v.best, make([]*shown, n)...)
	}
	return i
}

// best is the best that is known of each window in which there was anything.
func (s *swarms) best() map[int64]*shown {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := maps.Clone(s.windows)
	maps.DeleteFunc(out, func(_ int64, sh *shown) bool { return sh.total == 0 })
	return out
}

// counted is what the swarms say, by window and emoji.
func (s *swarms) counted() map[cell]int64 {
	out := map[cell]int64{}
	for end, sh := range s.best() {
		for kind, n := range sh.counts {
			if n != 0 {
				out[cell{end, kind}] = n
			}
		}
	}
	return out
}

// lacks is how many of the windows that ended while a listener was there, and that
// another was shown up to a moment, it was not shown, and of how many it was shown
// less.
func (s *swarms) lacks(v *view, best map[int64]*shown, until int64) (gaps, behind int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.since == 0 {
		return 0, 0
	}
	for end, sh := range best {
		if end <= v.since || sh.first > until {
			continue
		}
		var mine *shown
		if i := s.at(v, end); i >= 0 {
			mine = v.best[i]
		}
		switch {
		case mine == nil:
			gaps++
		case mine.total < sh.total:
			behind++
		}
	}
	return gaps, behind
}

// at is place without making room.
func (s *swarms) at(v *view, end int64) int {
	length := s.length.Load()
	if length == 0 || len(v.best) == 0 || end < v.base || (end-v.base)%length != 0 {
		return -1
	}
	if i := int((end - v.base) / length); i < len(v.best) {
		return i
	}
	return -1
}

func ordered(m map[int64]int64) []int64 { return slices.Sorted(maps.Keys(m)) }

// endToEnd is the time from when reactions were due to each listener that was
// shown them.
func (s *swarms) endToEnd(l *ledger) *report.Histogram {
	h := report.NewHistogram()
	s.mu.Lock()
	all := slices.Clone(s.states)
	s.mu.Unlock()
	for _, sh := range all {
		sh.mu.Lock()
		for before, at := range sh.arrivals {
			l.endToEnd(h, sh.end, before, sh.total, at)
		}
		sh.mu.Unlock()
	}
	return h
}
