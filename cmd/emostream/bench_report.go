package main

import (
	"errors"
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

// writeReport writes a report to files and to the job of CI that runs it, and prints it.
// Files come first, since a stdout that nobody reads any more ends the program. A file
// that cannot be written does not keep the report from being printed. checks are what
// decides whether the run passes.
func writeReport(io streams, r report.Report, checks []report.Check, asJSON bool, files []string) error {
	write := report.WriteText
	if asJSON {
		write = report.WriteJSON
	}
	err := writeFiles(files, func(path string) error { return report.WriteFile(path, r, checks) })
	tellJob(io, checks, summaryOf(r, checks))
	if failed := write(forJob(io.out, asJSON), r); failed != nil {
		return errors.Join(err, fmt.Errorf("print the report: %w", failed))
	}
	return err
}

// writeFiles writes each file, also after one that cannot be written.
func writeFiles(paths []string, write func(path string) error) error {
	var errs []error
	for _, path := range paths {
		errs = append(errs, write(path))
	}
	return errors.Join(errs...)
}

// summaryOf returns a function that writes the report as Markdown.
func summaryOf(r report.Report, checks []report.Check) func(io.Writer) error {
	return func(w io.Writer) error { return report.WriteMarkdown(w, r, checks) }
}
