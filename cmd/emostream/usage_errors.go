package main

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/emostream/emostream/internal/suggest"
)

// unknownCommand returns an error if there are arguments: for a command with
// subcommands they are the names of commands that do not exist. It suggests those that
// were probably meant.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return usagef("%s has no command %.40q: did you mean %s?", cmd.CommandPath(), args[0], strings.Join(near, ", "))
	}
	return usagef("%s has no command %.40q: it has %s", cmd.CommandPath(), args[0], strings.Join(commandNames(cmd), ", "))
}

// wrongArguments says which arguments a command takes, in the words of its usage line.
func wrongArguments(cmd *cobra.Command, args []string) error {
	_, wanted, some := strings.Cut(cmd.Use, " ")
	switch {
	case !some:
		return usagef("%s takes no arguments: leave %.40q out", cmd.CommandPath(), args[0])
	case len(args) == 0:
		return usagef("%s wants %s, and got nothing", cmd.CommandPath(), wanted)
	}
	return usagef("%s wants %s, and got %.60q", cmd.CommandPath(), wanted, strings.Join(args, " "))
}

// refuseWrongArguments gives errors about arguments the exit code and the wording of
// this program, for a command and its subcommands.
func refuseWrongArguments(cmd *cobra.Command) {
	if cmd.RunE == nil && cmd.HasSubCommands() {
		cmd.Args = unknownCommand
		cmd.RunE = func(c *cobra.Command, _ []string) error {
			return usagef("%s needs a command: %s", c.CommandPath(), strings.Join(commandNames(c), ", "))
		}
	}
	if check := cmd.Args; check != nil {
		cmd.Args = func(c *cobra.Command, args []string) error {
			err := check(c, args)
			if _, ours := errors.AsType[*exitError](err); err == nil || ours {
				return err
			}
			return wrongArguments(c, args)
		}
	}
	for _, c := range cmd.Commands() {
		refuseWrongArguments(c)
	}
}

// commandNames lists the subcommands of a command.
func commandNames(cmd *cobra.Command) []string {
	var out []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			out = append(out, c.Name())
		}
	}
	return out
}

// flagError says what is wrong with a flag on the command line and what would be right.
// Behind the name of a command that does not exist it is the name that is wrong.
func flagError(cmd *cobra.Command, err error) error {
	if cmd.HasSubCommands() {
		if err := unknownCommand(cmd, cmd.Flags().Args()); err != nil { // those before the flag
			return err
		}
	}
	if unknown, ok := errors.AsType[*pflag.NotExistError](err); ok {
		if near := suggest.Nearest(unknown.GetSpecifiedName(), flagNames(cmd)); near != "" && unknown.GetSpecifiedShortnames() == "" {
			err = fmt.Errorf("%w; did you mean --%s?", err, near)
		}
	}
	if wrong, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		f := wrong.GetFlag()
		err = fmt.Errorf("--%s %.40q: %s", f.Name, redacted(f, wrong.GetValue()), reason(f, err))
	}
	return &exitError{exitUsage, err}
}

// flagNames yields the flags that a command takes.
func flagNames(cmd *cobra.Command) iter.Seq[string] {
	var all []string
	add := func(f *pflag.Flag) { all = append(all, f.Name) }
	cmd.Flags().VisitAll(add)
	cmd.InheritedFlags().VisitAll(add)
	return slices.Values(all)
}
