package aggregator

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Scale turns a count into its scaled count: how many emojis to show for it. The zero
// value is the default rule, linear:10:10. The scaled count is at least 1 for counts
// from 1 on, and it never falls when the count grows.
type Scale struct {
	log       bool
	threshold float64 // linear: for counts below it the scaled count is 1
	divisor   float64 // linear: from the threshold on the scaled count is count/divisor
	base      float64 // log: the scaled count is 1 + log(count)/log(base)
	limit     float64 // greatest scaled count; 0: no limit
}

// ParseScale parses a rule:
//
//	linear:T:D  1 below T, else count/D (at least 1)
//	log:B       1 + the logarithm of the count to base B
//
// Both may end in ",cap=N", where N is the greatest scaled count.
func ParseScale(s string) (Scale, error) {
	bad := func(why string) (Scale, error) {
		return Scale{}, fmt.Errorf("scale %.60q: %s; want linear:T:D or log:B, as in linear:10:10, and ,cap=N after it if you like", s, why)
	}
	var out Scale
	rule, limit, capped := strings.Cut(s, ",cap=")
	if capped {
		n, err := strconv.ParseFloat(limit, 64)
		if err != nil || !(n >= 1) || math.IsInf(n, 0) {
			return bad("cap must be a number from 1 on")
		}
		out.limit = n
	}
	parts := strings.Split(rule, ":")
	var args []float64
	for _, p := range parts[1:] {
		n, err := strconv.ParseFloat(p, 64)
		if err != nil || !(n > 0) || math.IsInf(n, 0) {
			return bad(fmt.Sprintf("%q is not a number above 0", p))
		}
		args = append(args, n)
	}
	switch {
	case parts[0] == "linear" && len(args) == 2:
		out.threshold, out.divisor = args[0], args[1]
	case parts[0] == "log" && len(args) == 1 && args[0] > 1:
		out.log, out.base = true, args[0]
	case parts[0] == "log" && len(args) == 1:
		return bad("the base must be above 1")
	default:
		return bad("no such rule")
	}
	return out, nil
}

// Of returns the scaled count of a count; 0 for counts below 1.
func (s Scale) Of(count int64) float64 {
	if s.divisor == 0 && !s.log {
		s.threshold, s.divisor = 10, 10
	}
	n := float64(count)
	out := 1.0
	switch {
	case count < 1:
		return 0
	case s.log:
		out = 1 + math.Log(n)/math.Log(s.base)
	case n >= s.threshold:
		out = max(1, min(n/s.divisor, math.MaxFloat64)) // JSON has no infinity
	}
	if s.limit > 0 {
		out = min(out, s.limit)
	}
	return out
}
