package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/emostream/emostream/internal/text"
)

// WriteMarkdown writes the report as Markdown for the summary of a CI job: the checks,
// the figures, what failed, and the notes. Foreign text in it is shown as it is.
func WriteMarkdown(w io.Writer, r Report, checks []Check) error {
	p := &textWriter{}
	missed := Misses(checks)
	p.line("### Load test: %s\n", choose(len(missed) == 0, "passed", fmt.Sprintf("missed %d of %d", len(missed), len(checks))))
	if r.Invalid {
		reasons, _ := r.reasons()
		p.line("**INVALID: the figures speak of the generator, not of the target.** %s\n", markdown(strings.Join(reasons, " ")))
	}
	if r.Interrupted {
		p.line("**INTERRUPTED: what follows is what was done until then.**\n")
	}
	p.line("%s: %s\n", markdownCode(r.Options.Target), markdown(asked(r.Options)))
	p.markdownChecks(checks)
	p.markdownReactions(r)
	p.markdownParts(r)
	p.markdownLatencies(r)
	p.markdownStreams(r.Streams)
	p.markdownUsage(r)
	p.markdownErrors(r.Errors)
	_, notes := r.reasons()
	for i, n := range notes {
		p.line("%s- %s", choose(i == 0, "\n", ""), markdown(n))
	}
	_, err := io.WriteString(w, p.String())
	return err
}

func (p *textWriter) markdownChecks(checks []Check) {
	p.line("| condition | | |\n|---|---|---|")
	for _, c := range checks {
		name := c.Name
		if c.Asked {
			name = markdownCell(name)
		}
		p.line("| %s | %s | %s |", name, choose(c.Outcome == Missed, "**MISSED**", string(c.Outcome)), markdown(c.Says))
	}
}

func (p *textWriter) markdownReactions(r Report) {
	rate := ""
	if v := r.Load().AcceptedRate(); v != nil {
		rate = ", " + text.Decimals(*v, 1) + "/s"
	}
	p.line("\n| reactions | |\n|---|--:|")
	p.line("| sent | %s |", text.Thousands(r.Sent))
	if r.WarmUp != nil {
		p.line("| of it warm-up, in no latency and no rate | %s |", text.Thousands(r.WarmUp.Sent))
	}
	p.line("| accepted | %s%s |", text.Thousands(r.Accepted), rate)
	p.line("| rejected | %s |", text.Thousands(r.Rejected))
	p.line("| in doubt | %s |", text.Thousands(r.InDoubt))
	if r.Unsent > 0 {
		p.line("| not sent: %s | %s |", markdown(r.UnsentBecause), text.Thousands(r.Unsent))
	}
	for _, row := range []struct {
		name    string
		n, most *int64
	}{{"counted", r.Counted, nil}, {"lost", r.Lost, r.LostAtMost}, {"doubled", r.Doubled, r.DoubledAtMost}, {"shifted", r.Shifted, nil}} {
		if row.n != nil {
			p.line("| %s | %s |", row.name, withMost(row.n, row.most))
		}
	}
	if l := r.Listeners; l.Connected > 0 || l.Wanted > 0 {
		p.line("| listeners | %s %s |", text.Thousands(int64(l.Connected)), l.wanted())
		p.line("| gaps, behind | %s, %s |", text.Thousands(l.Gaps), text.Thousands(l.Behind))
		for _, kind := range borneKinds(l) {
			if b := kind.borne; b != nil {
				p.line("| %s | %s |", kind.name, b.inWords())
			}
		}
	}
}

func (p *textWriter) markdownLatencies(r Report) {
	if len(r.Latency) == 0 {
		return
	}
	p.line("\n| latency in ms | p50 | p90 | p99 | p99.9 | max | count |\n|---|--:|--:|--:|--:|--:|--:|")
	for _, name := range shownLatencies(r) {
		if l := r.Latency[name.key]; l != nil {
			p.line("| %s | %s | %s | %s | %s | %s | %s |", name.words, text.Decimals(l.P50, 2), text.Decimals(l.P90, 2), text.Decimals(l.P99, 2),
				text.Decimals(l.P999, 2), text.Decimals(l.Max, 2), text.Thousands(l.Count))
		}
	}
}

func (p *textWriter) markdownStreams(all []Stream) {
	if len(all) == 0 {
		return
	}
	p.line("\n| stream | listeners | counted | lost | doubled | gaps | e2e p99 in ms |\n|---|--:|--:|--:|--:|--:|--:|")
	for _, s := range all[:min(len(all), shownStreams)] {
		p99 := ""
		if s.EndToEnd != nil {
			p99 = text.Decimals(s.EndToEnd.P99, 1)
		}
		p.line("| %s | %s | %s | %s | %s | %s | %s |", markdownCell(s.URL), text.Thousands(int64(s.Connected)), known(s.Counted),
			known(s.Lost), known(s.Doubled), known(s.Gaps), p99)
	}
	p.markdownMore(len(all)-shownStreams, "streams", 6)
}

func (p *textWriter) markdownUsage(r Report) {
	rows := r.usageRows()
	if len(rows) == 0 {
		return
	}
	p.line("\n| what the target spent | | |\n|---|--:|---|")
	for _, row := range rows {
		p.line("| %s | %s | %s |", markdown(row.name), markdown(row.value), markdown(row.remark))
	}
}

// markdownMore ends a table of a few columns more that does not show all.
func (p *textWriter) markdownMore(more int, what string, columns int) {
	if more > 0 {
		p.line("| and %d more %s %s|", more, what, strings.Repeat("| ", columns))
	}
}

func (p *textWriter) markdownErrors(errs map[string]int64) {
	if len(errs) == 0 {
		return
	}
	p.line("\n| %s | |\n|---|--:|", strings.ToLower(failedOf(errs)))
	kinds := byCount(errs)
	for _, k := range kinds[:min(len(kinds), shownErrors)] {
		p.line("| %s | %s |", markdownCell(text.Clip(k, 200, "…")), text.Thousands(errs[k]))
	}
	p.markdownMore(len(kinds)-shownErrors, "kinds", 1)
}

// markdownCode returns foreign text as a code span, in which a Markdown renderer finds
// neither markup nor links nor names of people.
func markdownCode(s string) string {
	s = strings.TrimSpace(text.Clean(s))
	if s == "" {
		return ""
	}
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return fence + s + fence
}

// markdownCell returns foreign text as a code span in the cell of a table, which a bar
// would end even there.
func markdownCell(s string) string { return strings.ReplaceAll(markdownCode(s), "|", `\|`) }

// markdown escapes foreign text, so that a Markdown renderer shows it unchanged, and
// makes neither links to pages nor a list of it.
func markdown(s string) string {
	var b strings.Builder
	for _, r := range strings.TrimSpace(text.Clean(s)) {
		if strings.ContainsRune("\\`*_{}[]()<>#+!|~&@", r) || b.Len() == 0 && strings.ContainsRune("-=", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	s = strings.NewReplacer("://", `:\//`, "www.", `www\.`).Replace(b.String())
	if digits := strings.TrimLeft(s, "0123456789"); digits != s && strings.HasPrefix(digits, ".") { // 1. begins a list
		s = s[:len(s)-len(digits)] + `\` + digits
	}
	return s
}
