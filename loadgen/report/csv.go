package report

import (
	"encoding/csv"
	"io"
	"strconv"
)

// WriteCSV writes the time series, one line for each second. Columns have the names of
// the fields of the JSON report.
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
	return c.Error() // also an error of an earlier line
}

func plainNumber(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
