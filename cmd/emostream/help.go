package main

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/emostream/emostream/internal/suggest"
)

// The groups of commands in the help of the program.
const (
	runGroup     = "run"
	useGroup     = "use"
	measureGroup = "measure"
	inspectGroup = "inspect"
	otherGroup   = "other" // about the program itself
)

func addGroups(root *cobra.Command) {
	root.AddGroup(
		&cobra.Group{ID: runGroup, Title: "Run the pipeline:"},
		&cobra.Group{ID: useGroup, Title: "Use it:"},
		&cobra.Group{ID: measureGroup, Title: "Measure it:"},
		&cobra.Group{ID: inspectGroup, Title: "Look into it:"},
		&cobra.Group{ID: otherGroup, Title: "About this program:"},
	)
}

// columns is how wide help is.
const columns = 80

// heading is a line of help that begins a part.
var heading = regexp.MustCompile(`(?m)^[A-Z][A-Za-z ]+:$`)

// styleHelp makes help fit into a terminal's columns, with headings in bold where
// there is one.
func styleHelp(root *cobra.Command, io streams, manner *mannerFlags) {
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages", fmt.Sprintf(".FlagUsagesWrapped %d", columns)))
	usage := root.UsageFunc()
	root.SetUsageFunc(func(c *cobra.Command) error {
		var plain strings.Builder
		out := c.OutOrStderr()
		c.SetOut(&plain)
		defer c.SetOut(out)
		if err := usage(c); err != nil {
			return err
		}
		_, err := fmt.Fprint(out, heading.ReplaceAllStringFunc(plain.String(), ansi.Style{}.Bold().Styled))
		return err
	})
	help := root.HelpFunc()
	root.SetHelpFunc(func(c *cobra.Command, args []string) {
		_ = manner.setColor() // it only fails where the environment cannot be changed
		c.Long = reflow(c.Long)
		c.SetOut(styled(io.out))
		help(c, args)
	})
}

// reflow breaks the lines of paragraphs anew; what is indented stays as it is.
func reflow(text string) string {
	paragraphs := strings.Split(text, "\n\n")
	for i, p := range paragraphs {
		if !strings.Contains("\n"+p, "\n ") {
			paragraphs[i] = strings.Join(wrap(p, columns), "\n")
		}
	}
	return strings.Join(paragraphs, "\n\n")
}

// wrap breaks text into lines of at most width columns, at white space alone: a
// flag is never cut in two.
func wrap(text string, width int) (lines []string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case ansi.StringWidth(line)+1+ansi.StringWidth(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	return append(lines, line)
}

// styled writes styles to w as far as it can show them.
func styled(w io.Writer) io.Writer { return colorprofile.NewWriter(w, os.Environ()) }

// complain prints an error.
func complain(w io.Writer, err error) {
	_, _ = fmt.Fprintf(styled(w), "%s %v\n", ansi.Style{}.Bold().ForegroundColor(ansi.Red).Styled("emostream:"), err)
}

// unknownCommand refuses what is no command, and names the nearest ones.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return usagef("%s has no command %.40q: did you mean %s?", cmd.CommandPath(), args[0], strings.Join(near, ", "))
	}
	return usagef("%s has no command %.40q: it has %s", cmd.CommandPath(), args[0], strings.Join(names(cmd), ", "))
}

// wrongArguments says which arguments a command takes, as its usage line names them.
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

// usageErrors gives wrong arguments the exit code of wrong usage, and words of ours.
func usageErrors(cmd *cobra.Command) {
	if cmd.RunE == nil && cmd.HasSubCommands() {
		cmd.Args = unknownCommand
		cmd.RunE = func(c *cobra.Command, _ []string) error {
			return usagef("%s needs a command: %s", c.CommandPath(), strings.Join(names(c), ", "))
		}
	}
	if check := cmd.Args; check != nil {
		cmd.Args = func(c *cobra.Command, args []string) error {
			err := check(c, args)
			if ours := (*exitError)(nil); err == nil || errors.As(err, &ours) {
				return err
			}
			return wrongArguments(c, args)
		}
	}
	for _, c := range cmd.Commands() {
		usageErrors(c)
	}
}

func names(cmd *cobra.Command) []string {
	var out []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			out = append(out, c.Name())
		}
	}
	return out
}

// flagError says what is wrong with a flag on the command line, and what is right.
func flagError(cmd *cobra.Command, err error) error {
	if unknown := (*pflag.NotExistError)(nil); errors.As(err, &unknown) {
		if near := suggest.Nearest(unknown.GetSpecifiedName(), flagNames(cmd)); near != "" && unknown.GetSpecifiedShortnames() == "" {
			err = fmt.Errorf("%w; did you mean --%s?", err, near)
		}
	}
	if wrong := (*pflag.InvalidValueError)(nil); errors.As(err, &wrong) {
		f := wrong.GetFlag()
		err = fmt.Errorf("--%s %.40q: %s", f.Name, harmless(f, wrong.GetValue()), reason(f, err))
	}
	return &exitError{exitUsage, err}
}

func flagNames(cmd *cobra.Command) iter.Seq[string] {
	var all []string
	add := func(f *pflag.Flag) { all = append(all, f.Name) }
	cmd.Flags().VisitAll(add)
	cmd.InheritedFlags().VisitAll(add)
	return slices.Values(all)
}

// addHelp adds the command that shows help of another one; what is no command it
// refuses like any.
func addHelp(root *cobra.Command) {
	root.SetHelpCommandGroupID(otherGroup)
	root.InitDefaultHelpCmd()
	for _, c := range root.Commands() {
		if c.Name() == "help" {
			c.Use, c.Short, c.Example = "help [COMMAND...]", "Show the help of a command", "  emostream help topics create"
			c.Long = ""
			c.Args = func(_ *cobra.Command, args []string) error {
				target, rest, err := root.Find(args)
				if err != nil {
					return err
				}
				return unknownCommand(target, rest)
			}
		}
	}
}
