package loadgen

import (
	"math"
	"time"
)

// Schedule says when each event of a run is due, counted from its start. It is
// absolute: an event that is late delays no other. The number of events due by a moment
// is the integral of the rate until then, rounded once. So the schedule drifts by less
// than one event in the whole run.
type Schedule struct {
	stages []placedStage
	length time.Duration

	interval time.Duration // between bursts; 0: there are none
	burst    int64

	recorded []time.Duration // when each event is due, in order; nil: it is not of a recording
}

// placedStage is a stage together with what precedes it.
type placedStage struct {
	Stage
	start       time.Duration
	first, last float64 // how many events are due before the stage and until its end, not rounded
}

// ConstantRate returns a schedule with one rate.
func ConstantRate(rate float64, length time.Duration) Schedule {
	return Staged([]Stage{{For: length, From: rate, To: rate}})
}

// Staged returns a schedule of stages, one after the other.
func Staged(stages []Stage) Schedule {
	var s Schedule
	due := 0.0
	for _, st := range stages {
		placed := placedStage{Stage: st, start: s.length, first: due, last: due}
		if st.For > 0 {
			placed.last += st.by(st.For)
		}
		s.stages = append(s.stages, placed)
		s.length += st.For
		due = placed.last
	}
	return s
}

// Bursts returns a schedule of n events at once, at the start and after each interval.
func Bursts(interval time.Duration, n int64, length time.Duration) Schedule {
	return Schedule{interval: interval, burst: n, length: length}
}

// tolerance is how many events a sum of rates may be too great by rounding. Due and By
// subtract it. It is smaller than any difference that matters.
const tolerance = 1e-6

// Due returns when event n is due. Events are numbered from 0. ok is false if there is
// no such event.
func (s Schedule) Due(n int64) (at time.Duration, ok bool) {
	if s.recorded != nil {
		if n >= int64(len(s.recorded)) {
			return 0, false
		}
		return s.recorded[n], true
	}
	if s.interval > 0 {
		at = time.Duration(n/s.burst) * s.interval
		return at, at < s.length
	}
	for _, st := range s.stages {
		if float64(n) < st.last-tolerance {
			return st.start + st.at(max(0, float64(n)-st.first)), true
		}
	}
	return 0, false
}

// Total returns the number of events.
func (s Schedule) Total() int64 { return s.By(s.length) }

// By returns how many events are due before a moment: exactly those that Due places
// there.
func (s Schedule) By(at time.Duration) int64 {
	at = min(at, s.length)
	if at <= 0 {
		return 0
	}
	if s.recorded != nil {
		return s.dueBefore(at)
	}
	if s.interval > 0 {
		return s.burst * int64((at-1)/s.interval+1)
	}
	due := 0.0
	for _, st := range s.stages {
		if at > st.start {
			due = st.first + st.by(min(at-st.start, st.For))
		}
	}
	n := int64(math.Ceil(due - tolerance))
	before := func(n int64) bool {
		d, ok := s.Due(n)
		return ok && d < at
	}
	// Where a ramp ends with 0, the tolerance is a long time.
	for n > 0 && !before(n-1) {
		n--
	}
	for before(n) {
		n++
	}
	return n
}

// Length returns the time from the start of the schedule to its end.
func (s Schedule) Length() time.Duration { return s.length }

// At returns the stage at a moment, counted from 0, and its rate then. For bursts and
// recordings the rate is the mean.
func (s Schedule) At(at time.Duration) (stage int, rate float64) {
	if at < 0 || at >= s.length {
		return max(0, len(s.stages)-1), 0
	}
	if s.recorded != nil {
		return 0, float64(len(s.recorded)) / s.length.Seconds()
	}
	if s.interval > 0 {
		return 0, float64(s.burst) / s.interval.Seconds()
	}
	for i, st := range s.stages {
		if at >= st.start {
			stage, rate = i, st.rate(at-st.start)
		}
	}
	return stage, rate
}

// MeanRate returns the mean rate between two moments. Before and after the schedule the
// rate is 0.
func (s Schedule) MeanRate(from, to time.Duration) float64 {
	part := func(start, end time.Duration) (middle time.Duration, share float64) {
		start, end = max(from, start), min(to, end)
		return start + (end-start)/2, max(0, float64(end-start)/float64(to-from))
	}
	if to <= from {
		return 0
	}
	if s.recorded != nil {
		return float64(s.dueBefore(to)-s.dueBefore(from)) / (to - from).Seconds()
	}
	if s.interval > 0 {
		_, share := part(0, s.length)
		return share * float64(s.burst) / s.interval.Seconds()
	}
	mean := 0.0
	for _, st := range s.stages {
		if middle, share := part(st.start, st.start+st.For); share > 0 {
			mean += share * st.rate(middle-st.start)
		}
	}
	return mean
}
