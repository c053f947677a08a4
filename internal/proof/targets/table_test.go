package targets_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/emostream/emostream/internal/proof/madepart"
)

// The page with the table, and the line after which it stands.
const (
	page   = "../../../docs/bench.md"
	begins = "<!-- made by make test-targets -->"
)

// The table of the page names the servers that are loaded here, and their versions.
func TestTable(t *testing.T) {
	if *update {
		t.Skip("TestTargets writes it")
	}
	if _, is, _ := cut(t); is != table(t) {
		t.Errorf("the table of %s is not that of the targets. make test-targets TARGETS=-update makes it anew:\n%s", page, table(t))
	}
}

// writeTable puts the table into the page.
func writeTable(t *testing.T) {
	t.Helper()
	before, _, after := cut(t)
	if err := os.WriteFile(page, []byte(before+table(t)+after), 0o600); err != nil {
		t.Fatal(err)
	}
}

// cut cuts the page at its table.
func cut(t *testing.T) (before, made, after string) {
	t.Helper()
	before, made, after, err := madepart.Cut(read(t, page), begins)
	if err != nil {
		t.Fatalf("%s: %v", page, err)
	}
	return before, made, after
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// table returns the table, which holds if TestTargets passes.
func table(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprint(&b, "\n| target | what is special | in doubt, lost, doubled at 2/s | at 100/s | with a pause of 20 s |\n|---|---|---|---|---|\n")
	for _, of := range targets() {
		fmt.Fprintf(&b, "| %s%s | %s | 0, 0, 0 | 0, 0, 0 | 0, 0, 0 |\n", of.name, version(t, of), of.special)
	}
	return b.String() + "\n"
}

// version returns the version of a target, after a space, as the file that pins it says.
// It is empty where the distribution decides it.
func version(t *testing.T, of target) string {
	t.Helper()
	name, _, _ := strings.Cut(strings.ToLower(of.name), ",")
	for _, file := range []string{"python/requirements.txt", "node/package.json", "go/go.mod"} {
		pinned := regexp.MustCompile(`(?m)(?i)(?:^|["/\s])` + regexp.QuoteMeta(name) + `(?:/v\d+)?(?:==|": "| v)([^\s"]+)`)
		if found := pinned.FindStringSubmatch(read(t, filepath.Join("testdata", file))); found != nil {
			return " " + found[1]
		}
	}
	return ""
}
