package hostile_test

import (
	"os"
	"path/filepath"
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
			P99Before: 2 * time.Millisecond, P99: p99, Peak: 100 << 20, Recovered: 0,
		}
	}
	table := hostile.Table([]hostile.Result{
		result(1, hostile.Stages, 1, 2*time.Millisecond),
		result(0, hostile.Up, 0.9789, 3*time.Millisecond),
		result(0, hostile.Up, 1, 2*time.Millisecond),
		{Attacks: []string{attacks[0].Name, attacks[1].Name}, Against: hostile.Up}, // several at once are no line
	})
	lines := strings.Split(strings.TrimSpace(table), "\n")
	want := []string{
		"| " + attacks[0].What + " | `up` | 97 to 100 % | 100 % | 99 % | 1.0 to 1.5 | 100 | 0 s |",
		"| " + attacks[1].What + " | stages | 100 % | 100 % | 99 % | 1.0 | 100 | 0 s |",
	}
	if len(lines) != 4 || lines[2] != want[0] || lines[3] != want[1] {
		t.Errorf("the table is\n%s\nwant two lines of results:\n%s", table, strings.Join(want, "\n"))
	}
}

// Write replaces the table of a page, and nothing else of it.
func TestWrite(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	write := func(s string) {
		t.Helper()
		if err := os.WriteFile(page, []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("# A page\n\n<!-- made by make hostile -->\n<!-- end -->\n\nIts end.\n")
	for _, table := range []string{"| one |\n", "| two |\n"} {
		if err := hostile.Write(page, table); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if want := "# A page\n\n<!-- made by make hostile -->\n\n| two |\n\n<!-- end -->\n\nIts end.\n"; string(got) != want {
		t.Errorf("the page is\n%s\nwant\n%s", got, want)
	}
	write("# Another page\n")
	if err := hostile.Write(page, ""); err == nil {
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
