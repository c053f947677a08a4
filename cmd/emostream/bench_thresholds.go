package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

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
	if r.Sent+r.Unsent > 0 && r.Accepted == 0 && len(r.Search) == 0 {
		missed = append(missed, "anything accepted (nothing was measured)")
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
