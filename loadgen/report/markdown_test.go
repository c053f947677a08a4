package report_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/charmbracelet/x/exp/golden"

	"github.com/emostream/emostream/loadgen/report"
)

func writtenMarkdown(t *testing.T, r report.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.WriteMarkdown(&b, r, report.Checks(r, false)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The command `go test ./loadgen/report -run Markdown -update` writes the golden files
// again.
func TestMarkdown(t *testing.T) {
	for name, r := range reports() {
		t.Run(name, func(t *testing.T) { golden.RequireEqual(t, writtenMarkdown(t, r)) })
	}
}

// bare matches a character that begins markup and is not escaped.
var bare = regexp.MustCompile("(^|[^\\\\])([<>*_\\[\\]!&@#`]|://|www\\.)")

// Foreign text neither ends a cell nor a line, and begins no markup: outside of code
// spans all that could is escaped.
func FuzzMarkdown(f *testing.F) {
	f.Add("| a | b |\n\n# <script>alert(1)</script> ![x](http://x) www.x.y @all `code` \\| \\` ``")
	f.Add("`")
	f.Fuzz(func(t *testing.T, s string) {
		shape := func(s string) (lines []string) {
			r := report.Report{
				Notes: []string{s}, Errors: map[string]int64{s: 1}, Unsent: 1, UnsentBecause: s, Options: report.Options{Target: s, Stages: s},
				Thresholds: []report.ThresholdResult{{Condition: s}}, Search: []report.Step{{Missed: []string{s}}},
				Streams: []report.Stream{{URL: s}},
			}
			return strings.Split(writtenMarkdown(t, r), "\n")
		}
		plain, got := shape("x"), shape(s)
		if len(plain) != len(got) {
			t.Fatalf("%d lines became %d:\n%s", len(plain), len(got), strings.Join(got, "\n"))
		}
		for i, line := range got {
			if strings.HasPrefix(plain[i], "|") && bars(plain[i]) != bars(line) {
				t.Errorf("the cells of %q became %q", plain[i], line)
			}
			prose := strings.ReplaceAll(withoutCode(line), "**", "")
			if m := bare.FindString(strings.TrimPrefix(prose, "### ")); m != "" {
				t.Errorf("%q begins markup in %q", m, line)
			}
		}
	})
}

// bars counts the bars that end cells.
func bars(line string) int { return strings.Count(line, "|") - strings.Count(line, `\|`) }

// withoutCode returns a line without its code spans: what stands between two runs of as
// many backticks, of which the first is not escaped.
func withoutCode(line string) string {
	runs := regexp.MustCompile("`+")
	for at := 0; ; {
		begin := runs.FindStringIndex(line[at:])
		if begin == nil {
			return line
		}
		begin[0], begin[1] = begin[0]+at, begin[1]+at
		if begin[0] > 0 && line[begin[0]-1] == '\\' {
			at = begin[0] + 1
			continue
		}
		at = begin[1]
		for _, end := range runs.FindAllStringIndex(line[begin[1]:], -1) {
			if end[1]-end[0] == begin[1]-begin[0] {
				line, at = line[:begin[0]]+line[begin[1]+end[1]:], begin[0]
				break
			}
		}
	}
}
