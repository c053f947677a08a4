package report_test

import (
	"bytes"
	"encoding/xml"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/charmbracelet/x/exp/golden"

	"github.com/emostream/emostream/loadgen/report"
)

// junit is a JUnit file as a reader of its own sees it.
type junit struct {
	XMLName  xml.Name `xml:"testsuites"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Suites   []struct {
		Name    string `xml:"name,attr"`
		Skipped int    `xml:"skipped,attr"`
		Cases   []struct {
			Name    string `xml:"name,attr"`
			Class   string `xml:"classname,attr"`
			Failure []struct {
				Message string `xml:"message,attr"`
			} `xml:"failure"`
			Skipped []struct{} `xml:"skipped"`
		} `xml:"testcase"`
		Out string `xml:"system-out"`
	} `xml:"testsuite"`
}

func writtenJUnit(t *testing.T, r report.Report, checks []report.Check) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.WriteJUnit(&b, r, checks); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// readJUnit reads a JUnit file, whose sums must be right.
func readJUnit(t *testing.T, text string) junit {
	t.Helper()
	var j junit
	d := xml.NewDecoder(strings.NewReader(text))
	d.Strict = true
	if err := d.Decode(&j); err != nil {
		t.Fatal(err)
	}
	failures, skipped, names := 0, 0, map[string]bool{}
	for _, c := range j.Suites[0].Cases {
		failures += len(c.Failure)
		skipped += len(c.Skipped)
		names[c.Class+c.Name] = true
	}
	if n := len(j.Suites[0].Cases); len(j.Suites) != 1 || j.Tests != n || len(names) != n || j.Failures != failures || j.Suites[0].Skipped != skipped {
		t.Errorf("%d tests, %d failures and %d skipped are told; there are %d (%d names), %d and %d", j.Tests, j.Failures, j.Suites[0].Skipped, n, len(names), failures, skipped)
	}
	return j
}

// property matches a line with an option of the run. The options are tested elsewhere.
var property = regexp.MustCompile(`(?m)^ *<property .*\n`)

// The command `go test ./loadgen/report -run JUnit -update` writes the golden files again.
func TestJUnit(t *testing.T) {
	for name, r := range reports() {
		t.Run(name, func(t *testing.T) {
			checks := report.Checks(r, false)
			text := writtenJUnit(t, r, checks)
			if j := readJUnit(t, text); j.Failures != len(report.Misses(checks)) {
				t.Errorf("%d failures, want %d", j.Failures, len(report.Misses(checks)))
			}
			for _, want := range []string{`<property name="connections" value="`, `<property name="system" value="`} {
				if !strings.Contains(text, want) {
					t.Errorf("it has no %s", want)
				}
			}
			golden.RequireEqual(t, property.ReplaceAllString(text, ""))
		})
	}
}

func TestJUnitOfAComparison(t *testing.T) {
	c := compare(t, []report.Report{fabricate(load{seed: 1})}, []report.Report{fabricate(load{seed: 2, slower: 2, lost: 2})}, 5)
	var b bytes.Buffer
	if err := c.WriteJUnit(&b); err != nil {
		t.Fatal(err)
	}
	if j := readJUnit(t, b.String()); j.Failures != len(c.Regressions) {
		t.Errorf("%d failures, want %d", j.Failures, len(c.Regressions))
	}
	golden.RequireEqual(t, b.String())
}

// Whatever a target or a report says, the XML is well-formed and holds no character that
// XML forbids or that nobody sees.
func FuzzJUnit(f *testing.F) {
	f.Add("]]></system-out><testcase name=\"x\"/>\x00\x1b[31m\ufffe\u202e\xff&lt;")
	f.Fuzz(func(t *testing.T, s string) {
		r := report.Report{
			Notes: []string{s}, Errors: map[string]int64{s: 1}, Invalid: true, UnsentBecause: s, Unsent: 1,
			Options: report.Options{Target: s, Channel: s}, Environment: report.Environment{Host: s, Version: s, OS: s},
			Thresholds: []report.ThresholdResult{{Condition: s}}, Search: []report.Step{{Missed: []string{s}}},
		}
		text := writtenJUnit(t, r, report.Checks(r, false))
		readJUnit(t, text)
		for _, c := range text {
			if c != '\n' && (unicode.IsControl(c) || c == '\ufffe' || c == '\u202e') {
				t.Fatalf("it holds %U", c)
			}
		}
	})
}
