package report

import (
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/emostream/emostream/internal/atomicfile"
)

// The endings of files that reports are written to.
const (
	endJSON = ".json"
	endHTML = ".html"
	endHGRM = ".hgrm"
	endCSV  = ".csv"
)

// CheckFile says whether WriteFile can write to a path, as far as can be said
// before there is a report: a long run must not end with a typing error.
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

// WriteFile writes a report in the format that the path's ending names. A file is
// there whole or not at all.
//
// Tools that draw .hgrm files take one distribution a file. So each latency gets a
// file of its own: run.hgrm makes run.ack.hgrm, run.e2e.hgrm and so on.
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

func writeHGRMs(stem string, r Report) error {
	for _, key := range slices.Sorted(maps.Keys(r.Latency)) {
		if l := r.Latency[key]; l != nil {
			err := atomicfile.Write(stem+"."+key+endHGRM, func(w io.Writer) error { return WriteHGRM(w, l) })
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// WriteHGRM writes a latency as HdrHistogram's percentile text, in milliseconds.
func WriteHGRM(w io.Writer, l *Latency) error {
	h, err := l.Decode()
	if err != nil {
		return err
	}
	const ticks = 5 // lines until half of the distance to 100 % is left
	_, err = h.HDR().PercentilesPrint(w, ticks, 1000)
	return err
}

// WriteCSV writes the time series, a line a second, with the names that the JSON
// report gives its columns.
func WriteCSV(w io.Writer, r Report) error {
	c := csv.NewWriter(w)
	_ = c.Write([]string{"at_ms", "asked", "sent", "accepted", "failed", "listeners", "events", "ack_p50", "ack_p99"})
	for _, p := range r.Series {
		_ = c.Write([]string{
			plainNumber(p.AtMS), plainNumber(p.Asked), plainNumber(float64(p.Sent)), plainNumber(float64(p.Accepted)), plainNumber(float64(p.Failed)),
			plainNumber(float64(p.Listeners)), plainNumber(float64(p.Events)), plainNumber(p.AckP50), plainNumber(p.AckP99),
		})
	}
	c.Flush()
	return c.Error() // of any line
}

func plainNumber(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
