package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/emostream/emostream/loadgen"
)

// addReportFiles adds the flag of the files that a report is written to.
func addReportFiles(cmd *cobra.Command, files *[]string) {
	cmd.Flags().StringArrayVar(files, "out", nil, "file to write the report to, too: .json, .html (a page with charts), .hgrm (percentiles, a file for each latency) or .csv (time series); can be repeated")
}

// checkReportFiles refuses files that a report could not be written to, before
// there is one.
func checkReportFiles(files []string) error {
	for _, path := range files {
		if err := loadgen.CheckFile(path); err != nil {
			return usagef("--out %w", err)
		}
	}
	return nil
}

// parseThresholds reads conditions.
func parseThresholds(texts []string) ([]loadgen.Threshold, error) {
	var all []loadgen.Threshold
	for _, text := range texts {
		t, err := loadgen.ParseThreshold(text)
		if err != nil {
			return nil, usagef("--%w", err)
		}
		all = append(all, t)
	}
	return all, nil
}

// giveReport prints a report and writes it to files. It is printed first: what a
// long run found must not be lost with a full disk.
func giveReport(io streams, r loadgen.Report, asJSON bool, files []string) error {
	write := loadgen.WriteText
	if asJSON {
		write = loadgen.WriteJSON
	}
	if err := write(io.out, r); err != nil {
		return fmt.Errorf("print the report: %w", err)
	}
	for _, path := range files {
		if err := loadgen.WriteFile(path, r); err != nil {
			return err
		}
	}
	return nil
}
