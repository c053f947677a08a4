package report_test

import (
	"bytes"
	"encoding/xml"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/emostream/emostream/loadgen/report"
)

func page(t *testing.T, r report.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.WriteHTML(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// A page needs no other file, and shows what the report contains.
func TestPage(t *testing.T) {
	for name, r := range reports() {
		t.Run(name, func(t *testing.T) {
			got := page(t, r)
			// With go test -artifacts the page is kept for viewing.
			if err := os.WriteFile(filepath.Join(t.ArtifactDir(), name+".html"), []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			for _, foreign := range []string{"<script", "<img", "<link", "@import", "url(", "src=", "href="} {
				if strings.Contains(strings.ReplaceAll(got, "&lt;", "."), foreign) && name != "hostile" {
					t.Errorf("the page has %s", foreign)
				}
			}
			for _, value := range []string{"NaN", "Inf", "ZgotmplZ", "%!"} {
				if strings.Contains(got, value) {
					t.Errorf("the page has %s", value)
				}
			}
			if strings.Contains(got, "Invalid: the figures") != r.Invalid {
				t.Errorf("the page tells of an invalid run: want %t", r.Invalid)
			}
		})
	}
}

// Names of targets and errors are shown as text, wherever they stand.
func TestPageEscapesForeignText(t *testing.T) {
	got := page(t, reports()["hostile"])
	for _, tag := range []string{"<script", "<img", "</svg><img", "\x1b", "\u202e"} {
		if strings.Contains(got, tag) {
			t.Errorf("the page has %q", tag)
		}
	}
	if n := strings.Count(got, "</style>"); n != 1 {
		t.Errorf("the style ends %d times", n)
	}
	if !strings.Contains(got, "&lt;script&gt;alert(1)") || !strings.Contains(got, "&lt;img src=x onerror=alert(1)&gt;") {
		t.Error("the page does not tell the target or an error as text")
	}
}

// The charts are well-formed, stay inside their box, and show the values of the series.
func TestPageCharts(t *testing.T) {
	got := page(t, reports()["missed"])
	charts := regexp.MustCompile(`(?s)<svg.*?</svg>`).FindAllString(got, -1)
	if len(charts) != 3+2 {
		t.Fatalf("%d charts, want rate, ack, distribution and a bar for each of two errors", len(charts))
	}
	for _, c := range charts {
		if err := xml.Unmarshal([]byte(c), new(struct{})); err != nil {
			t.Errorf("%v: %.200s", err, c)
		}
		for _, d := range regexp.MustCompile(` d="([^"]*)"`).FindAllStringSubmatch(c, -1) {
			if !regexp.MustCompile(`^([MLVHhZ ]|-?\d+(\.\d+)?)*$`).MatchString(d[1]) || strings.Contains(d[1], "-") {
				t.Errorf("a path leaves its box: %.200s", d[1])
			}
		}
	}
	for _, want := range []string{"asked 2,000, sent 2,000, accepted 500, failed 0", "p50 480 ms, p99 990 ms", "logarithmic"} {
		if !strings.Contains(got, want) {
			t.Errorf("the page does not tell %q", want)
		}
	}
}

// The page of a run of hours is no larger than that of a run of minutes.
func TestPageOfALongRunIsLight(t *testing.T) {
	r := fabricate(load{seed: 1, seconds: 2})
	for i := range 4 * 3600 {
		r.Series = append(r.Series, report.Point{AtMS: float64(i) * 1000, Asked: 100, Sent: 100, Accepted: 100, AckP50: 1, AckP99: 2})
	}
	if n := len(page(t, r)); n > 300_000 {
		t.Errorf("%d bytes", n)
	}
}

// A second that has no neighbour is drawn as a dot, in a run of one second and between
// seconds without answers.
func TestPageShowsALoneSecond(t *testing.T) {
	point := func(second, ack float64) report.Point {
		return report.Point{AtMS: 1000 * second, Asked: 50, Sent: 50, Accepted: 50, AckP50: ack, AckP99: ack}
	}
	for name, tt := range map[string]struct {
		series []report.Point
		dots   int
	}{
		"a run of a second":  {[]report.Point{point(1, 5)}, 3 + 2},
		"between gaps":       {[]report.Point{point(1, 0), point(2, 5), point(3, 0), point(4, 6), point(5, 7)}, 2},
		"at the beginning":   {[]report.Point{point(1, 5), point(2, 0)}, 2},
		"at the end":         {[]report.Point{point(1, 0), point(2, 0), point(3, 5)}, 2},
		"nothing stands out": {[]report.Point{point(1, 5), point(2, 6)}, 0},
	} {
		r := fabricate(load{seed: 1, seconds: 2})
		r.Series = tt.series
		got := page(t, r)
		if n := len(regexp.MustCompile(`class="dot [a-z ]+" d="(M\S+ \S+h0.01)+"`).FindAllString(got, -1)); n != tt.dots {
			t.Errorf("%s: %d dots, want %d", name, n, tt.dots)
		}
		if !strings.Contains(got, "p50 5 ms") || strings.Contains(got, "NaN") {
			t.Errorf("%s: the page does not tell 5 ms", name)
		}
	}
}
