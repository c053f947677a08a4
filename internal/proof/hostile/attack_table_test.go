package hostile_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/proof/hostile"
)

// The table has a line for each attack and installation that there are results of, with
// the range of their figures, in the order of the attacks.
func TestTable(t *testing.T) {
	attacks := hostile.Attacks()
	result := func(attack int, against string, accepted float64, p99 time.Duration) hostile.Result {
		return hostile.Result{
			Attacks: []string{attacks[attack].Name}, Against: against, Accepted: accepted, Joined: 1, Shown: 0.999,
			Before: 2 * time.Millisecond, During: p99, P99Before: time.Millisecond, P99: 7 * time.Millisecond, ServersBefore: 0.42, ServersDuring: 0.9, Attackers: 1.04, Peak: 100 << 20, Recovered: 0,
		}
	}
	table := hostile.Table([]hostile.Result{
		result(1, hostile.Stages, 1, 2*time.Millisecond),
		result(0, hostile.Up, 0.9789, 3*time.Millisecond),
		result(0, hostile.Up, 1, 2*time.Millisecond),
		result(2, hostile.Up, 1, 5*time.Millisecond),
		{Attacks: []string{attacks[3].Name}, Against: hostile.Up, Recovered: -1},
		{Attacks: []string{attacks[0].Name, attacks[1].Name}, Against: hostile.Up}, // several at once are no line
	})
	lines := strings.Split(strings.TrimSpace(table), "\n")
	want := []string{
		"| " + attacks[0].What + " | `up` | 97 to 100 % | 100 % | 99 % | 1.0 to 1.5 | 7.0 | 2.0 to 3.0 | 0.4 | 0.9 | 1.0 | 100 | 0 s |",
		"| " + attacks[1].What + " | stages | 100 % | 100 % | 99 % | 1.0 | 7.0 | 2.0 | 0.4 | 0.9 | 1.0 | 100 | 0 s |",
		"| " + attacks[2].What + " | `up` | 100 % | 100 % | 99 % | **2.5** | 7.0 | 5.0 | 0.4 | 0.9 | 1.0 | 100 | 0 s |",
		"| " + attacks[3].What + " | `up` | 0 % | 0 % | 0 % | 0.0 | 0.0 | 0.0 | 0.0 | 0.0 | 0.0 | 0 | **more than 7 s** |",
	}
	if len(lines) < len(want)+2 || !slices.Equal(lines[2:][:len(want)], want) {
		t.Errorf("the table is\n%s\nwant these lines of results:\n%s", table, strings.Join(want, "\n"))
	}
}

// Write replaces the table and the summary of a page, and nothing else of it.
func TestWrite(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	write := func(s string) {
		t.Helper()
		if err := os.WriteFile(page, []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("# A page\n\n<!-- made by make hostile: the table -->\n<!-- end -->\n\n<!-- made by make hostile: a summary -->\n<!-- end -->\n\nIts end.\n")
	results := []hostile.Result{{Attacks: []string{hostile.Attacks()[0].Name}, Against: hostile.Up, Accepted: 0.979, Peak: 7 << 20}}
	for _, results := range [][]hostile.Result{nil, results} {
		if err := hostile.Write(page, results); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	want := "# A page\n\n<!-- made by make hostile: the table -->\n\n" + hostile.Table(results) + "\n<!-- end -->\n\n" +
		"<!-- made by make hostile: a summary -->\n\n" + hostile.Summary(results) + "\n<!-- end -->\n\nIts end.\n"
	if string(got) != want || !strings.Contains(want, "97 %") || !strings.Contains(want, "7 MiB") {
		t.Errorf("the page is\n%s\nwant\n%s", got, want)
	}
	write("# Another page\n")
	if err := hostile.Write(page, nil); err == nil {
		t.Error("it wrote into a page that has no place for the table")
	}
}

// Results are added to those of earlier runs.
func TestAppend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results")
	for n := 1; n <= 2; n++ {
		all, err := hostile.Append(path, []hostile.Result{{Accepted: float64(n), Wrong: []string{"a"}}})
		if err != nil {
			t.Fatal(err)
		}
		if len(all) != n || all[n-1].Accepted != float64(n) || all[n-1].Wrong[0] != "a" {
			t.Errorf("after %d results the file has %+v", n, all)
		}
	}
}
