// Package doctor finds out what is wrong with an installation, as seen from the machine
// it runs on: ports, brokers, topics and their settings, the counting, clocks,
// subscriber servers, limits, the data folder, the terminal.
//
// Each area has a type for its facts and a rule that makes findings of them. Rules are
// pure; facts from outside are gathered by code of their own. A fault is reported once.
// What only follows from it is skipped or left out, so that whoever mends everything
// that is reported has mended everything.
//
// Doctor changes one thing only: to get the brokers' time, it writes a record without a
// value to emostream-clock, as every main server does.
package doctor

import (
	"fmt"
	"slices"
	"time"

	"github.com/emostream/emostream/internal/text"
)

// Status is the result of a check.
type Status string

// The values of a Status. Only Wrong makes doctor fail.
const (
	OK      Status = "ok"
	Note    Status = "note"    // worth knowing
	Wrong   Status = "wrong"   // something does not work, or a promise does not hold
	Skipped Status = "skipped" // it cannot be checked, because of something that another finding reports
)

// Finding is what one check found.
type Finding struct {
	Area   string `json:"area"`
	Check  string `json:"check"` // what was checked
	Status Status `json:"status"`
	Found  string `json:"found"`
	Why    string `json:"why,omitempty"` // why it matters; only with Note and Wrong
	Do     string `json:"do,omitempty"`  // what to do about it
}

// The areas, in the order of a report.
const (
	areaSettings = "settings"
	areaKeys     = "keys"
	areaPorts    = "ports"
	areaBrokers  = "brokers"
	areaTopics   = "topics"
	areaCounting = "counting"
	areaClock    = "clock"
	areaServers  = "servers"
	areaControls = "controls"
	areaFiles    = "files"
	areaData     = "data"
	areaTerminal = "terminal"
)

// Report is all findings, and how many there are of each status.
type Report struct {
	Checks   int       `json:"checks"`
	Wrong    int       `json:"wrong"`
	Notes    int       `json:"notes"`
	Skipped  int       `json:"skipped"`
	Findings []Finding `json:"findings"`
}

// NewReport returns a report of findings.
func NewReport(findings []Finding) Report {
	r := Report{Checks: len(findings), Findings: findings}
	for i, f := range findings {
		findings[i].Found, findings[i].Do = text.HideSecrets(f.Found), text.HideSecrets(f.Do)
		switch f.Status {
		case Wrong:
			r.Wrong++
		case Note:
			r.Notes++
		case Skipped:
			r.Skipped++
		case OK:
		}
	}
	return r
}

// findings collects the findings of an area.
type findings struct {
	area string
	all  []Finding
}

func (l *findings) ok(check, format string, args ...any) {
	l.add(OK, check, fmt.Sprintf(format, args...), "", "")
}

func (l *findings) skip(check, format string, args ...any) {
	l.add(Skipped, check, fmt.Sprintf(format, args...), "", "")
}

func (l *findings) note(check, found, why, do string)  { l.add(Note, check, found, why, do) }
func (l *findings) wrong(check, found, why, do string) { l.add(Wrong, check, found, why, do) }

func (l *findings) add(s Status, check, found, why, do string) {
	l.all = append(l.all, Finding{l.area, check, s, found, why, do})
}

// well says whether no finding is Wrong.
func well(findings []Finding) bool {
	return !slices.ContainsFunc(findings, func(f Finding) bool { return f.Status == Wrong })
}

// skipped returns the finding of an area that cannot be checked.
func skipped(area, check, because string) []Finding {
	return []Finding{{Area: area, Check: check, Status: Skipped, Found: because}}
}

// many returns a number with its noun, in the plural if needed.
func many(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// about returns a rounded duration.
func about(d time.Duration) string {
	switch d = d.Abs(); {
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Hour:
		return d.Round(time.Second).String()
	}
	return d.Round(time.Minute).String()
}
