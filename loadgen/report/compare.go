package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// CompareSchema is the version of a comparison as JSON.
const CompareSchema = "emostream-bench-compare/1"

// Comparison says what changed between the runs before a change (base) and those after
// it (new), and which changes are more than noise.
//
// With two or more runs on both sides, the noise of a side is the range of its values.
// A figure has changed if the two ranges lie apart by a minimum distance, which is
// greater the fewer runs there are. The ranges of unchanged figures lie apart by chance
// in a third of all cases with two runs a side, and in a tenth with three, so a rank
// test could never be significant. With the distances of rangesApart, fewer than one
// unchanged figure in twenty looks changed, with any number of runs. Less than 0.1 ms, or
// one count, is no change, however far apart the ranges lie.
//
// With one run a side, the noise between runs is not known. A figure has changed if the
// confidence intervals of its quantile lie apart (99 %, Wilson's, by order statistics
// of the histogram), and if it has changed by more than runs of the same load usually
// differ. All reactions of one second count as one value, since what delays one of them
// delays all. So one short run a side shows only large changes.
//
// The counts of lost and doubled reactions have no noise. The rate that was reached is
// judged only if both sides were asked for the same rate.
type Comparison struct {
	Schema      string       `json:"schema"`
	BaseRuns    int          `json:"base_runs"`
	NewRuns     int          `json:"new_runs"`
	Comparable  bool         `json:"comparable"` // the same load, in the same environment, by valid runs
	Differences []Difference `json:"differences"`
	Warnings    []string     `json:"warnings"` // about runs that are invalid or interrupted, or had nothing accepted
	Changes     []Change     `json:"changes"`
	FailOn      *float64     `json:"fail_on"`     // percent; null: nothing fails
	Regressions []string     `json:"regressions"` // names of figures that got worse by more than FailOn, or are not measured any more
}

// Difference is an option, or a property of the environment, that is not the same in
// all runs. Runs with a difference that matters cannot be compared.
type Difference struct {
	Name    string `json:"name"`
	Base    string `json:"base"`
	New     string `json:"new"`
	Matters bool   `json:"matters"`
}

// Verdict says how a figure has changed.
type Verdict string

// The verdicts.
const (
	Same    Verdict = "same" // no change, or none beyond the noise
	Better  Verdict = "better"
	Worse   Verdict = "worse"
	Context Verdict = "context" // not judged: it does not depend on the target alone
	Unknown Verdict = "unknown" // a run of one side does not report it
)

// Change is one figure on both sides. Base and New are the medians of the runs.
type Change struct {
	Name      string      `json:"name"`
	Unit      string      `json:"unit"` // ms, µs, B, /s, % or none
	Base      *float64    `json:"base"`
	New       *float64    `json:"new"`
	Percent   *float64    `json:"percent"` // percent of base; null if base is 0 and new is not
	BaseNoise *[2]float64 `json:"base_noise"`
	NewNoise  *[2]float64 `json:"new_noise"`
	Verdict   Verdict     `json:"verdict"`
}

// Compare compares the runs of two sides, at least one each. A figure is a regression
// if it got worse by more than failOn percent and more than noise, or if the base has it
// and the new runs have not: what was not measured may be as bad as can be. If failOn is
// nil, there are no regressions.
func Compare(base, after []Report, failOn *float64) (Comparison, error) {
	if len(base) == 0 || len(after) == 0 {
		return Comparison{}, fmt.Errorf("compare: %d runs with %d: each side needs one", len(base), len(after))
	}
	c := Comparison{
		Schema: CompareSchema, BaseRuns: len(base), NewRuns: len(after), FailOn: failOn,
		Differences: differences(base, after), Warnings: warnings(base, after), Regressions: []string{},
	}
	c.Comparable = len(c.Warnings) == 0 && !slices.ContainsFunc(c.Differences, func(d Difference) bool { return d.Matters })
	for _, f := range comparedMetrics() {
		change, err := f.compare(base, after)
		if err != nil {
			return Comparison{}, fmt.Errorf("compare: %s: %w", f.name, err)
		}
		if change.Base == nil && change.New == nil {
			continue
		}
		if f.name == rateMetric && c.asked() && change.Verdict != Unknown {
			change.Verdict = Context // the rate that was reached depends on the rate that was asked for
		}
		c.Changes = append(c.Changes, change)
		worse := change.Verdict == Worse && (change.Percent == nil || failOn != nil && math.Abs(*change.Percent) > *failOn)
		missing := f.better != 0 && change.Base != nil && change.New == nil
		if failOn != nil && (worse || missing) {
			c.Regressions = append(c.Regressions, change.Name)
		}
	}
	return c, nil
}

// asked returns whether the two sides were asked for different rates.
func (c Comparison) asked() bool {
	return slices.ContainsFunc(c.Differences, func(d Difference) bool {
		return slices.Contains([]string{rateMetric, "stages", "burst"}, d.Name)
	})
}

// Incomparable returns why the runs cannot be compared, or "" if they can.
func (c Comparison) Incomparable() string {
	why := slices.Clone(c.Warnings)
	for _, d := range c.Differences {
		if d.Matters {
			why = append(why, fmt.Sprintf("%s %s against %s", d.Name, d.Base, d.New))
		}
	}
	return strings.Join(why, "; ")
}

func (f comparedMetric) compare(base, after []Report) (Change, error) {
	several := len(base) > 1 && len(after) > 1
	a, err := f.side(base, several)
	if err != nil {
		return Change{}, err
	}
	b, err := f.side(after, several)
	if err != nil {
		return Change{}, err
	}
	c := Change{Name: f.name, Unit: f.unitName(), Base: a.value, New: b.value, BaseNoise: a.noise, NewNoise: b.noise, Verdict: Unknown}
	if a.value == nil || b.value == nil {
		return c, nil
	}
	if *a.value != 0 {
		c.Percent = new(100 * (*b.value - *a.value) / math.Abs(*a.value))
	} else if *b.value == 0 {
		c.Percent = new(0.0)
	}
	c.Verdict = f.withCounts(base, after).judge(c, len(base), len(after))
	return c, nil
}

// withCounts raises the floors to what one count changes in a run.
func (f comparedMetric) withCounts(base, after []Report) comparedMetric {
	if f.one == nil {
		return f
	}
	for _, side := range [][]Report{base, after} {
		for _, r := range side {
			// What follows from a division may differ from it by rounding.
			one := f.one(r) * (1 + 1e-9)
			f.floor, f.leastChange = max(f.floor, one), max(f.leastChange, one)
		}
	}
	return f
}

func (f comparedMetric) unitName() string {
	switch {
	case f.unit == millis:
		return "ms"
	case f.unit == percent:
		return "%"
	case f.unit == micros:
		return "µs"
	case f.unit == octets:
		return "B"
	case f.name == rateMetric:
		return "/s"
	}
	return ""
}

// sideValue is the value of a metric on one side, from all its runs.
type sideValue struct {
	value *float64    // median
	noise *[2]float64 // the range of the runs, or of their confidence intervals
}

func (f comparedMetric) side(runs []Report, several bool) (sideValue, error) {
	var values []float64
	var noise *[2]float64
	for _, r := range runs {
		v := f.value(r)
		if v == nil {
			continue
		}
		values = append(values, *v)
		interval := &[2]float64{*v, *v}
		if !several && f.noise != nil {
			own, err := f.noise(r)
			if err != nil {
				return sideValue{}, err
			}
			if own != nil {
				interval = own
			}
		}
		noise = hull(noise, interval)
	}
	if len(values) < len(runs) || len(values) == 0 { // a median of only some runs would mislead
		return sideValue{}, nil
	}
	if f.exact {
		return sideValue{new(slices.Max(values)), noise}, nil
	}
	return sideValue{new(median(values)), noise}, nil
}

// hull returns the smallest interval that contains a, which may be nil, and b.
func hull(a, b *[2]float64) *[2]float64 {
	if a == nil {
		return b
	}
	return &[2]float64{math.Min(a[0], b[0]), math.Max(a[1], b[1])}
}

func median(values []float64) float64 {
	s := slices.SortedFunc(slices.Values(values), cmp.Compare[float64])
	if n := len(s); n%2 == 0 {
		return (s[n/2-1] + s[n/2]) / 2
	}
	return s[len(s)/2]
}
