package trace

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// totals counts what became of all reactions, and how long their hops took.
type totals struct {
	wanted, followed, done, stuck, notFollowed int64

	skipped, unreadable, recut int64
	stuckAt                    [stages]int64
	hops                       [stages]hopTimes
	total                      hopTimes
}

// hopTimes collects how long one hop took for the reactions that have arrived.
type hopTimes struct {
	n, sum, negative, max int64 // in µs, except n and negative, which are numbers of reactions
	hdr                   *hdrhistogram.Histogram
}

// The range of the histograms, in µs. The sums have no such bounds.
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
	_ = t.hdr.RecordValue(min(max(us, 0), longest)) // the value is in the range, so there is no error
}

// finish adds a reaction that is done or stuck. The hops of a stuck one are not added,
// so that the means of all hops add up to the mean from end to end.
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
	Wanted      int64 `json:"reactions"`    // that were read and wanted
	Done        int64 `json:"done"`         // followed to the end of the way
	OnTheWay    int64 `json:"on_the_way"`   // followed, and not at the end of the way yet
	Stuck       int64 `json:"stuck"`        // given up at the stage where they were
	NotFollowed int64 `json:"not_followed"` // because they were too many, or the beginning of their window was not read
	Skipped     int64 `json:"skipped"`      // records of emoji-topic that are no reactions
	Unreadable  int64 `json:"unreadable"`   // records of other topics that could not be decoded
	Recut       int64 `json:"recut"`        // without partials: how often the counts had other windows than were assumed

	StuckAt  map[Stage]int64 `json:"stuck_at"`
	Hops     []Hop           `json:"hops"` // of the reactions that are done, in the order of the way
	EndToEnd Hop             `json:"end_to_end"`

	Shown []Journey `json:"-"` // a few reactions, done or on the way
}

// Hop is how long reactions took to a stage from the one before it, in ms. Mean is over
// all reactions that are done, and one that lacks the hop counts as 0. So the means of
// all hops add up to the mean from end to end, which percentiles never do.
type Hop struct {
	To       Stage   `json:"to"`
	N        int64   `json:"n"` // how many of the reactions that are done have this hop
	Mean     float64 `json:"mean_ms"`
	P50      float64 `json:"p50_ms"`
	P99      float64 `json:"p99_ms"`
	Max      float64 `json:"max_ms"`
	Negative int64   `json:"negative"` // how many times were below zero, because clocks differ
}

func (t *hopTimes) hop(to Stage, of int64) Hop {
	h := Hop{To: to, N: t.n, Negative: t.negative}
	if t.n > 0 {
		h.Mean = float64(t.sum) / float64(of) / 1000
		h.P50, h.P99, h.Max = t.quantile(50), t.quantile(99), float64(t.max)/1000
	}
	return h
}

// quantile returns a percentile in ms. The histogram returns the upper end of a range
// of values, which may be above the greatest time; then that is returned.
func (t *hopTimes) quantile(percent float64) float64 {
	return float64(min(t.hdr.ValueAtQuantile(percent), max(t.max, 0))) / 1000
}

// Report returns what is known so far.
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

// Finished returns the reactions that were done or stuck since its last call.
func (t *Tracer) Finished() []Journey {
	out := t.finished
	t.finished = nil
	return out
}

// A few reactions are shown from their beginning to shownAfter their end. A new one is
// chosen every shownApart at the most. Both are in µs.
const (
	shownAtOnce = 6
	shownApart  = int64(300 * time.Millisecond / time.Microsecond)
	shownAfter  = int64(2 * time.Second / time.Microsecond)
)

// show chooses a reaction to be shown, if there is room and the last one was not chosen
// too recently.
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
