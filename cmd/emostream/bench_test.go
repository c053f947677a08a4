package main

import (
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/emostream/emostream/loadgen/report"
)

// The report of a load test decides the exit code. If there are several reasons, the
// worst one decides.
func TestBenchExit(t *testing.T) {
	n := func(i int64) *int64 { return &i }
	missed := []report.ThresholdResult{{Condition: "ack_p99<1ms"}, {Condition: "lost==0", Met: true}}
	for name, tt := range map[string]struct {
		report report.Report
		code   int
		says   string
	}{
		"all is well":                  {report.Report{Lost: n(0), Doubled: n(0), Thresholds: missed[1:]}, exitOK, ""},
		"books that cannot be had":     {report.Report{}, exitOK, ""},
		"a threshold was missed":       {report.Report{Lost: n(0), Doubled: n(0), Thresholds: missed}, exitMissed, "missed: ack_p99<1ms"},
		"something was lost":           {report.Report{Lost: n(3), Doubled: n(0)}, exitUnverified, "3 lost, 0 doubled"},
		"something was doubled":        {report.Report{Lost: n(0), Doubled: n(2)}, exitUnverified, "0 lost, 2 doubled"},
		"lost, and a threshold missed": {report.Report{Lost: n(1), Doubled: n(0), Thresholds: missed}, exitUnverified, "1 lost"},
		"books that are not whole":     {report.Report{Lost: n(0), Doubled: n(0), UnbalancedBecause: "why"}, exitMissed, "missed: balanced books (why)"},
		"no books, and why":            {report.Report{UnbalancedBecause: "why"}, exitMissed, "missed: balanced books (why)"},
		"lost, and not whole":          {report.Report{Lost: n(1), Doubled: n(0), UnbalancedBecause: "why"}, exitUnverified, "1 lost"},
		"a search that found a rate":   {report.Report{Search: []report.Step{{Rate: 8, Met: true}, {Rate: 16, Missed: []string{"x"}}}}, exitOK, ""},
		"one that found none": {
			report.Report{Search: []report.Step{{Rate: 1}, {Rate: 0.5, Missed: []string{"the generator could not keep up"}}}},
			exitMissed, "no rate held, not even 0.5 a second: missed: the generator could not keep up",
		},
		"an invalid run":                 {report.Report{Invalid: true, Thresholds: missed[1:]}, exitMissed, "missed: a valid run (the generator could not keep up; --allow-invalid"},
		"an invalid run that may be one": {report.Report{Invalid: true, Notes: []string{"allowed"}}, exitOK, ""},
		"nothing was accepted":           {report.Report{Sent: 9, Thresholds: missed[1:]}, exitMissed, "missed: anything accepted (nothing was measured)"},
		"nothing could be sent":          {report.Report{Unsent: 9}, exitMissed, "missed: anything accepted"},
		"something was accepted":         {report.Report{Sent: 9, Accepted: 1}, exitOK, ""},
		"interrupted":                    {report.Report{Interrupted: true, Thresholds: missed}, exitInterrupted, ""},
	} {
		t.Run(name, func(t *testing.T) {
			allowed := len(tt.report.Notes) > 0
			err := (&validityFlag{allowInvalid: allowed}).exit(tt.report)
			if missed := report.Misses(report.Checks(tt.report, allowed)); (len(missed) > 0) != (err != nil) {
				t.Errorf("a file for CI says that %v is missed", missed)
			}
			code := exitOK
			if e, ok := errors.AsType[*exitError](err); ok {
				code = e.code
			}
			if errors.Is(err, errInterrupted) {
				code = exitInterrupted
			}
			if code != tt.code || tt.says != "" && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("it ends with %d, %v; want %d and %q", code, err, tt.code, tt.says)
			}
		})
	}
}

// A line of GitHub's commands ends neither its title nor itself early, whatever it says.
func TestAnnotation(t *testing.T) {
	for name, tt := range map[string]struct{ title, message, want string }{
		"a condition":  {"Load test: ack_p99<5ms", "measured 7.00 ms", "::error title=Load test%3A ack_p99<5ms::measured 7.00 ms\n"},
		"a share":      {"error_rate<1%", "measured 2 %", "::error title=error_rate<1%25::measured 2 %25\n"},
		"foreign text": {"a,file=x::b", "c\r\n::stop-commands::d\x1b[31m\u202e", "::error title=a%2Cfile=x%3A%3Ab::c ::stop-commands::d[31m\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := annotation(tt.title, tt.message); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// What a target says is no command to GitHub, whose jobs read stdout. In JSON it is still
// what the target has said.
func TestForeignCommands(t *testing.T) {
	const said = "503 ##[error]all is well"
	r := report.Report{Errors: map[string]int64{said: 1}, Notes: []string{"::stop-commands::x ##[add-mask]1"}}
	for name, tt := range map[string]struct {
		actions string
		write   func(io.Writer) error
		asJSON  bool
		holds   bool
	}{
		"text elsewhere": {"", func(w io.Writer) error { return report.WriteText(w, r) }, false, true},
		"text in a job":  {"true", func(w io.Writer) error { return report.WriteText(w, r) }, false, false},
		"JSON in a job":  {"true", func(w io.Writer) error { return report.WriteJSON(w, r) }, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GITHUB_ACTIONS", tt.actions)
			var b strings.Builder
			if err := tt.write(forJob(&b, tt.asJSON)); err != nil {
				t.Fatal(err)
			}
			if got := regexp.MustCompile(`(?m)^\s*::|##\[`).MatchString(b.String()); got != tt.holds {
				t.Errorf("it holds a command: %t, want %t\n%s", got, tt.holds, b.String())
			}
			var read struct{ Errors map[string]int64 }
			if tt.asJSON && (json.Unmarshal([]byte(b.String()), &read) != nil || read.Errors[said] != 1) {
				t.Errorf("it is other JSON:\n%s", b.String())
			}
		})
	}
}
