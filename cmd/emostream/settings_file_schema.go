package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/emostream/emostream/internal/settingsfile"
	"github.com/emostream/emostream/internal/suggest"
)

// commonSection is the section with settings for every command that has them.
const commonSection = "common"

// hasSection says whether a command may have a section in the file. Commands about the
// program itself may not, so that they work even if the file is wrong.
func hasSection(cmd *cobra.Command) bool {
	for cmd.HasParent() && cmd.Parent().HasParent() {
		cmd = cmd.Parent()
	}
	return cmd.GroupID != otherGroup && !cmd.Hidden
}

// inFiles says whether a flag may stand in a file.
func inFiles(f *pflag.Flag) bool {
	return f.Name != "help" && f.Name != "version" && f.Name != "config"
}

// owner is a command that has a certain flag.
type owner struct {
	cmd  *cobra.Command
	flag *pflag.Flag
}

// schema says what a file may hold: commands and their flags. It is made of the
// commands, so that no other list of settings is needed. Checking a file sets the
// flags, so a schema can check one file only.
type schema struct {
	root   *cobra.Command
	owners map[string][]owner // the commands that have a flag, by the name of the flag
	runs   string             // the path of the command that runs
}

func newSchema() schema {
	s := schema{root: newRoot(streams{}), owners: map[string][]owner{}}
	var add func(*cobra.Command)
	add = func(cmd *cobra.Command) {
		for _, c := range cmd.Commands() {
			if hasSection(c) {
				for _, f := range flagsOf(c) {
					s.owners[f.Name] = append(s.owners[f.Name], owner{c, f})
				}
				add(c)
			}
		}
	}
	add(s.root)
	return s
}

// settingNames lists all settings in the order of the alphabet.
func (s schema) settingNames() []string { return slices.Sorted(maps.Keys(s.owners)) }

// flagsOf returns the flags of a command that may stand in a file, those of the whole
// program included, in the order of their names. A command that only has subcommands has
// none.
func flagsOf(cmd *cobra.Command) []*pflag.Flag {
	var flags []*pflag.Flag
	add := func(f *pflag.Flag) {
		if inFiles(f) && !f.Hidden {
			flags = append(flags, f)
		}
	}
	cmd.LocalFlags().VisitAll(add)
	if len(flags) == 0 && cmd.HasSubCommands() {
		return nil
	}
	cmd.InheritedFlags().VisitAll(add)
	slices.SortFunc(flags, func(a, b *pflag.Flag) int { return strings.Compare(a.Name, b.Name) })
	return flags
}

// maxProblems is how many problems of a file are reported at once.
const maxProblems = 10

// checkFile reports all that is wrong in the file of the command that runs, even in
// sections of other commands.
func checkFile(cmd *cobra.Command, file settingsfile.Section) error {
	s := newSchema()
	s.runs = cmd.CommandPath()
	return firstProblems(s.checkSection(s.root, wholeFile, file))
}

// firstProblems returns an error of usage with the problems of a file in the order of its
// lines, nil if there are none.
func firstProblems(errs []error) error {
	slices.SortStableFunc(errs, func(a, b error) int { return cmp.Compare(lineOf(a), lineOf(b)) })
	if more := len(errs) - maxProblems; more > 0 {
		errs = append(errs[:maxProblems], fmt.Errorf("and %d more", more))
	}
	if err := errors.Join(errs...); err != nil {
		return &exitError{exitUsage, err}
	}
	return nil
}

// lineOf returns the line of the file that an error is about.
func lineOf(err error) int {
	if at, ok := errors.AsType[*settingsfile.Error](err); ok {
		return at.At.Line
	}
	return 0
}

// checkSection checks the section of a command, which errors call name.
func (s schema) checkSection(cmd *cobra.Command, name string, in settingsfile.Section) (errs []error) {
	for _, v := range in.Settings {
		if err := s.checkSetting(cmd, name, v); err != nil {
			errs = append(errs, err)
		}
	}
	for _, sub := range in.Sections {
		switch c := s.child(cmd, sub.Name); {
		case c != nil:
			errs = append(errs, s.checkSection(c, strings.TrimPrefix(c.CommandPath(), s.root.Name()+" "), sub)...)
		case cmd == s.root && sub.Name == commonSection:
			errs = append(errs, s.checkCommon(sub)...)
		case s.flag(cmd, sub.Name) != nil:
			errs = append(errs, sub.At.Errorf("%s of %s is a setting, not a section: %s", sub.Name, name, valueHint(s.flag(cmd, sub.Name))))
		default:
			errs = append(errs, s.unknownName(name, sub.Name, s.allowed(cmd), sub.At))
		}
	}
	return errs
}

// checkSetting checks a setting in the section of a command.
func (s schema) checkSetting(cmd *cobra.Command, section string, v settingsfile.Setting) error {
	if s.child(cmd, v.Name) != nil || cmd == s.root && v.Name == commonSection {
		if v.Empty {
			return nil
		}
		return v.ValueAt.Errorf("%s is a section: its settings go below it, each on an indented line of its own", v.Name)
	}
	f := s.flag(cmd, v.Name)
	if f == nil {
		return s.unknownName(section, v.Name, s.allowed(cmd), v.At)
	}
	if err := assign(f, v); err != nil {
		return v.ValueAt.Errorf("%s: %w", v.Name, err)
	}
	return nil
}

// checkCommon checks the common section. All commands that have a setting must take its
// value.
func (s schema) checkCommon(in settingsfile.Section) (errs []error) {
	for _, v := range in.Settings {
		owners := s.owners[v.Name]
		if len(owners) == 0 {
			errs = append(errs, s.unknownName(commonSection, v.Name, s.settingNames(), v.At))
			continue
		}
		if of := owners[0].flag.Value.Type(); slices.ContainsFunc(owners, func(o owner) bool { return o.flag.Value.Type() != of }) {
			errs = append(errs, v.At.Errorf("%s is not the same for %s: put it into their own sections", v.Name, commands(owners)))
			continue
		}
		for _, o := range owners {
			if err := assign(o.flag, v); err != nil {
				errs = append(errs, v.ValueAt.Errorf("%s: %w", v.Name, err))
				break
			}
		}
	}
	for _, sub := range in.Sections {
		errs = append(errs, sub.At.Errorf("%s is no setting: the common section holds settings, and commands have sections beside it", sub.Name))
	}
	return errs
}

// child returns the subcommand of that name, nil if there is none.
func (s schema) child(cmd *cobra.Command, name string) *cobra.Command {
	for _, c := range cmd.Commands() {
		if c.Name() == name && hasSection(c) {
			return c
		}
	}
	return nil
}

// flag returns the flag of that name, nil if there is none.
func (s schema) flag(cmd *cobra.Command, name string) *pflag.Flag {
	for _, f := range flagsOf(cmd) {
		if f.Name == name && cmd != s.root {
			return f
		}
	}
	return nil
}

// unknownName reports a name that a section does not have, with what was probably meant:
// a name that it has, or a command that has it.
func (s schema) unknownName(section, name string, allowed []string, at settingsfile.Position) error {
	if hint := s.misplaced(section, name); hint != "" {
		return at.Errorf("%s", hint)
	}
	hint := "it has " + strings.Join(allowed, ", ")
	if near := suggest.Nearest(name, slices.Values(allowed)); near != "" {
		hint = "did you mean " + near + "?"
	} else if owners := s.owners[name]; len(owners) > 0 {
		hint = fmt.Sprintf("it is a setting of %s: put it into such a section, or into %s", commands(owners), commonSection)
	}
	if section == wholeFile {
		return at.Errorf("there is no section or setting %.40q here: %s", name, hint)
	}
	return at.Errorf("%s has no %.40q: %s", section, name, hint)
}

// wholeFile is what errors call the file itself, outside of all sections.
const wholeFile = "the file"

// misplaced says where a setting belongs that stands outside of all sections, or whose
// name is a path like serve.linger; empty if name is neither.
func (s schema) misplaced(section, name string) string {
	first, rest, dotted := strings.Cut(name, ".")
	owners := s.owners[name]
	switch {
	case dotted && (first == commonSection || s.child(s.root, first) != nil) && section == wholeFile:
		return fmt.Sprintf("%.40q is a path: write %s:, and %s: below it, indented", name, first, strings.ReplaceAll(rest, ".", ":, and below that "))
	case section != wholeFile || len(owners) == 0:
		return ""
	case len(owners) == 1:
		return fmt.Sprintf("%s stands outside of all sections, and is a setting of %s: put it, indented, below %s:", name, commands(owners), sectionOf(owners[0]))
	}
	one := owners[0]
	if i := slices.IndexFunc(owners, func(o owner) bool { return o.cmd.CommandPath() == s.runs }); i >= 0 {
		one = owners[i]
	}
	of := "many commands"
	if len(owners) < 4 {
		of = commands(owners)
	}
	return fmt.Sprintf("%s stands outside of all sections, and is a setting of %s: put it, indented, below %s:, for all of them, or below one alone, like %s:", name, of, commonSection, sectionOf(one))
}

// sectionOf returns the section of an owner, as it is written in the file.
func sectionOf(o owner) string {
	_, path, _ := strings.Cut(o.cmd.CommandPath(), " ")
	return strings.ReplaceAll(path, " ", ":, and below that ")
}

// allowed lists the names that the section of a command may have.
func (s schema) allowed(cmd *cobra.Command) (names []string) {
	if cmd == s.root {
		names = []string{commonSection}
	}
	for _, c := range cmd.Commands() {
		if hasSection(c) {
			names = append(names, c.Name())
		}
	}
	if cmd != s.root {
		for _, f := range flagsOf(cmd) {
			names = append(names, f.Name)
		}
	}
	return names
}

// commands lists the commands of owners, for a sentence.
func commands(owners []owner) string {
	var names []string
	for _, o := range owners {
		_, name, _ := strings.Cut(o.cmd.CommandPath(), " ")
		names = append(names, name)
	}
	if last := len(names) - 1; last > 0 {
		return strings.Join(names[:last], ", ") + " and " + names[last]
	}
	return strings.Join(names, "")
}

// valueHint says what values a flag takes, for a sentence; empty if the flag's own error
// says it.
func valueHint(f *pflag.Flag) string {
	switch t := f.Value.Type(); {
	case t == "duration":
		return "want a duration like 500ms, 2s or 1m30s"
	case t == "bool":
		return "want true or false"
	case strings.HasPrefix(t, "int"), strings.HasPrefix(t, "uint"):
		return "want a whole number"
	case strings.HasPrefix(t, "float"):
		return "want a number"
	case t == "stringSlice", t == "stringArray":
		return "want a list like [a, b]"
	}
	return ""
}

// reason says why a flag does not take a value.
func reason(f *pflag.Flag, err error) string {
	if wrong, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		err = wrong.Unwrap()
	}
	text := valueHint(f)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return "that is out of range"
	case text != "":
		return text
	}
	return err.Error()
}
