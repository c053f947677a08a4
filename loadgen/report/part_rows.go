package report

import (
	"fmt"
	"strings"

	"github.com/emostream/emostream/internal/text"
)

// partRow is the line of a part of the load in a table.
type partRow struct {
	name, length, asked string
	Part
}

// partRows returns the lines of the warm-up and of each stage, or else of what came after
// the warm-up; none if the load has no parts.
func partRows(r Report) []partRow {
	var rows []partRow
	if r.WarmUp != nil {
		rows = append(rows, partRow{"warm-up", spell(r.Options.WarmUpMS), "", *r.WarmUp})
	}
	for i, s := range r.Stages {
		rows = append(rows, partRow{fmt.Sprintf("stage%d", i+1), spell(s.ForMS), s.rates(), s.Part})
	}
	if r.WarmUp != nil && len(r.Stages) == 0 {
		rows = append(rows, partRow{"then", spell(r.Options.DurationMS - r.Options.WarmUpMS), "", r.Load()})
	}
	return rows
}

// cells returns the line as text: name, length, asked, reached, accepted, failed, and p50
// and p99 of the ack.
func (p partRow) cells() []string {
	reached, p50, p99 := "", "", ""
	if rate := p.AcceptedRate(); rate != nil && p.Sent+p.Unsent > 0 {
		reached = short(*rate)
	}
	if l := p.Latency[Ack]; l != nil {
		p50, p99 = short(l.P50), short(l.P99)
	}
	return []string{p.name, p.length, p.asked, reached, text.Thousands(p.Accepted), text.Thousands(p.failed()), p50, p99}
}

// partTable is the table of the parts of the load.
type partTable struct {
	Title, Note string
	Columns     []string
	Rows        [][]string
}

func newPartTable(r Report) partTable {
	t := partTable{Title: "By stage", Note: "by when a request was due; ack in ms"}
	if len(r.Stages) == 0 {
		t.Title = "Warm-up"
	}
	t.Columns = []string{"", "for", "asked/s", "reached/s", "accepted", "failed", "ack p50", "ack p99"}
	for _, row := range partRows(r) {
		t.Rows = append(t.Rows, row.cells())
	}
	return t
}

// parts writes the table of the parts of the load.
func (p *textWriter) parts(r Report) {
	t := newPartTable(r)
	if len(t.Rows) == 0 {
		return
	}
	p.section(t.Title + ", " + t.Note)
	widths := []int{8, 10, 15, 10, 11, 8, 8, 8}
	for _, cells := range append([][]string{t.Columns}, t.Rows...) {
		line := []string{fmt.Sprintf("  %-*s", widths[0], clip(cells[0], widths[0]))}
		for i, c := range cells[1:] {
			line = append(line, fmt.Sprintf("%*s", widths[i+1], clip(c, widths[i+1]-1)))
		}
		p.line("%s", strings.Join(line, ""))
	}
	for _, row := range partRows(r) {
		if row.Unsent > 0 {
			p.line("  %s: %s of %s due not sent", row.name, text.Thousands(row.Unsent), text.Thousands(row.Sent+row.Unsent))
		}
	}
}

// markdownParts writes the table of the parts of the load.
func (p *textWriter) markdownParts(r Report) {
	t := newPartTable(r)
	if len(t.Rows) == 0 {
		return
	}
	t.Columns[0] = strings.ToLower(t.Title) + ", " + t.Note
	p.line("\n| %s |\n|---|--:|--:|--:|--:|--:|--:|--:|", strings.Join(t.Columns, " | "))
	for _, cells := range t.Rows {
		p.line("| %s |", strings.Join(cells, " | "))
	}
}
