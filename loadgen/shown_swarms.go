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

// shownSwarms records the swarms of a run's channels that listeners were shown. What a single
// listener was shown is in its listenerView. It is safe for concurrent use.
type shownSwarms struct {
	channels       map[string]int // index of each channel of the run
	emojis         map[string]int // index of each emoji of the run; all other emojis have the index len(emojis)
	onWindowLength func(length int64)

	repeats, outOfOrder atomic.Int64
	windowLength        atomic.Int64 // ms; 0: not known

	mu           sync.Mutex
	windows      []map[int64]*revision // of each channel, the revision with the greatest total by the window's end
	revisions    []*revision           // all that were shown
	overhead     *report.Histogram     // of windows that end after measuredFrom
	measuredFrom time.Time
}

// revision is one swarm that listeners were shown: a window with a certain total. If
// the window grows, it is sent again as another revision.
type revision struct {
	channelWindow
	total      int64
	counts     map[int]int64
	firstShown int64 // when the first listener was shown it, Unix ms

	mu sync.Mutex
	// firstAt and lastAt are when the first and the last listener were shown the revision
	// that were connected when its window ended, Unix µs; 0: none, and no second one.
	firstAt, lastAt int64
	// arrivals[before][at] is how many listeners were shown the revision at the moment
	// at, in Unix ms, after they had been shown the same window with the total before
	// (0: not at all).
	arrivals map[int64]map[int64]int64
}

func newShownSwarms(channels, emojis []string, onWindowLength func(int64)) *shownSwarms {
	s := &shownSwarms{channels: map[string]int{}, emojis: map[string]int{}, onWindowLength: onWindowLength, overhead: report.NewHistogram()}
	for i, c := range channels {
		s.channels[c] = i
		s.windows = append(s.windows, map[int64]*revision{})
	}
	for i, e := range emojis {
		s.emojis[e] = i
	}
	return s
}

// decode decodes the swarm in an event's data.
func (s *shownSwarms) decode(e *event, name string, data []byte) {
	swarm, err := wire.DecodeSwarm(data)
	channel, own := s.channels[swarm.Channel]
	if name != "swarm" || err != nil || !own {
		return
	}
	r := &revision{channelWindow: channelWindow{channel, swarm.Window.End}, total: swarm.Total, counts: map[int]int64{}, firstShown: e.firstSeen.UnixMilli(), arrivals: map[int64]map[int64]int64{}}
	others := len(s.emojis)
	rest := swarm.Total
	for _, c := range swarm.Emojis {
		emoji, known := s.emojis[c.Emoji]
		if !known {
			emoji = others
		}
		r.counts[emoji] += c.Count
		rest -= c.Count
	}
	if rest > 0 {
		r.counts[unlisted] = rest
	} else if rest < 0 { // more than the total
		r.counts[others] += rest
	}
	length := swarm.Window.End - swarm.Window.Start
	s.windowLength.CompareAndSwap(0, length)
	e.revision = r
	s.mu.Lock()
	if greatest := s.windows[channel][r.end]; greatest == nil || greatest.total < r.total {
		s.windows[channel][r.end] = r
	} else if greatest.total == r.total {
		e.revision = greatest // the same swarm with other bytes, with or without an id
	}
	if e.revision == r {
		s.revisions = append(s.revisions, r)
	}
	s.mu.Unlock()
	s.onWindowLength(length)
}

func (s *shownSwarms) received(v *listenerView, e *event, at time.Time) {
	r := e.revision
	if r == nil || r.channel != v.part {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	i := v.makeSlot(r.end, s.windowLength.Load())
	if i < 0 {
		return
	}
	before := int64(0)
	switch old := v.greatest[i]; {
	case old == nil:
		if i < len(v.greatest)-1 {
			s.outOfOrder.Add(1)
		}
		if r.end >= v.liveSince && r.total > 0 {
			s.recordOverhead(time.UnixMilli(r.end), at)
		}
	case old.total == r.total:
		s.repeats.Add(1)
		return
	case old.total > r.total:
		s.outOfOrder.Add(1)
		return
	default:
		before = old.total
	}
	v.greatest[i] = r
	if r.end >= v.liveSince {
		r.addArrival(before, at)
	}
}

// recordOverhead records when a listener was shown a window that ended at end.
func (s *shownSwarms) recordOverhead(end, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if end.After(s.measuredFrom) {
		s.overhead.Record(at.Sub(end))
	}
}

// measureFrom leaves windows out of the overhead that have ended by a moment.
func (s *shownSwarms) measureFrom(at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.measuredFrom = at
}

func (r *revision) addArrival(before int64, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if us := at.UnixMicro(); r.firstAt == 0 {
		r.firstAt = us
	} else {
		r.firstAt, r.lastAt = min(r.firstAt, us), max(r.lastAt, r.firstAt, us)
	}
	m := r.arrivals[before]
	if m == nil {
		m = map[int64]int64{}
		r.arrivals[before] = m
	}
	m[at.UnixMilli()]++
}

// spread returns how far apart the listeners were shown the same revision.
func (s *shownSwarms) spread() *report.Histogram {
	h := report.NewHistogram()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.revisions {
		r.mu.Lock()
		if r.lastAt > 0 && r.end*1000 > s.measuredFrom.UnixMicro() {
			h.Record(time.Duration(r.lastAt-r.firstAt) * time.Microsecond)
		}
		r.mu.Unlock()
	}
	return h
}

// greatest returns, for each channel, the revision with the greatest total of each window
// that has any reactions.
func (s *shownSwarms) greatest() []map[int64]*revision {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []map[int64]*revision
	for _, windows := range s.windows {
		shown := maps.Clone(windows)
		maps.DeleteFunc(shown, func(_ int64, r *revision) bool { return r.total == 0 })
		out = append(out, shown)
	}
	return out
}

// counted returns the counts that listeners were shown.
func (s *shownSwarms) counted() map[cell]int64 {
	out := map[cell]int64{}
	for channel, windows := range s.greatest() {
		for end, r := range windows {
			for emoji, n := range r.counts {
				if n != 0 {
					out[cell{end, reactionKind{channel, emoji}}] = n
				}
			}
		}
	}
	return out
}

// missing counts what one listener was not shown. It considers the windows of its channel
// that ended after it had connected and that another listener had been shown by the
// moment until, in Unix ms. gaps is how many of them it was not shown at all. behind is
// how many it was shown only with a smaller total than the greatest.
func (s *shownSwarms) missing(v *listenerView, greatest []map[int64]*revision, until int64) (gaps, behind int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.since == 0 {
		return 0, 0
	}
	for end, r := range greatest[v.part] {
		if end <= v.since || r.firstShown > until {
			continue
		}
		switch own := v.of(end, s.windowLength.Load()); {
		case own == nil:
			gaps++
		case own.total < r.total:
			behind++
		}
	}
	return gaps, behind
}

// endToEnd returns the latencies from when each reaction was due to when each listener
// was shown it.
func (s *shownSwarms) endToEnd(acks *acknowledged) *report.Histogram {
	h := report.NewHistogram()
	s.mu.Lock()
	all := slices.Clone(s.revisions)
	s.mu.Unlock()
	for _, r := range all {
		r.mu.Lock()
		for before, shownAt := range r.arrivals {
			acks.addEndToEnd(h, r.channelWindow, before, r.total, shownAt)
		}
		r.mu.Unlock()
	}
	return h
}
