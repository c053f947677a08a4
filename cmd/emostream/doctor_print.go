package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/emostream/emostream/internal/inspect/doctor"
	"github.com/emostream/emostream/internal/text"
)

// printFindings prints a report for a person, in at most 80 columns.
func printFindings(w io.Writer, r doctor.Report) error {
	var b strings.Builder
	area := ""
	for _, f := range r.Findings {
		if f.Area != area {
			if area != "" {
				b.WriteString("\n")
			}
			area = f.Area
			b.WriteString(ansi.Style{}.Bold().Styled(strings.ToUpper(area[:1])+area[1:]) + "\n")
		}
		printFinding(&b, f)
	}
	fmt.Fprintf(&b, "\n%s\n", findingsSummary(r))
	_, err := io.WriteString(styledWriter(w), b.String())
	return err
}

// checkWidth is the width of the column that names what was checked.
const checkWidth = 30

// printFinding prints a finding: in one line if it is fine, else with why it matters and
// what to do.
func printFinding(b *strings.Builder, f doctor.Finding) {
	mark := map[doctor.Status]string{
		doctor.OK:      ansi.Style{}.ForegroundColor(ansi.Green).Styled("ok"),
		doctor.Note:    ansi.Style{}.ForegroundColor(ansi.Yellow).Styled("!") + " ",
		doctor.Wrong:   ansi.Style{}.Bold().ForegroundColor(ansi.Red).Styled("✗") + " ",
		doctor.Skipped: ansi.Style{}.Faint().Styled("-") + " ",
	}[f.Status]
	if f.Why == "" {
		begin := fmt.Sprintf("  %s  %-*s ", mark, checkWidth, f.Check)
		writeIndented(b, begin, 6+checkWidth+1, f.Found)
		return
	}
	fmt.Fprintf(b, "  %s  %s\n", mark, f.Check)
	writeIndented(b, "      ", 6, f.Found)
	writeIndented(b, "      why: ", 11, f.Why)
	writeIndented(b, "      do:  ", 11, f.Do)
}

// writeIndented writes a finding broken into lines. The first begins with begin, the
// later ones with as many spaces as begin has columns.
func writeIndented(b *strings.Builder, begin string, columnsBefore int, finding string) {
	for i, line := range text.WrapWords(text.Clean(finding), columns-columnsBefore) {
		if i > 0 {
			begin = strings.Repeat(" ", columnsBefore)
		}
		b.WriteString(begin + line + "\n")
	}
}

// findingsSummary returns the last line of a report.
func findingsSummary(r doctor.Report) string {
	line := fmt.Sprintf("%d checks: ", r.Checks)
	var parts []string
	if r.Wrong > 0 {
		parts = append(parts, ansi.Style{}.Bold().ForegroundColor(ansi.Red).Styled(fmt.Sprintf("%d wrong", r.Wrong)))
	}
	if r.Notes > 0 {
		parts = append(parts, text.Plural(int64(r.Notes), "note"))
	}
	if r.Skipped > 0 {
		parts = append(parts, fmt.Sprintf("%d skipped", r.Skipped))
	}
	if r.Wrong == 0 {
		parts = append([]string{ansi.Style{}.ForegroundColor(ansi.Green).Styled("all fine")}, parts...)
	}
	return line + strings.Join(parts, ", ")
}
