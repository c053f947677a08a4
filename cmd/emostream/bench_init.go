package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/emostream/emostream/internal/text"
)

func newBenchInit(io streams) *cobra.Command {
	return &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a scenario in which everything is commented",
		Long: `Init writes a scenario, made from the flags of bench: each with what it means and its
default. The usual ones are set, and all others commented out: take away the #
before one to set it. Without FILE it writes load.yaml; - is stdout.`,
		Example: `  emostream bench init
  emostream bench init checkout.yaml
  emostream bench init - | emostream bench --scenario - --duration 5s`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			path := "load.yaml"
			if len(args) > 0 {
				path = args[0]
			}
			scenario := scenarioTemplate(newSchema(), path)
			if path == "-" {
				_, err := fmt.Fprint(io.out, scenario)
				return err
			}
			err := createFile(path, scenario)
			if errors.Is(err, fs.ErrExist) {
				return usagef("%s is there already: name another file", path)
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(io.out, path)
			return err
		},
	}
}

// usualSettings are what a new scenario sets, by flag. An empty value stands for the
// default.
func usualSettings() map[string]string {
	return map[string]string{
		"rate": "", "duration": "", "listeners": "10",
		"threshold": "\n  - lost==0\n  - doubled==0\n  - error_rate<1%\n  #- ack_p99<50ms\n  #- overhead_p99<300ms",
	}
}

// scenarioGroups are the headings of a new scenario, by the first flag below each, in the
// order in which bench adds its flags.
func scenarioGroups() map[string]string {
	return map[string]string{
		"server":    "What is loaded, and with which requests",
		"rate":      "How much is sent when",
		"listeners": "Who listens, and how",
		"threshold": "What the run must show",
		"out":       "Where the report goes, and how the run is shown",
	}
}

// scenarioTemplate returns a scenario with every flag of bench. path is the file that it
// is to be run from.
func scenarioTemplate(s schema, path string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# A load test, for: emostream bench --scenario %s
# Every flag of bench is a setting. Take away the # right before one to set it. A
# flag on the command line wins.
`, path)
	bench := s.child(s.root, "bench")
	bench.InheritedFlags() // has those of the whole program stand among the others
	bench.Flags().SortFlags = false
	bench.Flags().VisitAll(func(f *pflag.Flag) {
		if !inScenario(f) || f.Hidden {
			return
		}
		if heading := scenarioGroups()[f.Name]; heading != "" {
			fmt.Fprintf(&b, "\n# %s\n# %s\n", heading, strings.Repeat("-", len(heading)))
		}
		b.WriteString("\n")
		value, isUsual := usualSettings()[f.Name]
		if !isUsual {
			describeSetting(&b, f, 0)
			return
		}
		usage := f.Usage
		if value != "" && f.DefValue != "[]" {
			usage += fmt.Sprintf(" (default %s)", asYAML(nativeValue(f)))
		}
		for _, line := range text.WrapWords(usage, columns-len("# ")) {
			fmt.Fprintf(&b, "# %s\n", line)
		}
		if value == "" {
			value = asYAML(nativeValue(f))
		}
		fmt.Fprintf(&b, "%s:%s\n", f.Name, spaced(value))
	})
	return b.String()
}

// spaced puts a blank before a value that stands on the line of its name.
func spaced(value string) string {
	if strings.HasPrefix(value, "\n") {
		return value
	}
	return " " + value
}
