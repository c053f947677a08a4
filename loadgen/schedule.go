package loadgen

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Stage is a part of a schedule with one constant rate. What is measured in a stage
// thus belongs to one rate.
type Stage struct {
	For  time.Duration
	Rate float64 // a second; 0: nothing is due
}

// Schedule says when each event of a run is due, counted from its start. It is
// absolute: an event that is late delays no other. The number of events due by a moment
// is the integral of the rate until then, rounded once. So the schedule drifts by less
// than one event in the whole run.
type Schedule struct {
	stages []placedStage
	length time.Duration

	interval time.Duration // between bursts; 0: there are none
	burst    int64
}

// placedStage is a stage together with what precedes it.
type placedStage struct {
	Stage
	start time.Duration
	first float64 // how many events are due before the stage, not rounded
}

// ConstantRate returns a schedule with one rate.
func ConstantRate(rate float64, length time.Duration) Schedule {
	return Staged([]Stage{{For: length, Rate: rate}})
}

// Staged returns a schedule of stages, one after the other.
func Staged(stages []Stage) Schedule {
	var s Schedule
	due := 0.0
	for _, st := range stages {
		s.stages = append(s.stages, placedStage{Stage: st, start: s.length, first: due})
		s.length += st.For
		due += st.Rate * st.For.Seconds()
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
	if s.interval > 0 {
		at = time.Duration(n/s.burst) * s.interval
		return at, at < s.length
	}
	for _, st := range s.stages {
		last := st.first + st.Rate*st.For.Seconds()
		if float64(n) < last-tolerance {
			ahead := max(0, float64(n)-st.first)
			return st.start + time.Duration(ahead/st.Rate*float64(time.Second)), true
		}
	}
	return 0, false
}

// Total returns the number of events.
func (s Schedule) Total() int64 { return s.By(s.length) }

// By returns how many events are due before a moment.
func (s Schedule) By(at time.Duration) int64 {
	at = min(at, s.length)
	if at <= 0 {
		return 0
	}
	if s.interval > 0 {
		return s.burst * int64((at-1)/s.interval+1)
	}
	due := 0.0
	for _, st := range s.stages {
		if at > st.start {
			due = st.first + st.Rate*min(at-st.start, st.For).Seconds()
		}
	}
	return int64(math.Ceil(due - tolerance))
}

// Length returns the time from the start of the schedule to its end.
func (s Schedule) Length() time.Duration { return s.length }

// At returns the stage at a moment, counted from 0, and its rate. For bursts the rate
// is the mean.
func (s Schedule) At(at time.Duration) (stage int, rate float64) {
	if at < 0 || at >= s.length {
		return max(0, len(s.stages)-1), 0
	}
	if s.interval > 0 {
		return 0, float64(s.burst) / s.interval.Seconds()
	}
	for i, st := range s.stages {
		if at >= st.start {
			stage, rate = i, st.Rate
		}
	}
	return stage, rate
}

// ParseStages parses stages like "10s:100,30s:5000,10s:0": durations, and rates a
// second.
func ParseStages(text string) ([]Stage, error) {
	var stages []Stage
	for part := range strings.SplitSeq(text, ",") {
		d, rate, err := parsePair(part)
		if err != nil {
			return nil, fmt.Errorf("stage %.40q: %w: write DURATION:RATE,... as in 10s:100,30s:5000,10s:0", part, err)
		}
		stages = append(stages, Stage{For: d, Rate: rate})
	}
	return stages, nil
}

// ParseBurst parses bursts like "500ms:2000": every 500 ms, 2000 at once.
func ParseBurst(text string) (every time.Duration, n int64, err error) {
	every, size, err := parsePair(text)
	if err == nil && (size < 1 || size != math.Trunc(size)) {
		err = fmt.Errorf("%v at once, want a whole number of at least 1", size)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("burst %.40q: %w: write INTERVAL:COUNT as in 500ms:2000", text, err)
	}
	return every, int64(size), nil
}

// maxRate is the greatest rate. It keeps counts exact as float64.
const maxRate = 1e7

// parsePair parses a duration and a number, with a colon between them.
func parsePair(text string) (time.Duration, float64, error) {
	length, number, found := strings.Cut(strings.TrimSpace(text), ":")
	if !found {
		return 0, 0, fmt.Errorf("it has no colon")
	}
	d, err := time.ParseDuration(length)
	if err != nil {
		return 0, 0, fmt.Errorf("%.20q is no duration", length)
	}
	if d <= 0 || d > 1000*time.Hour {
		return 0, 0, fmt.Errorf("a duration of %v", d)
	}
	n, err := strconv.ParseFloat(number, 64)
	if err != nil || !(n >= 0 && n <= maxRate) {
		return 0, 0, fmt.Errorf("%.20q is no number from 0 to %d", number, int(maxRate))
	}
	return d, n, nil
}
