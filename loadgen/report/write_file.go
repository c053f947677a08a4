package report

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/emostream/emostream/internal/atomicfile"
)

// The endings of a report file's name, which choose the format.
const (
	endJSON     = ".json"
	endHTML     = ".html"
	endHGRM     = ".hgrm"
	endCSV      = ".csv"
	endJUnit    = ".xml"
	endMarkdown = ".md"
)

// CheckFile returns why WriteFile could not write to path, as far as that is known
// before the run, so that a typing error does not cost a long run its report.
func CheckFile(path string) error {
	if end := filepath.Ext(path); !slices.Contains([]string{endJSON, endHTML, endHGRM, endCSV, endJUnit, endMarkdown}, end) {
		return fmt.Errorf("%s: a report is written to a file that ends in .json, .html, .xml (JUnit), .md (Markdown), .hgrm (percentiles) or .csv (time series), and this ends in %q", path, end)
	}
	return checkFolder(path)
}

// CheckComparisonFile does for Comparison.WriteFile what CheckFile does for WriteFile.
func CheckComparisonFile(path string) error {
	if end := filepath.Ext(path); !slices.Contains([]string{endJSON, endJUnit, endMarkdown}, end) {
		return fmt.Errorf("%s: a comparison is written to a file that ends in .json, .xml (JUnit) or .md (Markdown), and this ends in %q", path, end)
	}
	return checkFolder(path)
}

func checkFolder(path string) error {
	switch info, err := os.Stat(filepath.Dir(path)); {
	case err != nil:
		return fmt.Errorf("%s: its folder cannot be used: %w", path, err)
	case !info.IsDir():
		return fmt.Errorf("%s: %s is no folder", path, filepath.Dir(path))
	}
	return nil
}

// WriteFile writes a report in the format that the ending of path names, with the checks
// that decide whether the run passes, where the format has a place for them. It writes
// the whole file or nothing.
//
// Tools that draw .hgrm files expect one distribution in each file. So run.hgrm means
// run.ack.hgrm, run.e2e.hgrm and so on.
func WriteFile(path string, r Report, checks []Check) error {
	if err := CheckFile(path); err != nil {
		return err
	}
	switch filepath.Ext(path) {
	case endJSON:
		return atomicfile.Write(path, func(w io.Writer) error { return WriteJSON(w, r) })
	case endHTML:
		return atomicfile.Write(path, func(w io.Writer) error { return WriteHTML(w, r) })
	case endCSV:
		return atomicfile.Write(path, func(w io.Writer) error { return WriteCSV(w, r) })
	case endJUnit:
		return atomicfile.Write(path, func(w io.Writer) error { return WriteJUnit(w, r, checks) })
	case endMarkdown:
		return atomicfile.Write(path, func(w io.Writer) error { return WriteMarkdown(w, r, checks) })
	}
	return writeHGRMs(strings.TrimSuffix(path, endHGRM), r)
}

// WriteFile writes the comparison in the format that the ending of path names. It writes
// the whole file or nothing.
func (c Comparison) WriteFile(path string) error {
	if err := CheckComparisonFile(path); err != nil {
		return err
	}
	return atomicfile.Write(path, map[string]func(io.Writer) error{
		endJSON: c.WriteJSON, endJUnit: c.WriteJUnit, endMarkdown: c.WriteMarkdown,
	}[filepath.Ext(path)])
}
