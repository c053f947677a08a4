package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// runProperty is an option of a run, or a property of its environment.
type runProperty struct {
	name    string
	matters bool // runs with different values are not comparable
	value   func(Report) string
}

// runProperties returns the properties whose differences a comparison lists. The
// version does not matter, since a comparison is usually about two versions. The host's
// name does not matter either, since it is often made up for each run. Channel, seed
// and start differ in every run and are not listed.
func runProperties() []runProperty {
	return append(loadProperties(),
		runProperty{"target", false, func(r Report) string { return r.Options.Target }},
		runProperty{"certificates", false, func(r Report) string { return certificateCheck(r.Options) }},
		runProperty{"measured", false, func(r Report) string { return r.TargetUsage.commands() }},
		runProperty{"version", false, func(r Report) string { return r.Environment.Version }},
		runProperty{"Go", false, func(r Report) string { return r.Environment.Go }},
		runProperty{"host", false, func(r Report) string { return r.Environment.Host }},
		runProperty{"system", true, func(r Report) string { return r.Environment.OS + "/" + r.Environment.Arch }},
		runProperty{"CPUs", true, func(r Report) string { return fmt.Sprint(r.Environment.CPUs) }},
	)
}

// loadProperties returns the properties that determine the load.
func loadProperties() []runProperty {
	return append(requestProperties(), []runProperty{
		{rateMetric, true, func(r Report) string { return rateOf(r.Options) }},
		{"stages", true, func(r Report) string { return r.Options.Stages }},
		{"burst", true, func(r Report) string { return r.Options.Burst }},
		{"warm-up", true, func(r Report) string { return warmUp(r.Options) }},
		{"duration", true, func(r Report) string { return spell(r.Options.DurationMS) }},
		{"connections", true, func(r Report) string { return fmt.Sprint(r.Options.Connections) }},
		{"listeners", true, func(r Report) string { return fmt.Sprint(listenersAsked(r)) }},
		{"arrive", true, func(r Report) string { return spell(r.Options.ArriveMS) }},
		{"channels", true, func(r Report) string { return fmt.Sprint(max(1, r.Options.Channels)) }},
		{"streams", true, func(r Report) string { return fmt.Sprint(max(1, r.Options.Streams)) }},
		{"slow", true, func(r Report) string { return fmt.Sprint(r.Options.Slow) }},
		{"pace of slow", true, func(r Report) string { return fmt.Sprint(r.Options.SlowPace) }},
		{"mute", true, func(r Report) string { return fmt.Sprint(r.Options.Mute) }},
		{"stalled", true, func(r Report) string { return fmt.Sprint(r.Options.Stalled) }},
		{"churn", true, func(r Report) string { return short(r.Options.Churn) }},
		{"batch", true, func(r Report) string { return fmt.Sprint(r.Options.Batch) }},
		{"kinds", true, func(r Report) string { return fmt.Sprint(r.Options.Kinds) }},
		{"HTTP", true, func(r Report) string { return cmp.Or(r.Options.HTTP, "1.1") }},
		{"users", true, func(r Report) string { return fmt.Sprint(r.Options.Users) }},
		{"timeout", true, func(r Report) string { return spell(cmp.Or(r.Options.TimeoutMS, 10_000)) }},
		{"drain", true, func(r Report) string { return spell(cmp.Or(r.Options.DrainMS, max(30_000, r.Options.DurationMS))) }},
		{"silence", true, func(r Report) string { return spell(cmp.Or(r.Options.SilenceMS, 30_000)) }},
		{"patience", true, func(r Report) string { return spell(cmp.Or(r.Options.PatienceMS, 15_000)) }},
		{"post type", true, func(r Report) string { return cmp.Or(r.Options.PostType, "application/json") }},
		{"post body", true, func(r Report) string { return r.Options.PostBody }},
		{"match", true, func(r Report) string { return r.Options.Match }},
	}...)
}

// listenersAsked returns how many listeners a run was asked for. Older versions wrote their
// default where there was no stream to listen to.
func listenersAsked(r Report) int {
	if r.Listeners.Wanted == 0 && r.Options.Channel == "" {
		return 0
	}
	return r.Options.Listeners
}

// certificateCheck returns whether the target's certificates were checked.
func certificateCheck(o Options) string {
	if o.Insecure {
		return "not checked"
	}
	return "checked"
}

// rateOf returns the rate in words, or "" if there are stages or bursts instead.
func rateOf(o Options) string {
	switch {
	case o.Rate > 0:
		return short(o.Rate) + "/s"
	case o.requests().AsRecorded:
		return "as recorded"
	case o.Stages+o.Burst != "":
		return ""
	}
	return "closed loop"
}

// warmUp returns how long the load was not measured, or "" if all of it was.
func warmUp(o Options) string {
	if o.WarmUpMS == 0 {
		return ""
	}
	return spell(o.WarmUpMS)
}

// differences returns the properties that do not have the same value in all runs.
func differences(base, after []Report) []Difference {
	all := []Difference{}
	for _, a := range runProperties() {
		b, n := distinctValues(a, base), distinctValues(a, after)
		if len(b) > 1 || len(n) > 1 || b[0] != n[0] {
			all = append(all, Difference{a.name, strings.Join(b, ", "), strings.Join(n, ", "), a.matters})
		}
	}
	return all
}

// distinctValues returns the distinct values of a property.
func distinctValues(a runProperty, runs []Report) []string {
	var values []string
	for _, r := range runs {
		if v := clip(a.value(r), 60); !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	for i := range values {
		if values[i] == "" {
			values[i] = "none"
		}
	}
	return values
}

// warnings names the runs that are invalid or interrupted, had nothing accepted, or are
// there twice.
func warnings(base, after []Report) []string {
	all := []string{}
	runs := append(namedRuns("base", base), namedRuns("new", after)...)
	for _, r := range runs {
		if r.Invalid {
			all = append(all, r.name+" is invalid: its figures speak of the generator, not of the target")
		}
		if r.Load().Accepted == 0 {
			all = append(all, r.name+" had nothing accepted: it measured nothing of the target")
		}
		if r.Interrupted {
			all = append(all, r.name+" was interrupted: its figures are of a part of the load")
		}
	}
	for i, r := range runs {
		for _, earlier := range runs[:i] {
			if share(earlier.Report, r.Report) { // it says nothing of noise or of a change
				all = append(all, fmt.Sprintf("%s and %s are the same run", earlier.name, r.name))
			}
		}
	}
	return all
}

// namedRun is a run of one side of a comparison, by its name there.
type namedRun struct {
	Report
	name string
}

func namedRuns(side string, runs []Report) []namedRun {
	var all []namedRun
	for i, r := range runs {
		name := side
		if len(runs) > 1 {
			name = fmt.Sprintf("%s run %d", side, i+1)
		}
		all = append(all, namedRun{r, name})
	}
	return all
}
