package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/emostream/emostream/internal/settingsfile"
	"github.com/emostream/emostream/internal/suggest"
	"github.com/emostream/emostream/loadgen/report"
)

// A scenario holds settings of bench. It is a file (--scenario), or was kept in the report
// of a run, which it repeats (--again). It wins over the environment and the settings
// file, and the command line wins over it. Every flag that is added to bench can stand in
// a scenario, without further code.

// scenarioFlags are --scenario and --again.
type scenarioFlags struct{ file, again string }

func (f *scenarioFlags) add(fl *pflag.FlagSet) {
	fl.StringVar(&f.file, "scenario", "", "YAML file with these flags as settings, which emostream bench init writes; -: stdin")
	fl.StringVar(&f.again, "again", "", "report (.json) whose run is repeated; further flags change it")
}

// benchArguments refuses arguments. A file was meant as one of scenarioFlags.
func benchArguments(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		switch filepath.Ext(args[0]) {
		case ".yaml", ".yml":
			return usagef("bench takes no files: run the scenario with --scenario %s", args[0])
		case ".json":
			return usagef("bench takes no files: repeat the run of the report with --again %s", args[0])
		}
	}
	return unknownCommand(cmd, args)
}

// inScenario says whether a flag of bench may stand in a scenario.
func inScenario(f *pflag.Flag) bool {
	return inFiles(f) && f.Name != "scenario" && f.Name != "again"
}

// inReport says whether a report keeps a flag of bench: not if the flag only says how a
// run is shown here, and where its report goes.
func inReport(f *pflag.Flag) bool {
	here := []string{"out", "output", "progress", "theme", "ascii", "quiet", "color", "metrics-listen", "pprof", "allowed-host"}
	return inScenario(f) && !slices.Contains(here, f.Name)
}

// alternatives lists flags of bench of which a run has one. One that is set by something
// stronger takes the place of the others: --stages on the command line that of a rate in
// the scenario. Outside of the command line and a scenario, where they may be meant for
// several commands, the first gives way to the others.
func alternatives() [][]string {
	return [][]string{{"scenario", "again"}, {"rate", "stages", "burst"}, {"server", "post-url"}, {"token-file", "token-key-file"}}
}

// applyScenario sets the flags of bench that do not stand on the command line from its
// scenario, if there is one. Other commands have none.
func applyScenario(cmd *cobra.Command) error {
	file, again := cmd.Flags().Lookup("scenario"), cmd.Flags().Lookup("again")
	if file == nil || again == nil {
		return nil
	}
	giveWay(cmd)
	var err error
	switch path, report := file.Value.String(), again.Value.String(); {
	case path != "" && report != "":
		return usagef("--scenario and --again both say what to run: give one")
	case path != "":
		err = applyScenarioFile(cmd, path)
	case report != "":
		err = applyReport(cmd, report)
	}
	giveWay(cmd)
	cmd.Flags().VisitAll(trimList)
	return err
}

// giveWay resets the flags in whose place an alternative is taken.
func giveWay(cmd *cobra.Command) {
	kinds := []string{fromDefault, fromFile, fromEnvironment, fromScenario, fromFlag} // from the weakest
	for _, names := range alternatives() {
		names = slices.DeleteFunc(names, func(name string) bool { return cmd.Flag(name).Value.String() == "" }) // stages: "" is none
		if len(names) == 0 {
			continue
		}
		var strengths []int
		for _, name := range names {
			strengths = append(strengths, slices.Index(kinds, originOf(cmd.Flag(name)).Kind))
		}
		strongest := slices.Max(strengths)
		firstYields := strongest < slices.Index(kinds, fromScenario) && slices.Contains(strengths[1:], strongest)
		for i, name := range names {
			if strengths[i] < strongest || i == 0 && firstYields {
				unset(cmd.Flag(name))
			}
		}
	}
	if cmd.Flag("replay").Value.String() != "" && !given(cmd)("rate") {
		unset(cmd.Flag("rate")) // what is replayed keeps its own, unless a rate is meant for it
	}
}

// unset takes a flag back to its default. The lists of bench are empty by default.
func unset(f *pflag.Flag) {
	if list, isList := f.Value.(pflag.SliceValue); isList {
		_ = list.Replace(nil) // cannot fail: there is nothing that could be wrong
	} else {
		_ = f.Value.Set(f.DefValue) // cannot fail: it is the default
	}
	f.Changed = false
	delete(f.Annotations, originKey)
}

// applyScenarioFile sets flags from a scenario file.
func applyScenarioFile(cmd *cobra.Command, path string) error {
	in, err := readScenario(cmd, path)
	if err != nil {
		return err
	}
	if err := firstProblems(checkScenario(in)); err != nil {
		return err
	}
	for _, v := range in.Settings {
		f := cmd.Flag(v.Name)
		if originOf(f).Kind == fromFlag {
			continue
		}
		if i := slices.IndexFunc(v.Values, func(value string) bool { return isHidden(f, value) }); i >= 0 {
			return usagef("%w", v.ValueAt.Errorf("%s: a secret was left out here: write it, or give %s", v.Name, toGive(f, v.Values[i])))
		}
		if err := setFrom(f, v, v.ValueAt.String()); err != nil {
			return usagef("%w", v.ValueAt.Errorf("%s: %w", v.Name, err))
		}
	}
	return nil
}

func readScenario(cmd *cobra.Command, path string) (settingsfile.Section, error) {
	name, begins, err := readBeginning(cmd, path)
	of, unread := errors.AsType[*fs.PathError](err)
	switch {
	case errors.Is(err, context.Canceled):
		return settingsfile.Section{}, errInterrupted
	case errors.Is(err, fs.ErrNotExist):
		return settingsfile.Section{}, usagef("--scenario %s: there is no such file; emostream bench init %s writes one", path, path)
	case unread:
		return settingsfile.Section{}, usagef("--scenario %s: %w: name a file that can be read", path, of.Err)
	case err != nil:
		return settingsfile.Section{}, usagef("%w", err)
	}
	in, err := settingsfile.Parse(name, begins)
	wrong, placed := errors.AsType[*settingsfile.Error](err)
	switch {
	case err == nil:
		return in, nil
	case report.IsReport(begins):
		return in, usagef("--scenario %s: it is a report: repeat its run with --again %s", path, path)
	case placed && errors.Is(err, settingsfile.ErrNoSections):
		return in, usagef("%w", wrong.At.Errorf("want settings, like \"rate: 2000\""))
	}
	return in, usagef("%w", err)
}

// readBeginning reads a file, or stdin, once: all of it, or what shows that it is larger
// than a scenario may be. name is what messages call it.
func readBeginning(cmd *cobra.Command, path string) (name string, begins []byte, err error) {
	in := stdin(cmd)
	name = "stdin"
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return path, nil, err
		}
		defer f.Close()
		in, name = f, path
	}
	begins, err = io.ReadAll(io.LimitReader(in, settingsfile.MaxSize+1))
	return name, begins, err
}

// stdin returns a command's stdin, of which reads end when the command is interrupted.
func stdin(cmd *cobra.Command) io.Reader {
	if cmd.Context() == nil { // config view asks what the command would do
		return cmd.InOrStdin()
	}
	return untilDone(cmd.Context(), cmd.InOrStdin())
}

// setFrom sets a flag from a scenario that stands at a place.
func setFrom(f *pflag.Flag, v settingsfile.Setting, where string) error {
	unset(f)
	f.Annotations = annotated(f, fromScenario, where)
	return assign(f, v)
}

// checkScenario returns all that is wrong in a scenario.
func checkScenario(in settingsfile.Section) (errs []error) {
	s := newSchema()
	bench := s.child(s.root, "bench")
	var known []string
	for _, f := range flagsOf(bench) {
		if inScenario(f) {
			known = append(known, f.Name)
		}
	}
	unknown := func(name string, at settingsfile.Position) error {
		switch near := suggest.Nearest(name, slices.Values(known)); {
		case bench.Flag(name) != nil && !slices.Contains(known, name):
			return at.Errorf("%s stands on the command line, and not in a scenario", name)
		case name == bench.Name() || name == commonSection:
			return at.Errorf("a scenario has no sections: write what stands below %s: without it, at the margin", name)
		case near != "":
			return at.Errorf("a scenario has no %.40q: did you mean %s?", name, near)
		}
		return at.Errorf("a scenario has no %.40q: it has %s", name, strings.Join(known, ", "))
	}
	for _, v := range in.Settings {
		f := bench.Flag(v.Name)
		if !slices.Contains(known, v.Name) {
			errs = append(errs, unknown(v.Name, v.At))
		} else if err := assign(f, v); err != nil {
			errs = append(errs, v.ValueAt.Errorf("%s: %w", v.Name, err))
		}
	}
	for _, sub := range in.Sections {
		if !slices.Contains(known, sub.Name) {
			errs = append(errs, unknown(sub.Name, sub.At))
			continue
		}
		errs = append(errs, sub.At.Errorf("%s: %s", sub.Name, cmp.Or(valueHint(bench.Flag(sub.Name)), "want a text: put one with braces or with a colon and a blank into quotes ('…')")))
	}
	return errs
}

// scenarioOf returns the settings of bench that are not at their defaults, or are given, as
// its report keeps them: without secrets. A rate that is given counts also at its default.
func scenarioOf(cmd *cobra.Command) (report.Scenario, error) {
	s := report.Scenario{}
	for _, f := range flagsOf(cmd) {
		if !inReport(f) || !differs(f) && !given(cmd)(f.Name) {
			continue
		}
		if err := s.Set(f.Name, keepable(nativeValue(f))); err != nil { // a number that JSON has no word for
			if err := s.Set(f.Name, f.Value.String()); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

// differs says whether a flag is not at its default.
func differs(f *pflag.Flag) bool { return f.Value.String() != f.DefValue }

// keepable hides texts that JSON cannot hold, since they are not UTF-8.
func keepable(value any) any {
	keep := func(s string) string {
		if !utf8.ValidString(s) {
			return hiddenValue
		}
		return s
	}
	switch v := value.(type) {
	case string:
		return keep(v)
	case []string:
		kept := make([]string, len(v))
		for i := range v {
			kept[i] = keep(v[i])
		}
		return kept
	}
	return value
}

// isHidden says whether a value stands for a secret that is not there.
func isHidden(f *pflag.Flag, value string) bool {
	return value == hiddenValue || isSecret(f) && strings.HasSuffix(value, hiddenValue) || strings.Contains(value, "://…@")
}

// toGive says what to give in place of a hidden value.
func toGive(f *pflag.Flag, hidden string) string {
	if strings.Contains(hidden, "://…@") {
		return fmt.Sprintf("--%s with the user and password of %s", f.Name, hidden)
	}
	return fmt.Sprintf("--%s '%s…'", f.Name, strings.TrimSuffix(hidden, hiddenValue))
}
