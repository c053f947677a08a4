package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/loadgen/report"
)

// addReportFiles adds --out, which names files to write a report to.
func addReportFiles(cmd *cobra.Command, files *[]string) {
	cmd.Flags().StringArrayVar(files, "out", nil, "file to write the report to, too: .json, .html (a page with charts), .xml (JUnit), .md (Markdown), .hgrm (percentiles, a file for each latency) or .csv (time series); can be repeated")
}

// checkReportFiles refuses files to which a report cannot be written. It is called before a
// run begins.
func checkReportFiles(files []string) error {
	for _, path := range files {
		if err := report.CheckFile(path); err != nil {
			return usagef("--out %w", err)
		}
	}
	return nil
}

// writeReport prints a report, and then writes it to files, and to the job of CI that runs
// it. It prints first, so that a full disk does not lose the results of a long run. checks
// are what decides whether the run passes.
func writeReport(io streams, r report.Report, checks []report.Check, asJSON bool, files []string) error {
	write := report.WriteText
	if asJSON {
		write = report.WriteJSON
	}
	if err := write(forJob(io.out, asJSON), r); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	tellJob(io, checks, summaryOf(r, checks))
	for _, path := range files {
		if err := report.WriteFile(path, r, checks); err != nil {
			return err
		}
	}
	return nil
}

// summaryOf returns a function that writes the report as Markdown.
func summaryOf(r report.Report, checks []report.Check) func(io.Writer) error {
	return func(w io.Writer) error { return report.WriteMarkdown(w, r, checks) }
}
