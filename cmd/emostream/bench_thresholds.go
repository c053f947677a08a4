package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/loadgen"
	"github.com/emostream/emostream/loadgen/report"
)

// parseThresholds reads conditions such as "lost==0".
func parseThresholds(texts []string) ([]report.Threshold, error) {
	var all []report.Threshold
	for _, text := range texts {
		t, err := report.ParseThreshold(text)
		if err != nil {
			return nil, settingError(err)
		}
		all = append(all, t)
	}
	return all, nil
}

// checkStages refuses conditions on stages that the load does not have.
func checkStages(conditions []report.Threshold, cfg loadgen.Config) error {
	var stages []string
	if cfg.Stages != "" {
		stages = strings.Split(cfg.Stages, ",")
	}
	for _, c := range conditions {
		switch n := c.Stage(); {
		case n == 0:
		case len(stages) == 0:
			return usagef("--threshold %.60q: there are no stages: give them with --stages", c)
		case len(stages) > loadgen.MaxStageFigures:
			return usagef("--threshold %.60q: figures by stage are of at most %d stages, and there are %d", c, loadgen.MaxStageFigures, len(stages))
		case n > len(stages):
			return usagef("--threshold %.60q: there is no stage%d: there are %s", c, n, stageNames(stages))
		}
	}
	return nil
}

// checkMeasurable refuses conditions on what the run cannot measure, of which that is known
// before it.
func checkMeasurable(conditions []report.Threshold, cfg loadgen.Config) error {
	slow, _, _ := loadgen.ParseSlow(cfg.Slow) // was checked before
	dawdlers := map[string]int{"slow": slow, "stalled": cfg.Stalled, "mute": cfg.Mute}
	listeners := max(cfg.Listeners, cfg.Channels) + slow + cfg.Stalled + cfg.Mute
	listens := cfg.Publish == nil || len(cfg.Publish.StreamURLs) > 0
	for _, c := range conditions {
		name := c.Metric()
		of, what, _ := strings.Cut(name, "_")
		n, isDawdler := dawdlers[of]
		switch {
		case c.OfTargetUsage() && len(cfg.WatchPIDs)+len(cfg.WatchCommands) == 0:
			return usagef("--threshold %.60q: no process of the target is measured: name one with --watch-pid or --watch-command", c)
		case !listens && needsStream(name):
			return usagef("--threshold %.60q: nobody listens: give --stream-url, where what was sent comes out", c)
		case name == "memory_per_listener" && listeners < report.MinListeners:
			return usagef("--threshold %.60q: it is not measured with fewer than %d listeners: give --listeners %d or more", c, report.MinListeners, report.MinListeners)
		case isDawdler && (what == "kept" || what == "ended") && n == 0:
			return usagef("--threshold %.60q: there are no such clients: give --%s", c, of)
		}
	}
	return nil
}

// needsStream says whether a metric is of what listeners were shown.
func needsStream(name string) bool {
	counters := []string{
		"counted", "lost", "doubled", "lost_at_most", "doubled_at_most", "shifted", "events", "gaps", "behind", "repeats", "out_of_order",
		"reconnects", "resumes", "refused", "cpu_per_delivery", "memory_per_listener",
	}
	latencies := []string{report.Overhead, report.EndToEnd, report.Spread, report.Connect, report.FirstEvent}
	return slices.Contains(counters, name) || slices.ContainsFunc(latencies, func(l string) bool { return strings.HasPrefix(name, l+"_") })
}

// stageNames returns the names of stages, with what they are.
func stageNames(stages []string) string {
	const shown = 8
	var names []string
	for i, s := range stages[:min(len(stages), shown)] {
		names = append(names, fmt.Sprintf("stage%d (%s)", i+1, strings.TrimSpace(s)))
	}
	if more := len(stages) - shown; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}

// validityFlag is --allow-invalid.
type validityFlag struct{ allowInvalid bool }

func (f *validityFlag) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.allowInvalid, "allow-invalid", false, "let a run that is INVALID, since the generator could not keep up, end with code 0")
}

// exit returns the error that ends a load test, which decides the exit code. If several
// things are wrong, the worst one decides.
func (f *validityFlag) exit(r report.Report) error {
	switch {
	case r.Interrupted:
		return errInterrupted
	case r.Lost != nil && *r.Lost+*r.Doubled > 0:
		return &exitError{exitUnverified, fmt.Errorf("the books do not balance: %d lost, %d doubled", *r.Lost, *r.Doubled)}
	}
	var missed []string
	for _, t := range r.Thresholds {
		if !t.Met {
			missed = append(missed, t.Condition)
		}
	}
	if load := r.Load(); load.Sent+load.Unsent > 0 && load.Accepted == 0 && len(r.Search) == 0 {
		missed = append(missed, "anything accepted (nothing was measured)")
	}
	if r.UnbalancedBecause != "" && len(r.Search) == 0 {
		missed = append(missed, "balanced books ("+r.UnbalancedBecause+")")
	}
	if r.Invalid && !f.allowInvalid && len(r.Search) == 0 {
		missed = append(missed, "a valid run (the generator could not keep up; --allow-invalid passes over that)")
	}
	if len(missed) > 0 {
		return &exitError{exitMissed, fmt.Errorf("missed: %s", strings.Join(missed, ", "))}
	}
	if n := len(r.Search); n > 0 && !slices.ContainsFunc(r.Search, func(s report.Step) bool { return s.Met }) {
		return &exitError{exitMissed, fmt.Errorf("no rate held, not even %.4g a second: missed: %s", r.Search[n-1].Rate, strings.Join(r.Search[n-1].Missed, ", "))}
	}
	return nil
}
