package trace

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// totals are what became of all reactions.
type totals struct {
	wanted, followed, done, stuck, notFollowed int64

	skipped, unreadable, recut int64
	stuckAt                    [stages]int64
	hops                       [stages]hopTimes
	total                      hopTimes
}

// hopTimes are the times that reactions took for one hop, of those that have arrived.
type hopTimes struct {
	n, sum, negative, max int64 // µs
	hdr                   *hdrhistogram.Histogram
}

// The range of the percentiles, in µs; the sum knows no bounds.
const (
	shortest = 1
	longest  = int64(time.Hour / time.Microsecond)
	digits   = 3
)

func newTotals() (s totals) {
	for i := range s.hops {
		s.hops[i] = newHopTimes()
	}
	s.total = newHopTimes()
	return s
}

func newHopTimes() hopTimes { return hopTimes{hdr: hdrhistogram.New(shortest, longest, digits)} }

func (t *hopTimes) add(us int64) {
	t.n++
	t.sum += us
	if us < 0 {
		t.negative++
	}
	if t.n == 1 || us > t.max {
		t.max = us
	}
	_ = t.hdr.RecordValue(min(max(us, 0), longest)) // it is in the range
}

// finish adds a reaction. Those that are stuck are only counted: so the hops of all
// others add up to their totals.
func (s *totals) finish(j *Journey) {
	if j.Stuck {
		s.stuck++
		s.stuckAt[j.Stage()]++
		return
	}
	s.done++
	s.total.add(j.Total())
	for i := range s.hops {
		if us, ok := j.Hop(Stage(i)); ok {
			s.hops[i].add(us)
		}
	}
}

// Report tells how long each hop took.
type Report struct {
	Wanted      int64 `json:"reactions"`    // that came and were wanted
	Done        int64 `json:"done"`         // followed to the end of the way
	OnTheWay    int64 `json:"on_the_way"`   // followed, and not there yet
	Stuck       int64 `json:"stuck"`        // given up where they were
	NotFollowed int64 `json:"not_followed"` // too many, or of a window whose beginning was not read
	Skipped     int64 `json:"skipped"`      // records of emoji-topic that are no reactions
	Unreadable  int64 `json:"unreadable"`   // records of other topics that are not what is written there
	Recut       int64 `json:"recut"`        // how often windows turned out to be cut otherwise, where no partials tell

	StuckAt  map[Stage]int64 `json:"stuck_at"`
	Hops     []Hop           `json:"hops"` // of those that are done, in the order of the way
	EndToEnd Hop             `json:"end_to_end"`

	Shown []Journey `json:"-"` // a few, and where they are
}

// Hop is the time to a stage from the one before it, in ms. The means are over all
// reactions that are done, a hop that one lacks being 0 there: so they add up to the
// mean from end to end, which percentiles never do.
type Hop struct {
	To       Stage   `json:"to"`
	N        int64   `json:"n"` // how many of those done have it
	Mean     float64 `json:"mean_ms"`
	P50      float64 `json:"p50_ms"`
	P99      float64 `json:"p99_ms"`
	Max      float64 `json:"max_ms"`
	Negative int64   `json:"negative"` // how many were below zero, since clocks differ
}

func (t *hopTimes) hop(to Stage, of int64) Hop {
	h := Hop{To: to, N: t.n, Negative: t.negative}
	if t.n > 0 {
		h.Mean = float64(t.sum) / float64(of) / 1000
		h.P50, h.P99, h.Max = t.quantile(50), t.quantile(99), float64(t.max)/1000
	}
	return h
}

// quantile is in ms. A histogram gives the upper end of a range of values, of which
// the greatest may not reach it.
func (t *hopTimes) quantile(percent float64) float64 {
	return float64(min(t.hdr.ValueAtQuantile(percent), max(t.max, 0))) / 1000
}

// Report returns what is known by now.
func (t *Tracer) Report() Report {
	s := &t.totals
	r := Report{
		Wanted: s.wanted, Done: s.done, OnTheWay: int64(len(t.all)), Stuck: s.stuck, NotFollowed: s.notFollowed,
		Skipped: s.skipped, Unreadable: s.unreadable, Recut: s.recut, StuckAt: map[Stage]int64{}, EndToEnd: s.total.hop(Everywhere, s.done),
	}
	for at, n := range s.stuckAt {
		if n > 0 {
			r.StuckAt[Stage(at)] = n
		}
	}
	for to := Accepted; to < stages; to++ {
		r.Hops = append(r.Hops, s.hops[to].hop(to, s.done))
	}
	for _, f := range t.shown {
		if f != nil {
			r.Shown = append(r.Shown, f.Journey)
		}
	}
	return r
}

// Finished returns those that are done or stuck since it was called last.
func (t *Tracer) Finished() []Journey {
	out := t.finished
	t.finished = nil
	return out
}

// A few reactions are shown from their beginning to their end, and a moment longer.
const (
	shownAtOnce = 6
	shownApart  = int64(300 * time.Millisecond / time.Microsecond)
	shownAfter  = int64(2 * time.Second / time.Microsecond)
)

// show shows a reaction if there is room.
func (t *Tracer) show(f *followed, now int64) {
	if now-t.shownAt < shownApart {
		return
	}
	for i, old := range t.shown {
		if old == nil || old.over && now-old.since > shownAfter {
			t.shown[i], t.shownAt = f, now
			return
		}
	}
}
