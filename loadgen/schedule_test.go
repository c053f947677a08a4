package loadgen_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/loadgen"
)

const ms = time.Millisecond

func TestSchedule(t *testing.T) {
	for name, tt := range map[string]struct {
		schedule loadgen.Schedule
		want     []time.Duration
	}{
		"a constant rate":             {loadgen.ConstantRate(4, time.Second), []time.Duration{0, 250 * ms, 500 * ms, 750 * ms}},
		"less than one":               {loadgen.ConstantRate(0.1, 15*time.Second), []time.Duration{0, 10 * time.Second}},
		"no rate":                     {loadgen.ConstantRate(0, time.Second), nil},
		"no time":                     {loadgen.ConstantRate(5, 0), nil},
		"stages":                      {loadgen.Staged([]loadgen.Stage{{For: time.Second, Rate: 2}, {For: time.Second, Rate: 4}}), []time.Duration{0, 500 * ms, 1000 * ms, 1250 * ms, 1500 * ms, 1750 * ms}},
		"a silence between":           {loadgen.Staged([]loadgen.Stage{{For: time.Second, Rate: 1}, {For: time.Second}, {For: time.Second, Rate: 2}}), []time.Duration{0, 2000 * ms, 2500 * ms}},
		"a stage that owes a half":    {loadgen.Staged([]loadgen.Stage{{For: 1500 * ms, Rate: 1}, {For: time.Second, Rate: 2}}), []time.Duration{0, 1000 * ms, 1750 * ms, 2250 * ms}},
		"bursts":                      {loadgen.Bursts(400*ms, 2, time.Second), []time.Duration{0, 0, 400 * ms, 400 * ms, 800 * ms, 800 * ms}},
		"a burst at the end is after": {loadgen.Bursts(500*ms, 1, time.Second), []time.Duration{0, 500 * ms}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []time.Duration
			for n := range int64(100) {
				at, ok := tt.schedule.Due(n)
				if !ok {
					break
				}
				got = append(got, at)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("due (-want +got):\n%s", diff)
			}
			if n := tt.schedule.Total(); n != int64(len(tt.want)) {
				t.Errorf("%d in all, want %d", n, len(tt.want))
			}
		})
	}
}

// For any stages, due times are in order and Total counts all events. The number of
// events due by a moment never differs from the integral of the rate by one or more.
func TestScheduleDoesNotDrift(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		var stages []loadgen.Stage
		for range 1 + rng.IntN(5) {
			stages = append(stages, loadgen.Stage{For: time.Duration(1 + rng.Int64N(int64(3*time.Second))), Rate: float64(rng.IntN(3)) * math.Exp(rng.Float64()*6)})
		}
		s := loadgen.Staged(stages)
		integral := func(at time.Duration) float64 {
			sum := 0.0
			for _, st := range stages {
				sum += st.Rate * min(max(at, 0), st.For).Seconds()
				at -= st.For
			}
			return sum
		}
		last := time.Duration(0)
		n := int64(0)
		for ; ; n++ {
			at, ok := s.Due(n)
			if !ok {
				break
			}
			if at < last {
				t.Fatalf("%v: %d is due at %v, after one at %v", stages, n, at, last)
			}
			if off := float64(n) - integral(at); math.Abs(off) > 0.01 {
				t.Fatalf("%v: %d is due at %v, off by %v", stages, n, at, off)
			}
			if by := s.By(at + time.Microsecond); by != n+1 && float64(by)-integral(at+time.Microsecond) >= 1 {
				t.Fatalf("%v: %d are due by %v", stages, by, at)
			}
			last = at
		}
		if off := float64(n) - integral(s.Length()); n != s.Total() || off <= -0.01 || off >= 1 {
			t.Fatalf("%v: %d are due, Total says %d, off by %v", stages, n, s.Total(), off)
		}
	}
}

// A schedule of a day at an odd rate has the right number of events and ends at the
// right time.
func TestScheduleOfADay(t *testing.T) {
	s := loadgen.ConstantRate(4999.7, 24*time.Hour)
	total := int64(math.Ceil(4999.7 * 86400))
	if s.Total() != total {
		t.Errorf("%d in all, want %d", s.Total(), total)
	}
	at, ok := s.Due(total - 1)
	if off := s.Length() - at; !ok || off <= 0 || off > time.Second/4999 {
		t.Errorf("the last is due %v before the end", off)
	}
}

func TestScheduleAt(t *testing.T) {
	s := loadgen.Staged([]loadgen.Stage{{For: time.Second, Rate: 2}, {For: time.Second, Rate: 4}})
	for at, want := range map[time.Duration][2]float64{0: {0, 2}, 999 * ms: {0, 2}, 1000 * ms: {1, 4}, 1999 * ms: {1, 4}, 2000 * ms: {1, 0}} {
		if stage, rate := s.At(at); float64(stage) != want[0] || rate != want[1] {
			t.Errorf("at %v: stage %d, %v a second; want %v", at, stage, rate, want)
		}
	}
	if _, rate := loadgen.Bursts(500*ms, 2000, time.Second).At(0); rate != 4000 {
		t.Errorf("bursts: %v a second, want 4000", rate)
	}
}

func TestParseStages(t *testing.T) {
	got, err := loadgen.ParseStages("10s:100, 1m:0.5,500ms:0")
	if diff := cmp.Diff([]loadgen.Stage{{10 * time.Second, 100}, {time.Minute, 0.5}, {500 * ms, 0}}, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for text, says := range map[string]string{
		"": "no colon", "10s": "no colon", "10s:100,": "no colon", "x:1": "no duration", "0s:1": "duration of 0s", "-1s:5": "duration of -1s",
		"1s:x": "no number", "1s:-1": "no number", "1s:1e99": "no number", "1s:NaN": "no number", "1s:": "no number", "2000h:1": "duration of",
	} {
		if got, err := loadgen.ParseStages(text); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "10s:100,30s:5000,10s:0") {
			t.Errorf("%q is read as %v, %v; want %q", text, got, err, says)
		}
	}
}

func TestParseBurst(t *testing.T) {
	if every, n, err := loadgen.ParseBurst("500ms:2000"); every != 500*ms || n != 2000 || err != nil {
		t.Errorf("%v, %d, %v", every, n, err)
	}
	for _, text := range []string{"", "500ms", "500ms:0", "500ms:1.5", "0s:1", "1s:x"} {
		if every, n, err := loadgen.ParseBurst(text); err == nil || !strings.Contains(err.Error(), "500ms:2000") {
			t.Errorf("%q is read as %v, %d, %v", text, every, n, err)
		}
	}
}
