// Package doctor tells what is wrong with an installation, seen from the machine it
// runs on: ports, brokers, topics and their settings, the counting, clocks,
// subscriber servers, limits, the data folder, the terminal.
//
// Each area has facts, a rule that makes findings of them, and, where the facts are
// out there, a way to gather them. Rules are pure. A fault is found once: what only
// follows from it is skipped or left out, so that whoever mends what is said has
// mended all there is.
//
// Nothing is changed but for one thing: to be told the time, the brokers are sent a
// record without a value on emostream-servers, as every main server does.
package doctor

import (
	"fmt"
	"slices"
	"time"
)

// Status is how something was found.
type Status string

// What a finding may be. Only Wrong fails.
const (
	OK      Status = "ok"
	Note    Status = "note"    // worth knowing
	Wrong   Status = "wrong"   // something does not work, or a promise does not hold
	Skipped Status = "skipped" // it cannot be looked at, for a reason that is found elsewhere
)

// Finding is what one check came to.
type Finding struct {
	Area   string `json:"area"`
	Check  string `json:"check"` // what was checked
	Status Status `json:"status"`
	Found  string `json:"found"`
	Why    string `json:"why,omitempty"` // it matters; of notes and what is wrong
	Do     string `json:"do,omitempty"`  // about it
}

// The areas, in the order of a report.
const (
	areaSettings = "settings"
	areaPorts    = "ports"
	areaBrokers  = "brokers"
	areaTopics   = "topics"
	areaCounting = "counting"
	areaClock    = "clock"
	areaServers  = "servers"
	areaFiles    = "files"
	areaData     = "data"
	areaTerminal = "terminal"
)

// Report is what was found.
type Report struct {
	Checks   int       `json:"checks"`
	Wrong    int       `json:"wrong"`
	Notes    int       `json:"notes"`
	Skipped  int       `json:"skipped"`
	Findings []Finding `json:"findings"`
}

// NewReport counts findings.
func NewReport(findings []Finding) Report {
	r := Report{Checks: len(findings), Findings: findings}
	for _, f := range findings {
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

// well says whether no finding is wrong.
func well(findings []Finding) bool {
	return !slices.ContainsFunc(findings, func(f Finding) bool { return f.Status == Wrong })
}

// skipped is what there is to say of an area that cannot be looked at.
func skipped(area, check, because string) []Finding {
	return []Finding{{Area: area, Check: check, Status: Skipped, Found: because}}
}

// many is a number with its noun.
func many(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// about writes a duration rounded as people say it.
func about(d time.Duration) string {
	switch d = d.Abs(); {
	case d < 10*time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d < time.Hour:
		return d.Round(time.Second).String()
	}
	return d.Round(time.Minute).String()
}
