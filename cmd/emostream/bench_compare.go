package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/loadgen/report"
)

func newBenchCompare(io streams) *cobra.Command {
	var (
		failOn, format string
		files          []string
	)
	cmd := &cobra.Command{
		Use:   "compare BASE.json[,...] NEW.json[,...]",
		Short: "What changed between load tests, and whether it is more than noise",
		Long: `Compare reads reports that ` + "`emostream bench --out FILE.json`" + ` wrote before (BASE) and
after (NEW) a change, and tells what changed: latencies, rates, books. Several
runs of a side are given with commas between them. With two or more on both sides
a change is more than noise when the runs of one side lie clear of the other's.
With one run a side the noise between runs is not known, and only a large change
is told from it.

With --fail-on, a figure that is worse by more than that, and by more than noise,
ends compare with exit code 3. So does anything lost or doubled that was not
before, and a figure that the new runs have not measured. Runs of different loads
or on different machines are shown beside each other too, and compare says that
they should not be compared; with --fail-on they end with code 3, since they prove
nothing.`,
		Example: `  emostream bench compare before.json after.json
  emostream bench compare old1.json,old2.json new1.json,new2.json --fail-on 5%
  emostream bench compare main.json branch.json --out change.xml \
    --out change.md`,
		Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			limit, err := parseFailOn(failOn)
			if err != nil {
				return err
			}
			for _, path := range files {
				if err := report.CheckComparisonFile(path); err != nil {
					return usagef("--out %w", err)
				}
			}
			write := map[string]func(report.Comparison) error{
				"text":     func(c report.Comparison) error { return c.WriteText(forJob(io.out, false)) },
				"markdown": func(c report.Comparison) error { return c.WriteMarkdown(io.out) },
				"json":     func(c report.Comparison) error { return c.WriteJSON(forJob(io.out, true)) },
			}[format]
			c, err := compareFiles(args[0], args[1], limit)
			if err != nil {
				return err
			}
			failed := writeFiles(files, c.WriteFile)
			summary := c.WriteMarkdown
			if format == "markdown" { // it is appended to the summary by who runs this
				summary = nil
			}
			tellJob(io, c.Checks(), summary)
			if err := errors.Join(failed, write(c)); err != nil {
				return err
			}
			return compareExit(c)
		},
	}
	cmd.Flags().StringVar(&failOn, "fail-on", "", "how much worse a figure may be before it fails, as in 5%")
	cmd.Flags().StringArrayVar(&files, "out", nil, "file to write the comparison to, too: .json, .xml (JUnit) or .md (Markdown); can be repeated")
	cmd.Flags().VarP(newEnumFlag(&format, "text", "text", "markdown", "json"), "output", "o", "text, markdown or json")
	return cmd
}

// compareExit returns the error that ends compare, which decides the exit code. With
// --fail-on, runs that cannot be compared are an error too: they do not show that
// nothing is worse.
func compareExit(c report.Comparison) error {
	var failed []string
	if c.FailOn != nil && !c.Comparable {
		failed = append(failed, "the runs cannot be compared, so that --fail-on has nothing to go by: "+c.Incomparable())
	}
	worse, unmeasured := c.Failed()
	if len(worse) > 0 {
		failed = append(failed, "worse than before: "+strings.Join(worse, ", "))
	}
	if len(unmeasured) > 0 {
		failed = append(failed, "not measured any more: "+strings.Join(unmeasured, ", "))
	}
	if len(failed) == 0 {
		return nil
	}
	return &exitError{exitMissed, errors.New(strings.Join(failed, "; "))}
}

// parseFailOn reads a share such as 5% and returns it in percent; nil if it is empty.
func parseFailOn(s string) (*float64, error) {
	if s == "" {
		return nil, nil
	}
	v, err := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64)
	if err != nil || !strings.HasSuffix(s, "%") || !(v >= 0 && v <= 1e6) {
		return nil, usagef("--fail-on %.20q: want a share like 5%%", s)
	}
	return &v, nil
}

// compareFiles reads two lists of report files and compares their reports. In each list
// the names are separated by commas.
func compareFiles(base, after string, failOn *float64) (report.Comparison, error) {
	b, err := readReports(strings.Split(base, ","))
	if err != nil {
		return report.Comparison{}, err
	}
	a, err := readReports(strings.Split(after, ","))
	if err != nil {
		return report.Comparison{}, err
	}
	return report.Compare(b, a, failOn)
}

func readReports(paths []string) ([]report.Report, error) {
	var all []report.Report
	for _, path := range paths {
		r, err := report.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read report: %w", err)
		}
		all = append(all, r)
	}
	return all, nil
}
