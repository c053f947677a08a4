package loadgen_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/loadgen"
)

// staged returns the schedule of stages that must be valid.
func staged(text string) loadgen.Schedule {
	stages, err := loadgen.ParseStages(text)
	if err != nil {
		panic(err)
	}
	return loadgen.Staged(stages)
}

// integral returns how many events stages make until a moment, by slow and exact
// arithmetic.
func integral(stages []loadgen.Stage, at time.Duration) *big.Float {
	number := func(v float64) *big.Float { return new(big.Float).SetPrec(400).SetFloat64(v) }
	seconds := func(d time.Duration) *big.Float {
		return new(big.Float).SetPrec(400).Quo(number(float64(d)), number(1e9))
	}
	sum := number(0)
	for _, st := range stages {
		x := seconds(min(max(at, 0), st.For))
		at -= st.For
		steep := new(big.Float).Sub(number(st.To), number(st.From))
		steep.Quo(steep, seconds(2*st.For))
		sum.Add(sum, steep.Mul(steep, x).Add(steep, number(st.From)).Mul(steep, x))
	}
	return sum
}

// randomStages returns some constant rates, ramps and pauses.
func randomStages(rng *rand.Rand) []loadgen.Stage {
	rate := func() float64 { return float64(rng.IntN(3)) * math.Exp(rng.Float64()*6) }
	var stages []loadgen.Stage
	for range 1 + rng.IntN(5) {
		st := loadgen.Stage{For: time.Duration(1 + rng.Int64N(int64(3*time.Second))), From: rate()}
		switch rng.IntN(4) {
		case 0:
			st.To = st.From
		case 1:
			st.To = st.From * (1 + 1e-12) // the least ramp
		default:
			st.To = rate()
		}
		stages = append(stages, st)
	}
	return stages
}

// For any stages, due times are in order, and each is where the integral of the rate is
// the event's number. By counts exactly the events that are due before a moment. Total is
// the integral, rounded once.
func TestScheduleIsTheIntegral(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	const slack = 2e-6 // events
	for range 60 {
		stages := randomStages(rng)
		s := loadgen.Staged(stages)
		last := time.Duration(0)
		n := int64(0)
		for ; ; n++ {
			at, ok := s.Due(n)
			if !ok {
				break
			}
			if at < last || at >= s.Length() {
				t.Fatalf("%v: %d is due at %v, after one at %v of %v", stages, n, at, last, s.Length())
			}
			before, _ := integral(stages, at).Float64()
			after, _ := integral(stages, at+1).Float64()
			if before > float64(n)+slack || after < float64(n)-slack {
				t.Fatalf("%v: %d is due at %v, when %v to %v are", stages, n, at, before, after)
			}
			if at > last && s.By(at) != n || s.By(at+1) < n+1 {
				t.Fatalf("%v: %d is due at %v, %d before it and %d with it", stages, n, at, s.By(at), s.By(at+1))
			}
			last = at
		}
		total, _ := integral(stages, s.Length()).Float64()
		if off := float64(n) - total; n != s.Total() || off < -slack || off >= 1 {
			t.Fatalf("%v: %d are due, Total says %d, the integral %v", stages, n, s.Total(), total)
		}
	}
}

// By is the number of due times before a moment, at any moment.
func TestByCountsWhatIsDue(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 40 {
		stages := randomStages(rng)
		s := loadgen.Staged(stages)
		for range 20 {
			at := time.Duration(rng.Int64N(int64(s.Length()) + 2))
			n := int64(0)
			for due, ok := s.Due(0); ok && due < at; due, ok = s.Due(n) {
				n++
			}
			if by := s.By(at); by != n {
				t.Fatalf("%v: %d are due before %v, By says %d", stages, n, at, by)
			}
		}
	}
}

// A long ramp is exact at both of its ends.
func TestLongRamps(t *testing.T) {
	const day = 24 * time.Hour
	for name, st := range map[string]loadgen.Stage{
		"from 0": {For: day, To: 5000}, "to 0": {For: day, From: 5000}, "almost constant": {For: day, From: 5000, To: 5000.0001}, "the other way": {For: day, From: 5000.0001, To: 5000},
	} {
		stages := []loadgen.Stage{st}
		s := loadgen.Staged(stages)
		total := s.Total()
		for _, n := range []int64{0, 1, 2, 1000, total / 2, total - 1000, total - 2, total - 1} {
			at, ok := s.Due(n)
			before, _ := integral(stages, at).Float64()
			after, _ := integral(stages, at+1).Float64()
			if !ok || before > float64(n)+1e-6 || after < float64(n)-1e-6 {
				t.Errorf("%s: %d is due at %v, %t, when %v to %v are", name, n, at, ok, before, after)
			}
		}
		if _, ok := s.Due(total); ok {
			t.Errorf("%s: there are more than %d", name, total)
		}
	}
}

// Where a ramp falls to 0, the last event is one event before the end: where the rest of
// the triangle has the area 1.
func TestTheLastEventOfARampTo0(t *testing.T) {
	const length, rate = 1000 * time.Hour, 1e7
	s := loadgen.Staged([]loadgen.Stage{{For: length, From: rate}})
	at, ok := s.Due(s.Total() - 1)
	left := time.Duration(math.Sqrt(2*length.Seconds()/rate) * float64(time.Second))
	if off := s.Length() - at - left; !ok || off.Abs() > time.Microsecond {
		t.Errorf("the last is due %v before the end, want %v", s.Length()-at, left)
	}
}

func TestParseStages(t *testing.T) {
	got, err := loadgen.ParseStages("10s:100, 1m:0.5,500ms:0,10s:100..5000,1s:2.5..0")
	want := []loadgen.Stage{{10 * time.Second, 100, 100}, {time.Minute, 0.5, 0.5}, {500 * ms, 0, 0}, {10 * time.Second, 100, 5000}, {time.Second, 2.5, 0}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for text, says := range map[string]string{
		"": "no colon", "10s": "no colon", "10s:100,": "no colon", "x:1": "no duration", "0s:1": "duration of 0s", "-1s:5": "duration of -1s",
		"1s:x": "no number", "1s:-1": "no number", "1s:1e99": "no number", "1s:NaN": "no number", "1s:": "no number", "2000h:1": "duration of",
		"1s:1..": "no number", "1s:..5": "no number", "1s:1...5": "no number", "1s:1..2..3": "no number", "1s:1..1e99": "no number",
	} {
		if got, err := loadgen.ParseStages(text); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "10s:100..5000,30s:5000,10s:0") {
			t.Errorf("%q is read as %v, %v; want %q", text, got, err, says)
		}
	}
}

func TestParseBurst(t *testing.T) {
	if every, n, err := loadgen.ParseBurst("500ms:2000"); every != 500*ms || n != 2000 || err != nil {
		t.Errorf("%v, %d, %v", every, n, err)
	}
	for _, text := range []string{"", "500ms", "500ms:0", "500ms:1.5", "0s:1", "1s:x", "1s:1..5"} {
		if every, n, err := loadgen.ParseBurst(text); err == nil || !strings.Contains(err.Error(), "500ms:2000") {
			t.Errorf("%q is read as %v, %d, %v", text, every, n, err)
		}
	}
}
