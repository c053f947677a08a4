package report_test

import (
	"bytes"
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/x/exp/golden"

	"github.com/emostream/emostream/loadgen/report"
)

// The ending chooses the format, and WriteFile leaves no other file behind.
func TestWriteFile(t *testing.T) {
	r := fabricate(load{seed: 1, seconds: 3})
	r.Latency[report.Overhead] = nil
	for name, want := range map[string]map[string]string{ // expected files and how they begin
		"a.json": {"a.json": "{\n  \"schema\": \"emostream-bench/1\""},
		"a.html": {"a.html": "<!doctype html>"},
		"a.csv":  {"a.csv": "at_ms,asked,sent,"},
		"a.xml":  {"a.xml": "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"4\""},
		"a.md":   {"a.md": "### Load test: passed"},
		"a.b.hgrm": {
			"a.b.ack.hgrm": " Value", "a.b.e2e.hgrm": " Value", "a.b.first_event.hgrm": "", "a.b.send_delay.hgrm": "",
			"a.b.sse_connect.hgrm": "", "a.b.window_wait.hgrm": "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for range 2 { // the second time it replaces the first file
				if err := report.WriteFile(filepath.Join(dir, name), r, report.Checks(r, false)); err != nil {
					t.Fatal(err)
				}
			}
			entries, err := os.ReadDir(dir)
			if err != nil || len(entries) != len(want) {
				t.Fatalf("got %v %v, want %d files", entries, err, len(want))
			}
			for file, begin := range want {
				if b, err := os.ReadFile(filepath.Join(dir, file)); err != nil || !strings.HasPrefix(string(b), begin) {
					t.Errorf("%s begins with %.40q, %v", file, b, err)
				}
			}
		})
	}
}

func TestWriteFileThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	broken := fabricate(load{seed: 1, seconds: 1})
	broken.Latency[report.Ack].Histogram = "x"
	for _, test := range []struct {
		name string
		r    report.Report
		want string
	}{
		{"report.pdf", report.Report{}, `report.pdf: a report is written to a file that ends in .json, .html, .xml (JUnit), .md (Markdown), .hgrm (percentiles) or .csv (time series), and this ends in ".pdf"`},
		{"report", report.Report{}, `and this ends in ""`},
		{"nowhere/report.json", report.Report{}, "its folder cannot be used"},
		{"file/report.json", report.Report{}, "file is no folder"},
		{"report.html", broken, "latency ack: histogram:"},
		{"report.hgrm", broken, "report.ack.hgrm: histogram:"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := report.WriteFile(filepath.Join(dir, test.name), test.r, nil)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
				t.Errorf("it left %v behind", left)
			}
		})
	}
}

func TestHGRM(t *testing.T) {
	h := report.NewHistogram()
	h.RecordN(1_000_000, 90)
	h.RecordN(20_000_000, 9)
	h.RecordN(300_000_000, 1)
	var b bytes.Buffer
	if err := report.WriteHGRM(&b, h.Latency()); err != nil {
		t.Fatal(err)
	}
	golden.RequireEqual(t, b.String())
}

func TestCSV(t *testing.T) {
	r := report.Report{Series: []report.Point{
		{AtMS: 0, Asked: 100.5, Sent: 100, Accepted: 90, Failed: 10, Listeners: 7, Events: 3, AckP50: 1.25, AckP99: 1234567.5},
		{AtMS: 1000},
	}}
	var b bytes.Buffer
	if err := report.WriteCSV(&b, r); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := [][]string{
		strings.Split("at_ms,asked,sent,accepted,failed,listeners,events,ack_p50,ack_p99", ","),
		strings.Split("0,100.5,100,90,10,7,3,1.25,1234567.5", ","),
		strings.Split("1000,0,0,0,0,0,0,0,0", ","),
	}
	if !slices.EqualFunc(rows, want, slices.Equal) {
		t.Errorf("got %v, want %v", rows, want)
	}
}
