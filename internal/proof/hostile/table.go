package hostile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"
)

// String returns a result as one line.
func (r Result) String() string {
	held := "held"
	if len(r.Wrong) > 0 {
		held = "NOT HELD: " + strings.Join(r.Wrong, "; ")
	}
	recovered := "never"
	if r.Recovered >= 0 {
		recovered = r.Recovered.String()
	}
	return fmt.Sprintf("%-6s %-16s taps %5.1f %%, joins %5.1f %%, shown %5.1f %%, p99 %v to %v (%.1fx), %s %d MiB, recovered after %s; %v; %s",
		r.Against, strings.Join(r.Attacks, "+"), 100*r.Accepted, 100*r.Joined, 100*r.Shown,
		r.P99Before.Round(100*time.Microsecond), r.P99.Round(100*time.Microsecond), r.Slower(), r.Largest, r.Peak>>20, recovered, r.Sent, held)
}

// Append adds results to a file, one a line, and returns all that are in it.
func Append(path string, results []Result) ([]Result, error) {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	enc := json.NewEncoder(f)
	for _, r := range results {
		if err := enc.Encode(r); err != nil {
			return nil, errors.Join(err, f.Close())
		}
	}
	if err := f.Close(); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all []Result
	for dec := json.NewDecoder(bytes.NewReader(b)); dec.More(); {
		var r Result
		if err := dec.Decode(&r); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, r)
	}
	return all, nil
}

// Table returns results as a table of Markdown, a line for each attack. Where there are
// several results of one attack, it has the range of their figures.
func Table(results []Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| attack, from one address | against | taps accepted | joins accepted | windows in time | p99 of taps, of before | memory, MiB | as before after |\n|---|---|---|---|---|---|---|---|\n")
	for _, a := range Attacks() {
		for _, against := range []string{Up, Stages} {
			var of []Result
			for _, r := range results {
				if r.Against == against && slices.Equal(r.Attacks, []string{a.Name}) {
					of = append(of, r)
				}
			}
			if len(of) == 0 {
				continue
			}
			percent := func(f func(Result) float64) string { return span(of, f, "%.0f", " %") }
			against := "`" + against + "`"
			if against == "`"+Stages+"`" {
				against = "stages"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", a.What, against,
				percent(func(r Result) float64 { return math.Floor(100 * r.Accepted) }),
				percent(func(r Result) float64 { return math.Floor(100 * r.Joined) }),
				percent(func(r Result) float64 { return math.Floor(100 * r.Shown) }),
				span(of, Result.Slower, "%.1f", ""),
				span(of, func(r Result) float64 { return float64(r.Peak >> 20) }, "%.0f", ""),
				span(of, func(r Result) float64 { return r.Recovered.Seconds() }, "%.0f", " s"))
		}
	}
	return b.String()
}

// span returns the range of a figure.
func span(of []Result, figure func(Result) float64, format, unit string) string {
	least, most := math.Inf(1), math.Inf(-1)
	for _, r := range of {
		least, most = min(least, figure(r)), max(most, figure(r))
	}
	from, to := fmt.Sprintf(format, least), fmt.Sprintf(format, most)
	if from == to {
		return to + unit
	}
	return from + " to " + to + unit
}

// The lines of a page between which the table stands.
const (
	begin = "<!-- made by make hostile -->\n"
	end   = "<!-- end -->\n"
)

// Write puts a table into a page, in place of the one that is there.
func Write(path, table string) error {
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(page), begin)
	_, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		return fmt.Errorf("%s has no place for the table: want the lines %q and %q", path, strings.TrimSpace(begin), strings.TrimSpace(end))
	}
	return os.WriteFile(path, []byte(before+begin+"\n"+table+"\n"+end+after), 0o644)
}
