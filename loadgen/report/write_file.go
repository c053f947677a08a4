package report

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/emostream/emostream/internal/atomicfile"
)

// The endings of a report's file, which name its format.
const (
	endJSON = ".json"
	endHTML = ".html"
	endHGRM = ".hgrm"
	endCSV  = ".csv"
)

// CheckFile says why WriteFile could not write to a path, as far as that can be known
// before there is a report, so that a long run does not end with a typing error.
func CheckFile(path string) error {
	switch end := filepath.Ext(path); end {
	case endJSON, endHTML, endHGRM, endCSV:
	default:
		return fmt.Errorf("%s: a report is written to a file that ends in .json, .html, .hgrm (percentiles) or .csv (time series), and this ends in %q", path, end)
	}
	switch info, err := os.Stat(filepath.Dir(path)); {
	case err != nil:
		return fmt.Errorf("%s: its folder cannot be used: %w", path, err)
	case !info.IsDir():
		return fmt.Errorf("%s: %s is no folder", path, filepath.Dir(path))
	}
	return nil
}

// WriteFile writes a report in the format that the path's ending names. It writes the
// whole file or none.
//
// Tools that draw .hgrm files want one distribution in each, so that run.hgrm stands for
// run.ack.hgrm, run.e2e.hgrm and so on.
func WriteFile(path string, r Report) error {
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
	}
	return writeHGRMs(strings.TrimSuffix(path, endHGRM), r)
}
