package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/emostream/emostream/internal/settingsfile"
)

// Every flag is a setting. The command line wins over the environment, which wins over
// the settings file, which wins over the default. This holds for every flag that is
// added to a command, without further code.

// origin says where the value of a flag comes from.
type origin struct {
	Kind  string `json:"origin"`          // flag, scenario, environment, file or default
	Where string `json:"where,omitempty"` // the variable, or the place in the file
}

const (
	fromFlag        = "flag"
	fromScenario    = "scenario"
	fromEnvironment = "environment"
	fromFile        = "file"
	fromDefault     = "default"
)

// originKey is the annotation in which a flag keeps its origin.
const originKey = "emostream_origin"

// originOf returns where the value of a flag comes from.
func originOf(f *pflag.Flag) origin {
	if o := f.Annotations[originKey]; len(o) == 2 {
		return origin{o[0], o[1]}
	}
	if f.Changed {
		return origin{Kind: fromFlag}
	}
	return origin{Kind: fromDefault}
}

// given returns a function that says whether a flag is on the command line, or in a
// scenario of bench. Flags contradict each other only if both are there: one that the
// environment or the file sets may be meant for other commands.
func given(cmd *cobra.Command) func(name string) bool {
	return func(name string) bool {
		f := cmd.Flag(name)
		return f != nil && (originOf(f).Kind == fromFlag || originOf(f).Kind == fromScenario)
	}
}

// settings are the values from outside the command line.
type settings struct {
	lookup func(string) (string, bool) // returns a variable of the environment
	file   settingsfile.Section
}

// loadSettings reads the settings file of a command line, and checks it.
func loadSettings(cmd *cobra.Command, lookup func(string) (string, bool)) (settings, error) {
	s := settings{lookup: lookup}
	path, named := configPath(cmd, lookup)
	if path == "" {
		return s, nil
	}
	if there, _ := lookFor(path); !there && !named {
		return s, nil
	}
	file, err := settingsfile.Read(path)
	of, ok := errors.AsType[*fs.PathError](err)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, usagef("--config %s: there is no such file; emostream config init writes one", path)
	case ok && named:
		return s, usagef("--config %s: %w: name a settings file that can be read", path, of.Err)
	case err != nil:
		return s, usagef("%w", err)
	}
	s.file = file
	return s, checkFile(cmd, file)
}

// lookFor says whether a settings file is there, and why it cannot be looked for, if so:
// a service may not see the homes of people. A link that leads nowhere is no file. A file
// that is there may still be one that cannot be read.
func lookFor(path string) (there bool, err error) {
	_, err = os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	}
	_, err = os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist), nil
}

// unseenFile returns a warning if the settings file is not named and cannot be looked
// for. Commands go on without it, since perhaps there is none, or none is needed.
// Nothing is below a home that is no folder, as /dev/null is.
func unseenFile(cmd *cobra.Command, lookup func(string) (string, bool)) string {
	path, named := configPath(cmd, lookup)
	if path == "" || named {
		return ""
	}
	_, err := lookFor(path)
	if err == nil || errors.Is(err, syscall.ENOTDIR) {
		return ""
	}
	if of, ok := errors.AsType[*fs.PathError](err); ok {
		err = of.Err
	}
	return fmt.Sprintf("settings file %s cannot be looked for (%v), so that no settings are taken from it; --config '' says that there is none", path, err)
}

// warnOfUnseenFile writes the warning of a command that reads the settings file.
func warnOfUnseenFile(cmd *cobra.Command, w io.Writer) {
	if warning := unseenFile(cmd, os.LookupEnv); warning != "" && hasSection(cmd) {
		_, _ = fmt.Fprintln(w, "emostream: "+warning)
	}
}

// configPath returns the path of the settings file, empty if there is none, and whether
// the user named it.
func configPath(cmd *cobra.Command, lookup func(string) (string, bool)) (path string, named bool) {
	if f := cmd.Flag("config"); f != nil && f.Changed {
		return f.Value.String(), true
	}
	if path, named := lookup(variable("config")); named {
		return path, true
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", false
	}
	return filepath.Join(dir, "emostream", "config.yaml"), false
}

// apply sets the flags of a command that do not stand on the command line, and records
// the origin of each.
func (s settings) apply(cmd *cobra.Command) error {
	var errs []error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Changed || f.Name == "help" || f.Name == "version" {
			return
		}
		name := variable(f.Name)
		if v, ok := s.lookup(name); ok {
			f.Annotations = annotated(f, fromEnvironment, name)
			if err := cmd.Flags().Set(f.Name, v); err != nil {
				resetToDefault(f)
				errs = append(errs, usagef("%s=%q: %s", name, redacted(f, v), reason(f, err)))
			}
			return
		}
		if v, ok := s.inFile(cmd, f); ok {
			f.Annotations = annotated(f, fromFile, v.ValueAt.String())
			if err := assign(f, v); err != nil {
				resetToDefault(f)
				errs = append(errs, usagef("%w", v.ValueAt.Errorf("%s: %w", f.Name, err)))
			}
		}
	})
	cmd.Flags().VisitAll(trimList)
	return errors.Join(errs...)
}

// trimList takes the blanks off the values of a list that is separated by commas.
func trimList(f *pflag.Flag) {
	list, isList := f.Value.(pflag.SliceValue)
	if !isList || f.Value.Type() != "stringSlice" {
		return
	}
	values := list.GetSlice()
	for i := range values {
		values[i] = strings.TrimSpace(values[i])
	}
	_ = list.Replace(values) // cannot fail: a list of strings takes every value
}

// resetToDefault undoes the attempt to set a value that a flag does not take, since
// doctor goes on after it.
func resetToDefault(f *pflag.Flag) {
	if _, isList := f.Value.(pflag.SliceValue); !isList { // a list takes every value
		_ = f.Value.Set(f.DefValue) // cannot fail: it is the default
	}
}

func annotated(f *pflag.Flag, kind, where string) map[string][]string {
	if f.Annotations == nil {
		f.Annotations = map[string][]string{}
	}
	f.Annotations[originKey] = []string{kind, where}
	return f.Annotations
}

// inFile finds a flag in the command's own section of the file, else in the common one.
func (s settings) inFile(cmd *cobra.Command, f *pflag.Flag) (settingsfile.Setting, bool) {
	if !inFiles(f) || !hasSection(cmd) {
		return settingsfile.Setting{}, false
	}
	own, ok := s.file, true
	for _, name := range strings.Fields(cmd.CommandPath())[1:] {
		if own, ok = subsection(own, name); !ok {
			break
		}
	}
	if v, found := settingOf(own, f.Name); ok && found {
		return v, true
	}
	common, _ := subsection(s.file, commonSection)
	return settingOf(common, f.Name)
}

func subsection(s settingsfile.Section, name string) (settingsfile.Section, bool) {
	for _, sub := range s.Sections {
		if sub.Name == name {
			return sub, true
		}
	}
	return settingsfile.Section{}, false
}

func settingOf(s settingsfile.Section, name string) (settingsfile.Setting, bool) {
	for _, v := range s.Settings {
		if v.Name == name {
			return v, true
		}
	}
	return settingsfile.Setting{}, false
}

// assign sets a flag to its value in a file.
func assign(f *pflag.Flag, v settingsfile.Setting) error {
	list, isList := f.Value.(pflag.SliceValue)
	var err error
	switch {
	case v.Empty:
		return errors.New("there is no value: give one, or take the line out")
	case v.List && !isList:
		return errors.New("want one value, not a list")
	case v.List:
		err = list.Replace(v.Values)
	default:
		err = f.Value.Set(v.Values[0])
	}
	if err != nil {
		return fmt.Errorf("%.40q: %s", redacted(f, strings.Join(v.Values, ",")), reason(f, err))
	}
	f.Changed = true
	return nil
}

// withOrigins adds to an error where the flags that it names were set. It leaves out
// flags that are on the command line.
func withOrigins(cmd *cobra.Command, err error) error {
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		o := originOf(f)
		if o.Where == "" || !regexp.MustCompile(`--`+f.Name+`([^a-z-]|$)`).MatchString(err.Error()) {
			return
		}
		err = fmt.Errorf("%w\n(--%s is set by %s)", err, f.Name, o.Where)
	})
	return err
}

// applySettings sets the flags that do not stand on the command line, from the
// environment, the settings file and, for bench, a scenario.
func applySettings(cmd *cobra.Command) error {
	if !hasSection(cmd) { // commands about the program itself read no file
		return settings{lookup: os.LookupEnv}.apply(cmd)
	}
	s, err := loadSettings(cmd, os.LookupEnv)
	if err != nil {
		return err
	}
	if err := s.apply(cmd); err != nil {
		return err
	}
	return applyScenario(cmd)
}
