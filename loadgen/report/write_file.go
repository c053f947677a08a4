package report

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/emostream/emostream/internal/atomicfile"
)

// The endings of a report file's name, which choose the format.
const (
	endJSON = ".json"
	endHTML = ".html"
	endHGRM = ".hgrm"
	endCSV  = ".csv"
)

// CheckFile returns why WriteFile could not write to path, as far as that is known
// before the run, so that a typing error does not cost a long run its report.
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

// WriteFile writes a report in the format that the ending of path names. It writes the
// whole file or nothing.
//
// Tools that draw .hgrm files expect one distribution in each file. So run.hgrm means
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
