package fanbench

import (
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is the table of what was found.
type Report struct{ Rows []Row }

// Row is one thing that was measured, and what it should be.
type Row struct {
	Name         string
	Ours, Theirs string // Theirs is empty where the other was not asked
	Target       string
	Met          bool
	Timing       bool // it depends on how busy the machine is
}

// Failed are the names of the rows whose targets were missed.
func (r Report) Failed() (names []string) {
	for _, row := range r.Rows {
		if !row.Met {
			names = append(names, row.Name)
		}
	}
	return names
}

// String is the table.
func (r Report) String() string {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprint(w, "\tours\tnchan\ttarget\t\n") // a strings.Builder takes everything
	for _, row := range r.Rows {
		verdict := "pass"
		if !row.Met {
			verdict = "FAIL"
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", row.Name, row.Ours, row.Theirs, row.Target, verdict)
	}
	_ = w.Flush()
	return text.String()
}

func (r *Report) add(row Row) { r.Rows = append(r.Rows, row) }

// median of what rounds have found; the greater of two in the middle.
func median[T any](rounds []T, of func(T) float64) float64 {
	values := make([]float64, len(rounds))
	for i, m := range rounds {
		values[i] = of(m)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

func micro[T float64 | time.Duration](d T) string { return fmt.Sprintf("%.1f µs", float64(d)/1e3) }
func milli[T float64 | time.Duration](d T) string { return fmt.Sprintf("%.0f ms", float64(d)/1e6) }
func kib[T float64 | int64](n T) string           { return fmt.Sprintf("%.1f KiB", float64(n)/1024) }
