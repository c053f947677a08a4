package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/loadgen/report"
)

// addReportFiles adds --out, which names files to write a report to.
func addReportFiles(cmd *cobra.Command, files *[]string) {
	cmd.Flags().StringArrayVar(files, "out", nil, "file to write the report to, too: .json, .html (a page with charts), .hgrm (percentiles, a file for each latency) or .csv (time series); can be repeated")
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

// writeReport prints a report, and then writes it to files. It prints first, so that a
// full disk does not lose the results of a long run.
func writeReport(io streams, r report.Report, asJSON bool, files []string) error {
	write := report.WriteText
	if asJSON {
		write = report.WriteJSON
	}
	if err := write(io.out, r); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	for _, path := range files {
		if err := report.WriteFile(path, r); err != nil {
			return err
		}
	}
	return nil
}
