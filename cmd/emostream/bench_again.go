package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/emostream/emostream/internal/settingsfile"
	"github.com/emostream/emostream/loadgen/report"
)

// applyReport sets the flags of bench as they were in the run of a report. What the
// environment and the settings file say does not count, since the run was without it,
// except for secrets, which a report does not hold.
func applyReport(cmd *cobra.Command, path string) error {
	r, err := readAgain(cmd, path)
	if errors.Is(err, context.Canceled) {
		return errInterrupted
	}
	if err != nil {
		return usagef("--again %w", err)
	}
	if err := firstProblems(checkKept(r, path)); err != nil {
		return err
	}
	var secrets []string // names of flags of which the report lacks a value
	for _, f := range flagsOf(cmd) {
		if !inReport(f) || originOf(f).Kind == fromFlag {
			continue
		}
		v := kept(r.Scenario, f.Name)
		if slices.ContainsFunc(v.Values, func(value string) bool { return isHidden(f, value) }) {
			continue
		}
		unset(f)
		if v.Empty {
			continue
		}
		if err := setFrom(f, v, path); err != nil {
			return usagef("--again %s: %s: %w", path, f.Name, err)
		}
	}
	giveWay(cmd)
	for _, name := range slices.Sorted(maps.Keys(r.Scenario)) {
		secrets = append(secrets, addSecrets(cmd, name, r.Scenario)...)
	}
	if len(secrets) > 0 {
		return usagef("--again %s: a report holds no secrets: give %s, on the command line or as settings", path, strings.Join(secrets, " and "))
	}
	return nil
}

// readAgain reads a report whose run can be repeated.
func readAgain(cmd *cobra.Command, path string) (r report.Report, err error) {
	if path == "-" {
		var b []byte
		if b, err = io.ReadAll(stdin(cmd)); err == nil {
			r, err = report.ReadJSON(b)
		}
		if err != nil {
			err = fmt.Errorf("stdin: %w", err)
		}
	} else {
		r, err = report.ReadFile(path)
	}
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		err = fmt.Errorf("%s: %w", path, of.Err)
	}
	switch {
	case err != nil:
		return r, err
	case len(r.Parts) > 0:
		return r, fmt.Errorf("%s: it was merged from %d runs: give the report of one of them", path, len(r.Parts))
	case r.Scenario == nil:
		return r, fmt.Errorf("%s: it does not hold the settings of its run, as those of older versions do not: its options say what it was asked for", path)
	}
	return r, nil
}

// kept returns a setting of a report in the form of one in a file. It is empty if the
// report does not have it.
func kept(s report.Scenario, name string) settingsfile.Setting {
	if _, ok := s[name]; !ok {
		return settingsfile.Setting{Name: name, Empty: true}
	}
	values, list, _ := s.Values(name) // was checked when the report was read
	return settingsfile.Setting{Name: name, Values: values, List: list}
}

// checkKept returns what is wrong with the settings in a report.
func checkKept(r report.Report, path string) (errs []error) {
	s := newSchema()
	bench := s.child(s.root, "bench")
	for _, name := range slices.Sorted(maps.Keys(r.Scenario)) {
		f := bench.Flag(name)
		if f == nil || !inScenario(f) {
			errs = append(errs, fmt.Errorf("--again %s: this emostream has no --%.40s, which the run was made with: use version %.40s, which wrote the report", path, name, r.Environment.Version))
		} else if err := assign(f, kept(r.Scenario, name)); err != nil {
			errs = append(errs, fmt.Errorf("--again %s: scenario.%s: %w", path, name, err))
		}
	}
	return errs
}

// addSecrets completes a setting of which a report lacks secrets by what is given now, and
// returns the flags that are still to be given.
func addSecrets(cmd *cobra.Command, name string, s report.Scenario) (missing []string) {
	f := cmd.Flag(name)
	list, isList := f.Value.(pflag.SliceValue)
	var now []string
	switch {
	case isList:
		now = list.GetSlice()
	case originOf(f).Kind != fromDefault:
		now = []string{f.Value.String()}
	}
	given := func(value string) bool {
		return slices.ContainsFunc(now, func(v string) bool { return sameSecret(f, value, v) })
	}
	var others []string
	values := kept(s, name).Values
	if !slices.ContainsFunc(values, func(v string) bool { return isHidden(f, v) }) || replaced(cmd, name) {
		return nil
	}
	for _, v := range values {
		switch {
		case given(v):
		case isHidden(f, v):
			missing = append(missing, toGive(f, v))
		default:
			others = append(others, v)
		}
	}
	if isList && len(missing) == 0 {
		_ = list.Replace(append(others, now...)) // cannot fail: the values were taken before
	}
	return missing
}

// replaced says whether an alternative of a flag was given in its place.
func replaced(cmd *cobra.Command, name string) bool {
	for _, names := range alternatives() {
		if slices.Contains(names, name) {
			return slices.ContainsFunc(names, func(other string) bool {
				return other != name && originOf(cmd.Flag(other)).Kind != fromDefault
			})
		}
	}
	return false
}
