package main

import (
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/charmbracelet/x/ansi"
	"github.com/spf13/cobra"

	"github.com/emostream/emostream/internal/text"
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

// columns is the width of help, in columns of the terminal.
const columns = 80

// heading matches a line of help that begins a part, such as "Flags:".
var heading = regexp.MustCompile(`(?m)^[A-Z][A-Za-z ]+:$`)

// styleHelp makes help fit into 80 columns and prints headings in bold on a terminal.
func styleHelp(root *cobra.Command, io streams, quietColor *quietColorFlags) {
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
		_ = quietColor.setColor() // fails only if the environment cannot be changed
		c.Long = reflow(c.Long)
		c.SetOut(styledWriter(io.out))
		help(c, args)
	})
}

// reflow breaks the lines of paragraphs again. Paragraphs with indented lines stay as
// they are.
func reflow(help string) string {
	paragraphs := strings.Split(help, "\n\n")
	for i, p := range paragraphs {
		if !strings.Contains("\n"+p, "\n ") {
			paragraphs[i] = strings.Join(text.WrapWords(p, columns), "\n")
		}
	}
	return strings.Join(paragraphs, "\n\n")
}

// printError prints the error that a command ends with.
func printError(w io.Writer, err error) {
	_, _ = fmt.Fprintf(styledWriter(w), "%s %v\n", ansi.Style{}.Bold().ForegroundColor(ansi.Red).Styled("emostream:"), text.CleanLines(text.HideSecrets(err.Error())))
}

// addHelp adds the help command. Like any other command it refuses names of commands
// that do not exist.
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
