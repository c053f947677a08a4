package aggregator_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/emostream/emostream/aggregator"
)

func scale(t *testing.T, rule string) aggregator.Scale {
	t.Helper()
	if rule == "" {
		return aggregator.Scale{}
	}
	s, err := aggregator.ParseScale(rule)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestScale(t *testing.T) {
	for rule, want := range map[string]map[int64]float64{
		"":                     {-5: 0, 0: 0, 1: 1, 9: 1, 10: 1, 11: 1.1, 25: 2.5, 1000: 100, math.MaxInt64: math.MaxInt64 / 10.},
		"linear:10:10":         {-5: 0, 0: 0, 1: 1, 9: 1, 10: 1, 11: 1.1, 25: 2.5, 1000: 100, math.MaxInt64: math.MaxInt64 / 10.},
		"linear:10:10,cap=2":   {0: 0, 1: 1, 19: 1.9, 20: 2, 21: 2, math.MaxInt64: 2},
		"linear:10:10,cap=1.5": {9: 1, 14: 1.4, 15: 1.5, 16: 1.5},
		"linear:5:100":         {4: 1, 5: 1, 99: 1, 100: 1, 101: 1.01},
		"linear:3:0.5":         {0: 0, 2: 1, 3: 6, 4: 8},
		"linear:1:1e-320":      {0: 0, 1: math.MaxFloat64, 2: math.MaxFloat64},
		"log:10":               {0: 0, 1: 1, 10: 2, 100: 3},
		"log:2":                {1: 1, 2: 2, 1024: 11},
		"log:2,cap=4":          {1: 1, 8: 4, 9: 4, 1024: 4},
	} {
		s := scale(t, rule)
		for count, want := range want {
			if got := s.Of(count); math.Abs(got-want) > 1e-9*want {
				t.Errorf("scale %q of %d = %v, want %v", rule, count, got, want)
			}
		}
	}
}

func TestParseScaleRefuses(t *testing.T) {
	for rule, why := range map[string]string{
		"":                      "no such rule",
		"linear":                "no such rule",
		"linear:10":             "no such rule",
		"linear:10:10:10":       "no such rule",
		"Linear:10:10":          "no such rule",
		"sqrt:2":                "no such rule",
		"log":                   "no such rule",
		"log:10:10":             "no such rule",
		"log:1":                 "the base must be above 1",
		"log:0.5":               "the base must be above 1",
		"linear:0:10":           `"0" is not a number above 0`,
		"linear:10:-1":          `"-1" is not a number above 0`,
		"linear:10:NaN":         `"NaN" is not a number above 0`,
		"linear:10:Inf":         `"Inf" is not a number above 0`,
		"linear:10:":            `"" is not a number above 0`,
		"linear:10:ten":         `"ten" is not a number above 0`,
		"linear:10:10,cap=":     "cap must be a number from 1 on",
		"linear:10:10,cap=0.9":  "cap must be a number from 1 on",
		"linear:10:10,cap=NaN":  "cap must be a number from 1 on",
		"log:10,cap=Inf":        "cap must be a number from 1 on",
		"log:10,cap=5,cap=6":    "cap must be a number from 1 on",
		"log:10,limit=5":        `"10,limit=5" is not a number above 0`,
		strings.Repeat("x", 99): "no such rule",
	} {
		_, err := aggregator.ParseScale(rule)
		if err == nil || !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), "want linear:T:D or log:B, as in linear:10:10, and ,cap=N after it") {
			t.Errorf("ParseScale(%q) = %v, want %q and what is allowed", rule, err, why)
		} else if len(err.Error()) > 250 {
			t.Errorf("ParseScale(%q) repeats all of it", rule)
		}
	}
}

// With every rule the scaled count never falls when the count grows, is at least 1 for
// counts from 1 on, and can be written as JSON.
func TestScaleOnlyGrows(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	rules := []string{"", "linear:10:10", "linear:10:1e6", "linear:1000:1", "linear:0.1:0.3", "linear:1e300:1e-320", "log:10", "log:1.0000001", "log:1e9", "linear:10:10,cap=3", "log:2,cap=1"}
	for _, rule := range rules {
		s := scale(t, rule)
		for range 2000 {
			less := rng.Int64N(1 << rng.IntN(62))
			more := less + rng.Int64N(1<<rng.IntN(62))
			a, b := s.Of(less), s.Of(more)
			if a > b || less > 0 && a < 1 || math.IsNaN(b) || math.IsInf(b, 0) {
				t.Fatalf("scale %q of %d is %v and of %d is %v", rule, less, a, more, b)
			}
		}
	}
}
