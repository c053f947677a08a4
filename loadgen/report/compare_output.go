package report

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/emostream/emostream/internal/text"
)

// WriteText writes the comparison as text of at most 80 columns.
func (c Comparison) WriteText(w io.Writer) error {
	p := &textWriter{}
	if !c.Comparable {
		p.line("NOT COMPARABLE: %s, as listed below.\n", c.why())
	}
	p.line("base: %s, new: %s%s", runs(c.BaseRuns), runs(c.NewRuns), choose(c.alone(), "; with one run a side only large changes show", ""))
	for _, warning := range c.Warnings {
		p.paragraph(warning)
	}
	if len(c.Differences) > 0 {
		p.section("Differences of the runs")
	}
	for _, d := range c.Differences {
		p.line("  %-14s%s", d.Name, clip(d.Base+" -> "+d.New+choose(d.Matters, "", "  (may differ)"), width-16))
	}
	p.line("\n%-22s%14s%14s%11s  %s", "Figure", "base", "new", "change", "verdict")
	for _, change := range c.Changes {
		p.line("  %-20s%14s%14s%11s  %s", change.Name, change.text(change.Base), change.text(change.New), change.percent(), c.verdict(change))
	}
	p.line("")
	for _, l := range wrap(c.Summary(), width) {
		p.line("%s", l)
	}
	_, err := io.WriteString(w, p.String())
	return err
}

// why says in general why the runs cannot be compared.
func (c Comparison) why() string {
	if slices.ContainsFunc(c.Differences, func(d Difference) bool { return d.Matters }) {
		return "the runs differ in more than the target"
	}
	return "not every run tells what the target can do"
}

// alone returns whether a side has only one run.
func (c Comparison) alone() bool { return c.BaseRuns < 2 || c.NewRuns < 2 }

func runs(n int) string {
	if n == 1 {
		return "1 run"
	}
	return fmt.Sprintf("%d runs", n)
}

func (c Change) text(v *float64) string {
	if v == nil {
		return "n/a"
	}
	switch c.Unit {
	case "ms":
		return text.Decimals(*v, 2) + " ms"
	case "µs":
		return micro(*v)
	case "B":
		return amount(int64(*v))
	}
	return strings.TrimSpace(short(*v) + choose(c.Unit == "%", " ", "") + c.Unit)
}

func (c Change) percent() string {
	switch {
	case c.Base == nil || c.New == nil:
		return ""
	case c.Percent == nil:
		return "from 0"
	case *c.Percent == 0:
		return "0 %"
	}
	return fmt.Sprintf("%+.1f %%", *c.Percent)
}

// verdict returns a change's verdict in words, or "-" if it is not judged.
func (c Comparison) verdict(change Change) string {
	switch {
	case c.regressed(change):
		return "REGRESSION"
	case change.Verdict == Context, change.Verdict == Unknown:
		return "-"
	}
	return string(change.Verdict)
}

func (c Comparison) regressed(change Change) bool {
	return slices.Contains(c.Regressions, change.Name)
}

// Failed returns the names of the regressions: the figures that are worse, and those that
// are not measured any more.
func (c Comparison) Failed() (worse, unmeasured []string) {
	for _, change := range c.Changes {
		switch {
		case !c.regressed(change):
		case change.New == nil:
			unmeasured = append(unmeasured, change.Name)
		default:
			worse = append(worse, change.Name)
		}
	}
	return worse, unmeasured
}

// Summary returns the comparison in one sentence.
func (c Comparison) Summary() string {
	better, worse := 0, 0
	for _, change := range c.Changes {
		switch change.Verdict {
		case Better:
			better++
		case Worse:
			worse++
		case Same, Context, Unknown:
		}
	}
	switch {
	case len(c.Regressions) > 0:
		more, missing := c.Failed()
		var parts []string
		if len(more) > 0 {
			parts = append(parts, fmt.Sprintf("%s worse by more than %s %% and than noise: %s.", figures(len(more)), short(*c.FailOn), strings.Join(more, ", ")))
		}
		if len(missing) > 0 {
			parts = append(parts, fmt.Sprintf("%s not measured any more: %s.", figures(len(missing)), strings.Join(missing, ", ")))
		}
		return strings.Join(parts, " ")
	case better+worse == 0:
		return "Nothing changed by more than noise."
	case worse == 0:
		return fmt.Sprintf("%s better, nothing is worse by more than noise.", figures(better))
	case better == 0:
		return fmt.Sprintf("%s worse by more than noise.", figures(worse))
	}
	return fmt.Sprintf("%s better and %d worse by more than noise.", figures(better), worse)
}

func figures(n int) string {
	if n == 1 {
		return "1 figure is"
	}
	return fmt.Sprintf("%d figures are", n)
}

// WriteMarkdown writes the comparison as a table for a pull request.
func (c Comparison) WriteMarkdown(w io.Writer) error {
	p := &textWriter{}
	p.line("### Load test: %s\n", markdown(c.Summary()))
	if !c.Comparable {
		p.line("**Not comparable:** %s.\n", c.why())
	}
	for _, warning := range c.Warnings {
		p.line("- %s", markdown(warning))
	}
	for _, d := range c.Differences {
		p.line("- %s: %s → %s%s", markdown(d.Name), markdown(d.Base), markdown(d.New), choose(d.Matters, "", " (may differ)"))
	}
	if len(c.Warnings)+len(c.Differences) > 0 {
		p.line("")
	}
	p.line("| figure | base (%s) | new (%s) | change | verdict |", runs(c.BaseRuns), runs(c.NewRuns))
	p.line("|---|--:|--:|--:|---|")
	for _, change := range c.Changes {
		verdict := c.verdict(change)
		if c.regressed(change) {
			verdict = "**regression**"
		}
		p.line("| %s | %s | %s | %s | %s |", change.Name, change.text(change.Base), change.text(change.New), change.percent(), verdict)
	}
	_, err := io.WriteString(w, p.String())
	return err
}

// WriteJSON writes the comparison as JSON.
func (c Comparison) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(text.JSONWriter(w))
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(c)
}
