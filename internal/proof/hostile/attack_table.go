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

	"github.com/emostream/emostream/internal/proof/madepart"
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
	slower := fmt.Sprintf("%v", r.During)
	if r.Before > 0 {
		slower = fmt.Sprintf("%v to %v (%.1fx; of all taps %v to %v)", r.Before, r.During, r.Slower(), r.P99Before.Round(100*time.Microsecond), r.P99.Round(100*time.Microsecond))
	}
	return fmt.Sprintf("%-6s %-16s taps %5.1f %%, joins %5.1f %%, shown %5.1f %%, p99 %s, processors of the servers %.2f to %.2f and of the attackers %.2f, %s %d MiB, recovered after %s; %v; %s",
		r.Against, strings.Join(r.Attacks, "+"), 100*r.Accepted, 100*r.Joined, 100*r.Shown,
		slower, r.ServersBefore, r.ServersDuring, r.Attackers, r.Largest, r.Peak>>20, recovered, r.Sent, held)
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
	fmt.Fprintf(&b, "| attack, from one address | against | taps accepted | joins accepted | windows in time | p99 in a second, of before | p99 of all, of before | p99 in a second, ms | processors of servers before | during | of the attacker | memory, MiB | as before after |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
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
			slower := span(of, Result.Slower, "%.1f", "")
			if slices.ContainsFunc(of, func(r Result) bool { return r.Slower() > maxSlowdown }) {
				slower = "**" + slower + "**"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", a.What, against,
				percent(func(r Result) float64 { return math.Floor(100 * r.Accepted) }),
				percent(func(r Result) float64 { return math.Floor(100 * r.Joined) }),
				percent(func(r Result) float64 { return math.Floor(100 * r.Shown) }),
				slower,
				span(of, Result.AllSlower, "%.1f", ""),
				span(of, func(r Result) float64 { return r.During.Seconds() * 1000 }, "%.1f", ""),
				span(of, func(r Result) float64 { return r.ServersBefore }, "%.1f", ""),
				span(of, func(r Result) float64 { return r.ServersDuring }, "%.1f", ""),
				span(of, func(r Result) float64 { return r.Attackers }, "%.1f", ""),
				span(of, func(r Result) float64 { return float64(r.Peak >> 20) }, "%.0f", ""),
				recovered(of))
		}
	}
	fmt.Fprintf(&b, "\nEach attack lasted %s.\n", span(results, func(r Result) float64 { return r.Duration.Seconds() }, "%.0f", " s"))
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

// recovered returns after how long all was as before.
func recovered(of []Result) string {
	const looked = afterwards - windowLength // for longer nobody looked
	if slices.ContainsFunc(of, func(r Result) bool { return r.Recovered < 0 }) {
		return fmt.Sprintf("**more than %.0f s**", looked.Seconds())
	}
	return span(of, func(r Result) float64 { return r.Recovered.Seconds() }, "%.0f", " s")
}

// Summary returns the worst of all results as a sentence of Markdown.
func Summary(results []Result) string {
	worst := Result{Accepted: 1, Joined: 1, Shown: 1}
	slower := 0.0
	for _, r := range results {
		worst.Accepted, worst.Joined, worst.Shown = min(worst.Accepted, r.Accepted), min(worst.Joined, r.Joined), min(worst.Shown, r.Shown)
		slower, worst.Peak = max(slower, r.Slower()), max(worst.Peak, r.Peak)
	}
	return fmt.Sprintf("While one address attacked, %s for each attack, of what 400 other clients sent at least %.0f %% of the taps and %.0f %% of the joins were accepted,\n"+
		"at least %.0f %% of the windows were shown in time, p99 of the taps in a second was at most %.1f times that of before, no process used more\n"+
		"than %d MiB, and all was as before after %s.\n",
		span(results, func(r Result) float64 { return r.Duration.Seconds() }, "%.0f", " s"), math.Floor(100*worst.Accepted), math.Floor(100*worst.Joined), math.Floor(100*worst.Shown), slower, worst.Peak>>20, recovered(results))
}

// The lines of a page after which the table, or the summary, stands.
const (
	tableBegins   = "<!-- made by make hostile: the table -->"
	summaryBegins = "<!-- made by make hostile: a summary -->"
)

// Write puts the table of results, or their summary, into a page, in place of what is
// there.
func Write(path string, results []Result) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	page, found := string(b), false
	for begins, made := range map[string]string{tableBegins: Table(results), summaryBegins: Summary(results)} {
		if before, _, after, err := madepart.Cut(page, begins); err == nil {
			page, found = before+"\n"+made+"\n"+after, true
		}
	}
	if !found {
		return fmt.Errorf("%s has no place for results: want the line %q or %q, and then <!-- end -->", path, tableBegins, summaryBegins)
	}
	return os.WriteFile(path, []byte(page), 0o644)
}
