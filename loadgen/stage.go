package loadgen

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Stage is a part of a schedule. Its rate is constant, or a ramp: it changes evenly from
// the start of the stage to its end.
type Stage struct {
	For      time.Duration
	From, To float64 // the rate a second at the start and at the end; 0: nothing is due
}

// by returns how many events are due within d after the start of the stage, not rounded.
// It is the integral of the rate.
func (s Stage) by(d time.Duration) float64 {
	x := d.Seconds()
	return x * (s.From + (s.To-s.From)*(x/s.For.Seconds())/2)
}

// at returns after what time n events were due, counted from the start of the stage. It
// is the inverse of by, and always before the end of the stage.
func (s Stage) at(n float64) time.Duration {
	length := s.For.Seconds()
	var x float64
	switch {
	case s.From == s.To:
		x = n / s.From
	case s.From < s.To:
		x = rampTime(s.From, (s.To-s.From)/length, n)
	default:
		// Counted from the end, where the rate is least. Counted from the start, the
		// root would be of a small difference between large numbers.
		x = length - rampTime(s.To, (s.From-s.To)/length, s.by(s.For)-n)
	}
	return min(time.Duration(min(x, length)*float64(time.Second)), s.For-1)
}

// rampTime returns how long a rate takes to make n events if it begins with from and
// grows by growth a second. The usual form of the solution subtracts from from the root;
// this one subtracts nothing.
func rampTime(from, growth, n float64) float64 {
	if n <= 0 {
		return 0
	}
	return 2 * n / (from + math.Sqrt(from*from+2*growth*n))
}

// rate returns the rate at a moment after the start of the stage.
func (s Stage) rate(d time.Duration) float64 {
	return s.From + (s.To-s.From)*(d.Seconds()/s.For.Seconds())
}

// ParseStages parses stages like "10s:100..5000,30s:5000,10s:0": durations, and rates a
// second or ramps between two.
func ParseStages(text string) ([]Stage, error) {
	var stages []Stage
	for part := range strings.SplitSeq(text, ",") {
		st, err := parseStage(part)
		if err != nil {
			return nil, fmt.Errorf("stage %.40q: %w: write DURATION:RATE or DURATION:FROM..TO as in 10s:100..5000,30s:5000,10s:0", part, err)
		}
		stages = append(stages, st)
	}
	return stages, nil
}

func parseStage(text string) (Stage, error) {
	length, rates, err := parseLength(text)
	if err != nil {
		return Stage{}, err
	}
	from, to, ramp := strings.Cut(rates, "..")
	st := Stage{For: length}
	if st.From, err = parseRate(from); err != nil {
		return Stage{}, err
	}
	st.To = st.From
	if ramp {
		if st.To, err = parseRate(to); err != nil {
			return Stage{}, err
		}
	}
	return st, nil
}

// ParseBurst parses bursts like "500ms:2000": every 500 ms, 2000 at once.
func ParseBurst(text string) (every time.Duration, n int64, err error) {
	every, number, err := parseLength(text)
	size := 0.0
	if err == nil {
		size, err = parseRate(number)
	}
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

// maxLength is how long a stage, the time between bursts, or what is sent as it was
// recorded may last.
const maxLength = 1000 * time.Hour

// parseLength parses a duration with a colon behind it, and returns what follows, too.
func parseLength(text string) (d time.Duration, rest string, err error) {
	length, rest, found := strings.Cut(strings.TrimSpace(text), ":")
	if !found {
		return 0, "", fmt.Errorf("it has no colon")
	}
	if d, err = time.ParseDuration(length); err != nil {
		return 0, "", fmt.Errorf("%.20q is no duration", length)
	}
	if d <= 0 || d > maxLength {
		return 0, "", fmt.Errorf("a duration of %v", d)
	}
	return d, rest, nil
}

// parseRate parses a number that begins with a digit, so that 1...5 is not read as a
// ramp from 1 to .5.
func parseRate(text string) (float64, error) {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || !(n >= 0 && n <= maxRate) || strings.HasPrefix(text, ".") {
		return 0, fmt.Errorf("%.20q is no number from 0 to %d", text, int(maxRate))
	}
	return n, nil
}
