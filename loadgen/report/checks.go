package report

import (
	"fmt"
	"slices"
	"strings"
)

// Outcome is what became of a check.
type Outcome string

// The outcomes.
const (
	Met        Outcome = "met"
	Missed     Outcome = "missed"
	NotChecked Outcome = "not checked" // it does not count
)

// Check is one thing that decides whether a run passes: a condition that was asked for,
// or something that every run must show.
type Check struct {
	// Name is the condition as it was asked for, or in words what every run must show.
	// It holds nothing that was measured, so that it is the same in every run.
	Name    string
	Asked   bool // it was asked for
	Outcome Outcome
	Says    string // what was measured, or why nothing was
}

// Checks returns everything that decides whether a run passes, in the order of weight. A
// run passes if nothing is missed. With allowInvalid a run may be invalid.
func Checks(r Report, allowInvalid bool) []Check {
	all := []Check{checkEnd(r), checkBooks(r)}
	if len(r.Search) == 0 {
		all = append(all, checkAccepted(r), checkValid(r, allowInvalid))
	} else {
		all = append(all, checkSearch(r))
	}
	for _, t := range r.Thresholds {
		all = append(all, Check{Name: t.Condition, Asked: true, Outcome: metIf(t.Met), Says: measured(t)})
	}
	return all
}

// MergedChecks returns what Checks does, of a merged report. That a run of it was
// interrupted is told, and does not count: the merge itself came to its end.
func MergedChecks(r Report, allowInvalid bool) []Check {
	interrupted := r.Interrupted
	r.Interrupted = false
	all := Checks(r, allowInvalid)
	if interrupted {
		all[0].Outcome, all[0].Says = NotChecked, "a run of the merged ones was interrupted"
	}
	return all
}

// Misses returns the checks that are missed.
func Misses(checks []Check) []Check {
	return slices.DeleteFunc(slices.Clone(checks), func(c Check) bool { return c.Outcome != Missed })
}

func metIf(ok bool) Outcome {
	if ok {
		return Met
	}
	return Missed
}

// measured says what a condition was compared with.
func measured(t ThresholdResult) string {
	if t.Actual == nil {
		return "not measured"
	}
	return "measured " + actual(t)
}

func checkEnd(r Report) Check {
	switch {
	case r.Interrupted && len(r.Search) > 0: // the report is that of its best run, which was whole
		return Check{Name: "a run to its end", Outcome: Missed, Says: "the search was interrupted"}
	case r.Interrupted:
		return Check{Name: "a run to its end", Outcome: Missed, Says: "it was interrupted after " + spell(r.DurationMS)}
	}
	return Check{Name: "a run to its end", Outcome: Met, Says: spell(r.DurationMS)}
}

func checkBooks(r Report) Check {
	c := Check{Name: "balanced books", Outcome: NotChecked, Says: "there are no books"}
	if r.Lost != nil && r.Doubled != nil {
		c.Outcome = metIf(*r.Lost+*r.Doubled <= 0)
		c.Says = fmt.Sprintf("%s lost, %s doubled", withMost(r.Lost, r.LostAtMost), withMost(r.Doubled, r.DoubledAtMost))
		if r.LostAtMost != nil || r.DoubledAtMost != nil {
			c.Says += ": reactions in doubt may hide it"
		}
	}
	if r.UnbalancedBecause != "" {
		c.Outcome, c.Says = Missed, strings.TrimPrefix(c.Says+"; ", "there are no books; ")+r.UnbalancedBecause
	}
	return c
}

func checkAccepted(r Report) Check {
	c := Check{Name: "anything accepted", Outcome: NotChecked, Says: "nothing was due"}
	load := r.Load()
	if due := load.Sent + load.Unsent; due > 0 {
		c.Outcome = metIf(load.Accepted > 0)
		c.Says = fmt.Sprintf("%s of %s", count(&load.Accepted), count(&due))
	}
	return c
}

func checkValid(r Report, allowInvalid bool) Check {
	c := Check{Name: "a valid run", Outcome: metIf(!r.Invalid), Says: "the generator kept up"}
	if !r.Invalid {
		return c
	}
	reasons, _ := r.reasons()
	c.Says = strings.Join(reasons, " ")
	if c.Says == "" {
		c.Says = NotKeptUp
	}
	if allowInvalid {
		c.Outcome = NotChecked
	}
	return c
}

func checkSearch(r Report) Check {
	best := 0.0
	for _, s := range r.Search {
		if s.Met {
			best = max(best, s.Rate)
		}
	}
	c := Check{Name: "a rate that holds", Outcome: metIf(best > 0), Says: short(best) + "/s"}
	if best == 0 {
		last := r.Search[len(r.Search)-1]
		c.Says = fmt.Sprintf("not even %s/s held: missed %s", short(last.Rate), strings.Join(last.Missed, ", "))
	}
	return c
}

// Checks returns everything that decides whether a comparison passes. Figures that are
// not judged, and without FailOn all of them, do not count.
func (c Comparison) Checks() []Check {
	can := Check{Name: "comparable runs", Outcome: metIf(c.Comparable), Says: c.Incomparable()}
	if can.Outcome == Missed && c.FailOn == nil {
		can.Outcome = NotChecked
	}
	all := []Check{can}
	for _, change := range c.Changes {
		check := Check{Name: change.Name, Asked: true, Outcome: Met, Says: strings.TrimSpace(fmt.Sprintf("%s, was %s %s", change.text(change.New), change.text(change.Base), change.percent()))}
		switch {
		case c.regressed(change):
			check.Outcome = Missed
		case c.FailOn == nil, change.Verdict == Context, change.Verdict == Unknown:
			check.Outcome = NotChecked
		}
		all = append(all, check)
	}
	return all
}
