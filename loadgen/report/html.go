package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/emostream/emostream/internal/text"
)

//go:embed report.html
var reportHTML string

// WriteHTML writes the report as one page that needs no other file and no script. It is
// dark or light, as the reader's browser asks.
func WriteHTML(w io.Writer, r Report) error {
	p, err := newPage(r)
	if err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	t, err := template.New("report").Parse(reportHTML)
	if err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	var b strings.Builder
	if err := t.Execute(&b, p); err != nil {
		return fmt.Errorf("write page: %w", err)
	}
	_, err = io.WriteString(w, text.CleanLines(b.String()))
	return err
}

// page holds what the template shows of a report. Foreign text is in plain strings,
// which the template escapes for the place where they stand; what is hidden in them is
// left out of the whole page.
type page struct {
	Invalid, Interrupted bool
	Reasons, Notes       []string
	Target, Asked, When  string

	Tiles      []tile
	Charts     []chart
	Errors     []errorBar
	Failed     string
	Latencies  [][]string
	Parts      partTable
	Balance    []labelled
	Windows    [][]string
	More       int // number of windows that are not listed
	Thresholds []metRow
	Search     []metRow
	Listeners  []labelled
	Usage      []labelled
	Run        []labelled
	Scenario   []labelled
}

// tile is one of the figures at the top of the page.
type tile struct{ Name, Value, Unit, Note, Class string }

type labelled struct{ Name, Value string }

type errorBar struct {
	Kind, Count string
	Width       float64 // in percent of the greatest
}

// metRow is a threshold or a step of a search, and whether it was met.
type metRow struct {
	Met                bool
	What, Value, Extra string
}

func newPage(r Report) (*page, error) {
	reasons, notes := r.reasons()
	p := &page{
		Invalid: r.Invalid, Interrupted: r.Interrupted, Reasons: reasons, Notes: notes, Target: clip(r.Options.Target, 120), Asked: asked(r.Options),
		When:  r.Started.UTC().Format("2006-01-02 15:04:05 UTC") + ", " + spell(r.DurationMS) + " on " + r.Environment.Host,
		Tiles: tiles(r), Errors: errorBars(r.Errors), Failed: failedOf(r.Errors), Latencies: latencyRows(r), Parts: newPartTable(r), Balance: balanceRows(r),
		Thresholds: thresholdRows(r.Thresholds), Search: searchRows(r.Search), Listeners: listenerRows(r), Usage: htmlUsage(r), Run: runRows(r),
		Scenario: scenarioRows(r.Scenario),
	}
	for _, w := range r.Windows[:min(len(r.Windows), shownWindows)] {
		p.Windows = append(p.Windows, []string{
			text.Clean(strings.TrimSpace(w.Emoji + " " + w.Channel)), w.End.UTC().Format("15:04:05.0"), text.Thousands(w.Accepted), text.Thousands(w.Counted), signed(w.Counted - w.Accepted),
		})
	}
	p.More = len(r.Windows) - len(p.Windows)
	if s := thin(sendingSeconds(r.Series), maxPoints); len(s) > 0 {
		p.Charts = append(p.Charts, rateChart(s), ackChart(s))
	}
	for i := range p.Charts {
		if r.WarmUp != nil {
			p.Charts[i].Note += "; the first " + spell(r.Options.WarmUpMS) + " are warm-up"
		}
	}
	c, err := distributionChart(r.Latency)
	if len(c.Lines) > 0 {
		p.Charts = append(p.Charts, c)
	}
	return p, err
}

func tiles(r Report) []tile {
	all := []tile{{Name: "Accepted", Value: text.Thousands(r.Accepted), Note: "of " + text.Thousands(r.Sent) + " sent"}}
	if rate := r.Load().AcceptedRate(); rate != nil {
		all = []tile{{Name: "Accepted", Value: short(*rate), Unit: "/s", Note: text.Thousands(r.Accepted) + " of " + text.Thousands(r.Sent)}}
	}
	if known := r.Lost != nil && r.Doubled != nil; known || r.UnbalancedBecause != "" {
		t := tile{Name: "Books", Value: "balance", Note: count(r.Counted) + " counted", Class: "good"}
		if r.LostAtMost != nil || r.DoubledAtMost != nil {
			t.Note, t.Class = text.Thousands(r.InDoubt)+" in doubt may hide lost ones", ""
		}
		if r.UnbalancedBecause != "" {
			t = tile{Name: "Books", Value: "not whole", Note: clip(r.UnbalancedBecause, 200), Class: "bad"}
		}
		if known && *r.Lost+*r.Doubled > 0 {
			t = tile{Name: "Books", Value: text.Thousands(*r.Lost), Unit: " lost", Note: text.Thousands(*r.Doubled) + " doubled", Class: "bad"}
		}
		all = append(all, t)
	}
	for _, l := range []latencyName{{Ack, "Ack"}, {Overhead, "Overhead"}, {EndToEnd, "End to end"}} {
		if v := r.Latency[l.key]; v != nil {
			all = append(all, tile{Name: l.words + " p99", Value: short(v.P99), Unit: " ms", Note: "median " + short(v.P50) + " ms"})
		}
	}
	load := r.Load()
	if rate := load.errorRate(); rate != nil {
		t := tile{Name: "Failed requests", Value: short(*rate), Unit: " %", Note: text.Thousands(load.Errors) + " of " + text.Thousands(load.due())}
		t.Class = choose(load.Errors > 0, "bad", "")
		all = append(all, t)
	}
	return all
}

func errorBars(errs map[string]int64) []errorBar {
	var all []errorBar
	kinds := byCount(errs)
	for _, k := range kinds[:min(len(kinds), shownErrors)] {
		all = append(all, errorBar{clip(k, 200), text.Thousands(errs[k]), round2(100 * float64(errs[k]) / float64(max(1, errs[kinds[0]])))})
	}
	return all
}

func latencyRows(r Report) [][]string {
	var rows [][]string
	for _, n := range shownLatencies(r) {
		l, ok := r.Latency[n.key]
		switch {
		case !ok:
		case l == nil:
			rows = append(rows, []string{n.words, "n/a", "n/a", "n/a", "n/a", "n/a", "n/a"})
		default:
			rows = append(rows, []string{
				n.words, short(l.P50), short(l.P90), short(l.P99), short(l.P999), short(l.Max), text.Thousands(l.Count),
			})
		}
	}
	return rows
}

// withMost returns a count, and the greatest number that it may be, if it is not exact.
func withMost(n, most *int64) string {
	if most == nil {
		return count(n)
	}
	return fmt.Sprintf("%s (at most %s)", count(n), count(most))
}

func balanceRows(r Report) []labelled {
	return []labelled{
		{"sent", text.Thousands(r.Sent)},
		{"accepted", text.Thousands(r.Accepted)},
		{"rejected", text.Thousands(r.Rejected)},
		{"in doubt", text.Thousands(r.InDoubt)},
		{"not sent", text.Thousands(r.Unsent)},
		{"counted", count(r.Counted)},
		{"lost", withMost(r.Lost, r.LostAtMost)},
		{"doubled", withMost(r.Doubled, r.DoubledAtMost)},
		{"shifted", count(r.Shifted)},
	}
}

func thresholdRows(ts []ThresholdResult) []metRow {
	var rows []metRow
	for _, t := range ts {
		rows = append(rows, metRow{t.Met, text.Clean(t.Condition), actual(t), ""})
	}
	return rows
}

func searchRows(steps []Step) []metRow {
	var rows []metRow
	for _, s := range steps {
		rows = append(rows, metRow{s.Met, short(s.Rate) + "/s", "reached " + text.Decimals(s.Reached, 1), text.Clean(strings.Join(s.Missed, ", "))})
	}
	return rows
}

func listenerRows(r Report) []labelled {
	l := r.Listeners
	if l.Wanted == 0 && l.Connected == 0 {
		return nil
	}
	rows := []labelled{
		{"connected", text.Thousands(int64(l.Connected)) + " " + l.wanted()},
		{"events", text.Thousands(l.Events)},
		{"received", amount(l.Bytes)},
		{"gaps", text.Thousands(l.Gaps)},
		{"behind", text.Thousands(l.Behind)},
		{"repeats (legal)", text.Thousands(l.Repeats)},
		{"out of order", text.Thousands(l.OutOfOrder)},
		{"reconnects", text.Thousands(l.Reconnects)},
		{"of which resumed", text.Thousands(l.Resumes)},
		{"refused", text.Thousands(l.Refused)},
		{"joined, left", text.Thousands(l.Joined) + ", " + text.Thousands(l.Left)},
	}
	for _, kind := range borneKinds(l) {
		if b := kind.borne; b != nil {
			rows = append(rows, labelled{fmt.Sprintf("%s that %s", text.Thousands(int64(b.Wanted)), kind.what), b.inWords()})
		}
	}
	for _, s := range r.Streams {
		rows = append(rows, labelled{clip(s.URL, 60), s.inWords()})
	}
	return rows
}

func htmlUsage(r Report) []labelled {
	var rows []labelled
	for _, row := range r.usageRows() {
		value := row.value
		if row.remark != "" {
			value += " (" + clip(row.remark, 200) + ")"
		}
		rows = append(rows, labelled{row.name, value})
	}
	return rows
}

func runRows(r Report) []labelled {
	o, e := r.Options, r.Environment
	rows := []labelled{
		{"channel", o.Channel},
		{"seed", fmt.Sprint(r.Seed)},
		{"rate", rateOf(o)},
		{"stages", o.Stages},
		{"bursts", o.Burst},
		{"warm-up", warmUp(o)},
		{"duration", spell(o.DurationMS)},
		{"connections", text.Thousands(int64(o.Connections))},
		{"reactions in a request", text.Thousands(int64(o.Batch))},
		{"kinds of emojis", text.Thousands(int64(o.Kinds))},
		{"users", text.Thousands(int64(o.Users))},
		{"timeout", choose(o.TimeoutMS == 0, "", spell(o.TimeoutMS))},
		{"emostream", e.Version},
		{"system", fmt.Sprintf("%s/%s, %d CPUs, %s", e.OS, e.Arch, e.CPUs, e.Go)},
		{"open files", choose(e.OpenFiles == 0, "", text.Thousands(e.OpenFiles))},
	}
	var said []labelled
	for _, row := range rows {
		if row.Value = text.Clean(row.Value); row.Value != "" {
			said = append(said, row)
		}
	}
	return said
}
