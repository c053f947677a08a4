package loadgen_test

import (
	"math"
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
		"stages":                      {staged("1s:2,1s:4"), []time.Duration{0, 500 * ms, 1000 * ms, 1250 * ms, 1500 * ms, 1750 * ms}},
		"a silence between":           {staged("1s:1,1s:0,1s:2"), []time.Duration{0, 2000 * ms, 2500 * ms}},
		"a stage that owes a half":    {staged("1500ms:1,1s:2"), []time.Duration{0, 1000 * ms, 1750 * ms, 2250 * ms}},
		"a ramp up":                   {staged("4s:0..2"), []time.Duration{0, 2000 * ms, 2828427124, 3464101615}},
		"a ramp down":                 {staged("4s:2..0"), []time.Duration{0, 535898384, 1171572875, 2000 * ms}},
		"a ramp that changes little":  {staged("2s:1..3"), []time.Duration{0, 732050807, 1236067977, 1645751311}},
		"a ramp between rates":        {staged("1s:1,4s:0..1,1s:2"), []time.Duration{0, 1000 * ms, 3828427124, 5000 * ms, 5500 * ms}},
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
	s := staged("1s:2,1s:4,2s:10..20")
	for at, want := range map[time.Duration][2]float64{
		0: {0, 2}, 999 * ms: {0, 2}, 1000 * ms: {1, 4}, 1999 * ms: {1, 4}, 2000 * ms: {2, 10}, 3000 * ms: {2, 15}, 3500 * ms: {2, 17.5}, 4000 * ms: {2, 0},
	} {
		if stage, rate := s.At(at); float64(stage) != want[0] || rate != want[1] {
			t.Errorf("at %v: stage %d, %v a second; want %v", at, stage, rate, want)
		}
	}
	if _, rate := loadgen.Bursts(500*ms, 2000, time.Second).At(0); rate != 4000 {
		t.Errorf("bursts: %v a second, want 4000", rate)
	}
}

func TestMeanRate(t *testing.T) {
	for name, tt := range map[string]struct {
		schedule loadgen.Schedule
		from, to time.Duration
		want     float64
	}{
		"a constant rate":        {loadgen.ConstantRate(0.1, 3*time.Second), 0, time.Second, 0.1},
		"a second and its end":   {loadgen.ConstantRate(100, 2500*ms), 2 * time.Second, 3 * time.Second, 50},
		"after the end":          {loadgen.ConstantRate(100, time.Second), time.Second, 2 * time.Second, 0},
		"no time":                {loadgen.ConstantRate(100, time.Second), ms, ms, 0},
		"two stages in a second": {staged("500ms:10,1s:30"), 0, time.Second, 20},
		"a ramp":                 {staged("10s:100..5100"), time.Second, 2 * time.Second, 850},
		"a ramp and what is not": {staged("1s:0..10"), 0, 2 * time.Second, 2.5},
		"bursts":                 {loadgen.Bursts(500*ms, 2000, 1500*ms), time.Second, 2 * time.Second, 2000},
	} {
		if got := tt.schedule.MeanRate(tt.from, tt.to); got != tt.want {
			t.Errorf("%s: %v a second, want %v", name, got, tt.want)
		}
	}
}
