package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/settingsfile"
	"github.com/emostream/emostream/loadgen/report"
)

// onlyAfter is a stdout that fails, and notes whether a file was there before.
type onlyAfter struct {
	path  string
	there bool
}

func (w *onlyAfter) Write([]byte) (int, error) {
	_, err := os.Stat(w.path)
	w.there = err == nil
	return 0, errors.New("nobody reads")
}

// Files are written before the report is printed, since a closed pipe ends the program.
func TestReportFilesAreWrittenFirst(t *testing.T) {
	t.Setenv("GITHUB_STEP_SUMMARY", "")
	path := filepath.Join(t.TempDir(), "r.json")
	out := &onlyAfter{path: path}
	var said strings.Builder
	err := writeReport(streams{out: out, err: &said}, fabricated("host", nil), nil, true, []string{path})
	if err == nil || !out.there {
		t.Errorf("got error %v, file before stdout: %v", err, out.there)
	}
	if _, err := report.ReadFile(path); err != nil {
		t.Error(err)
	}
}

// A file that cannot be written keeps neither the report nor other files from being
// written.
func TestReportIsPrintedDespiteAFailedFile(t *testing.T) {
	t.Setenv("GITHUB_STEP_SUMMARY", "")
	dir := t.TempDir()
	good := filepath.Join(dir, "r.json")
	var out, said strings.Builder
	err := writeReport(streams{out: &out, err: &said}, fabricated("host", nil), nil, true, []string{filepath.Join(dir, "no", "r.json"), good})
	if _, missing := os.Stat(good); err == nil || missing != nil || out.Len() == 0 {
		t.Errorf("got error %v, %v, %d bytes printed", err, missing, out.Len())
	}
}

// A report that is given as a scenario is told from one.
func TestReportAsScenario(t *testing.T) {
	path := reportFile(t, report.Scenario{"rate": []byte("5")})
	var out strings.Builder
	code := execute(t.Context(), streams{in: strings.NewReader(""), out: &out, err: &out}, []string{"bench", "--scenario", path})
	if code != 2 || !strings.Contains(out.String(), "it is a report: repeat its run with --again "+path) {
		t.Errorf("exit code %d, %s", code, out.String())
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	long := strings.Replace(string(whole), `"notes": [`, `"notes": ["`+strings.Repeat("x", 2*settingsfile.MaxSize)+`"`, 1)
	for _, text := range []string{string(whole), long} {
		out.Reset()
		code := execute(t.Context(), streams{in: strings.NewReader(text), out: &out, err: &out}, []string{"bench", "--scenario", "-"})
		if code != 2 || !strings.Contains(out.String(), "it is a report: repeat its run with --again -") {
			t.Errorf("from stdin: exit code %d, %s", code, out.String())
		}
	}
}

// A ${ that no } ends is refused, with its place and without the value.
func TestUnendedVariables(t *testing.T) {
	for _, args := range [][]string{
		{"--header", "Authorization: Bearer ${TOKEN2"},
		{"--header", "Authorization: Bearer ${TOKEN{2}"},
		{"--post-url", "http://127.0.0.1:1/${TOKEN2"},
	} {
		var out strings.Builder
		code := execute(t.Context(), streams{in: strings.NewReader(""), out: &out, err: &out}, append([]string{"bench", "--post-url", "http://127.0.0.1:1/"}, args...))
		if code != 2 || !strings.Contains(out.String(), "${ without its }") || strings.Contains(args[0], "header") && (!strings.Contains(out.String(), "header 1: Authorization: character 8") || strings.Contains(out.String(), "TOKEN")) {
			t.Errorf("%q: exit code %d, %s", args, code, out.String())
		}
	}
}
