package report

import (
	"encoding/xml"
	"io"
	"strings"

	"github.com/emostream/emostream/internal/text"
)

// WriteJUnit writes the checks of a run as JUnit XML, as CI servers and their reporters
// read it: each check is a test case, a missed one a failure. The whole report as text
// is in it, too.
func WriteJUnit(w io.Writer, r Report, checks []Check) error {
	var whole strings.Builder
	if err := WriteText(&whole, r); err != nil {
		return err
	}
	s := junitSuite{Name: "emostream bench", Hostname: xmlText(text.Clean(r.Environment.Host)), Out: &junitText{xmlText(whole.String())}}
	if !r.Started.IsZero() {
		s.Timestamp = r.Started.UTC().Format("2006-01-02T15:04:05")
	}
	for _, p := range runProperties() {
		if v := p.value(r); v != "" {
			s.Properties = append(s.Properties, junitProperty{p.name, xmlText(text.Clean(v))})
		}
	}
	return s.write(w, checks, r.DurationMS/1000)
}

// WriteJUnit writes the comparison as JUnit XML: each figure is a test case, one that is
// worse a failure.
func (c Comparison) WriteJUnit(w io.Writer) error {
	var whole strings.Builder
	if err := c.WriteText(&whole); err != nil {
		return err
	}
	return junitSuite{Name: "emostream bench compare", Out: &junitText{xmlText(whole.String())}}.write(w, c.Checks(), 0)
}

// The elements of JUnit XML. There is no standard; these are what the schema of Jenkins
// and the pages of GitLab agree in.
type (
	junitSuites struct {
		XMLName xml.Name `xml:"testsuites"`
		junitSums
		Suites []junitSuite `xml:"testsuite"`
	}
	junitSums struct {
		Tests    int    `xml:"tests,attr"`
		Failures int    `xml:"failures,attr"`
		Errors   int    `xml:"errors,attr"`
		Time     string `xml:"time,attr"`
	}
	junitSuite struct {
		Name string `xml:"name,attr"`
		junitSums
		Skipped    int             `xml:"skipped,attr"`
		Timestamp  string          `xml:"timestamp,attr,omitempty"`
		Hostname   string          `xml:"hostname,attr,omitempty"`
		Properties []junitProperty `xml:"properties>property,omitempty"`
		Cases      []junitCase     `xml:"testcase"`
		Out        *junitText      `xml:"system-out"`
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		Name      string        `xml:"name,attr"`
		Classname string        `xml:"classname,attr"`
		Time      string        `xml:"time,attr"`
		Skipped   *junitOutcome `xml:"skipped"`
		Failure   *junitOutcome `xml:"failure"`
		Out       *junitText    `xml:"system-out"`
	}
	junitOutcome struct {
		Message string `xml:"message,attr"`
		Type    string `xml:"type,attr,omitempty"`
		Text    string `xml:",chardata"`
	}
	junitText struct {
		Text string `xml:",cdata"`
	}
)

// write writes the suite with a test case for each check. The first case takes all of
// the time, since readers add the times up.
func (s junitSuite) write(w io.Writer, checks []Check, seconds float64) error {
	for i, c := range checks {
		at := junitCase{Name: xmlText(text.Clean(c.Name)), Classname: s.Name + ".always", Time: "0"}
		if i == 0 {
			at.Time = plainNumber(seconds)
		}
		if c.Asked {
			at.Classname = s.Name + ".asked"
		}
		says := xmlText(text.Clean(c.Says))
		switch c.Outcome {
		case Missed:
			s.Failures++
			at.Failure = &junitOutcome{Message: says, Type: string(Missed), Text: at.Name + ": " + says}
		case NotChecked:
			s.Skipped++
			at.Skipped = &junitOutcome{Message: says}
		case Met:
			at.Out = &junitText{says}
		}
		s.Cases = append(s.Cases, at)
	}
	s.Tests, s.Time = len(checks), plainNumber(seconds)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(junitSuites{junitSums: s.junitSums, Suites: []junitSuite{s}}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// xmlText makes foreign text safe to print, and replaces the characters that XML forbids.
func xmlText(s string) string {
	return strings.NewReplacer("\ufffe", "\ufffd", "\uffff", "\ufffd").Replace(text.CleanLines(s))
}
