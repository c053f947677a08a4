package loadgen

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Stage is a part of a schedule: a rate that is held for a time, from its first
// moment to its last. It does not ramp: what is measured in a stage belongs to
// one rate.
type Stage struct {
	For  time.Duration
	Rate float64 // a second; 0: silence
}

// Schedule says when each event of a run is due, counted from its start. It is
// absolute: that one event is late moves no other, and what is due by any moment
// is the integral of the rate up to there, rounded once. So it drifts by less than
// one event in the whole run, over all stages.
type Schedule struct {
	stages []span
	length time.Duration

	every time.Duration // of bursts; 0: there are none
	burst int64
}

// span is a stage in its place.
type span struct {
	Stage
	start time.Duration
	first float64 // events due before it, not rounded
}

// Steady is a schedule of one rate.
func Steady(rate float64, length time.Duration) Schedule {
	return Staged([]Stage{{For: length, Rate: rate}})
}

// Staged is a schedule of one stage after the other.
func Staged(stages []Stage) Schedule {
	var s Schedule
	due := 0.0
	for _, st := range stages {
		s.stages = append(s.stages, span{Stage: st, start: s.length, first: due})
		s.length += st.For
		due += st.Rate * st.For.Seconds()
	}
	return s
}

// Bursts is a schedule of n events at once, every so often, the first at the
// start.
func Bursts(every time.Duration, n int64, length time.Duration) Schedule {
	return Schedule{every: every, burst: n, length: length}
}

// fuzz is less than any difference between two events that matters and more than
// what adding rates up gets wrong.
const fuzz = 1e-6

// Due is when event n, counted from 0, is due; ok is false when there is none.
func (s Schedule) Due(n int64) (at time.Duration, ok bool) {
	if s.every > 0 {
		at = time.Duration(n/s.burst) * s.every
		return at, at < s.length
	}
	for _, st := range s.stages {
		last := st.first + st.Rate*st.For.Seconds()
		if float64(n) < last-fuzz {
			ahead := max(0, float64(n)-st.first)
			return st.start + time.Duration(ahead/st.Rate*float64(time.Second)), true
		}
	}
	return 0, false
}

// Total is how many events there are.
func (s Schedule) Total() int64 { return s.By(s.length) }

// By is how many events are due before a moment.
func (s Schedule) By(at time.Duration) int64 {
	at = min(at, s.length)
	if at <= 0 {
		return 0
	}
	if s.every > 0 {
		return s.burst * int64((at-1)/s.every+1)
	}
	due := 0.0
	for _, st := range s.stages {
		if at > st.start {
			due = st.first + st.Rate*min(at-st.start, st.For).Seconds()
		}
	}
	return int64(math.Ceil(due - fuzz))
}

// Length is how long it takes.
func (s Schedule) Length() time.Duration { return s.length }

// At is the stage of a moment, from 0, and its rate; that of bursts is their mean.
func (s Schedule) At(at time.Duration) (stage int, rate float64) {
	if at < 0 || at >= s.length {
		return max(0, len(s.stages)-1), 0
	}
	if s.every > 0 {
		return 0, float64(s.burst) / s.every.Seconds()
	}
	for i, st := range s.stages {
		if at >= st.start {
			stage, rate = i, st.Rate
		}
	}
	return stage, rate
}

// ParseStages reads stages like "10s:100,30s:5000,10s:0".
func ParseStages(text string) ([]Stage, error) {
	var stages []Stage
	for part := range strings.SplitSeq(text, ",") {
		d, rate, err := pair(part)
		if err != nil {
			return nil, fmt.Errorf("stage %.40q: %w: write DURATION:RATE,... as in 10s:100,30s:5000,10s:0", part, err)
		}
		stages = append(stages, Stage{For: d, Rate: rate})
	}
	return stages, nil
}

// ParseBurst reads bursts like "500ms:2000": every 500 ms, 2000 at once.
func ParseBurst(text string) (every time.Duration, n int64, err error) {
	every, size, err := pair(text)
	if err == nil && (size < 1 || size != math.Trunc(size)) {
		err = fmt.Errorf("%v at once, want a whole number of at least 1", size)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("burst %.40q: %w: write INTERVAL:COUNT as in 500ms:2000", text, err)
	}
	return every, int64(size), nil
}

// mostRate bounds a rate, and what can be added up without rounding.
const mostRate = 1e7

func pair(text string) (time.Duration, float64, error) {
	span, number, found := strings.Cut(strings.TrimSpace(text), ":")
	if !found {
		return 0, 0, fmt.Errorf("it has no colon")
	}
	d, err := time.ParseDuration(span)
	if err != nil {
		return 0, 0, fmt.Errorf("%.20q is no duration", span)
	}
	if d <= 0 || d > 1000*time.Hour {
		return 0, 0, fmt.Errorf("a duration of %v", d)
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !(n >= 0 && n <= mostRate) {
		return 0, 0, fmt.Errorf("%.20q is no number from 0 to %d", number, int(mostRate))
	}
	return d, n, nil
}
