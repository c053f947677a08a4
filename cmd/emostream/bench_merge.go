package main

import (
	"github.com/spf13/cobra"

	"github.com/emostream/emostream/loadgen/report"
)

func newBenchMerge(io streams) *cobra.Command {
	var (
		out      outputFlag
		files    []string
		validity validityFlag
	)
	cmd := &cobra.Command{
		Use:   "merge REPORT.json REPORT.json...",
		Short: "Join the reports of several generators into one",
		Long: `Merge joins the reports of generators that put one target under load at the same
time, as if there had been a single, stronger one: counts are added, and so are
the histograms, which is exact. The generators may differ in rate, connections,
listeners, users, seed and channel; what else differs is refused, and so are runs
that did not overlap. Start them together with --start-at.

Thresholds of the runs are held against the whole, with the exit codes of bench: 3
when one is missed, a run is INVALID or nothing was accepted, 4 when something was
lost or doubled.`,
		Example: `  emostream bench merge one.json two.json
  emostream bench merge one.json two.json three.json --out all.json
  emostream bench merge one.json two.json --out all.xml --out all.md`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := checkReportFiles(files); err != nil {
				return err
			}
			asJSON := out.json()
			reports, err := readReports(args)
			if err != nil {
				return err
			}
			r, err := report.Merge(reports)
			if err != nil {
				return err
			}
			if err := writeReport(io, r, report.MergedChecks(r, validity.allowInvalid), asJSON, files); err != nil {
				return err
			}
			r.Interrupted = false // a run was interrupted, but not this merge
			return validity.exit(r)
		},
	}
	addReportFiles(cmd, &files)
	validity.add(cmd)
	out.add(cmd)
	return cmd
}
