package clients_test

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
	page   = "../../../docs/http.md"
	begins = "<!-- made by make test-clients -->"
)

// The table of the page names the clients and proxies that are tried here, and their
// versions.
func TestTable(t *testing.T) {
	if _, is, _ := cut(t); is != table(t) {
		t.Errorf("the table of %s is not that of the clients. make test-clients CROWD=-update makes it anew:\n%s", page, table(t))
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

// table returns the table, which holds if TestCrowd passes.
func table(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	fmt.Fprint(&b, "\n| client | comes back by | shows | how |\n|---|---|---|---|\n")
	for _, c := range clients {
		fmt.Fprintf(&b, "| %s: `%s`%s | %s | %s | %s |\n", c.language, c.library, version(t, c), c.back, shows(c), c.note)
	}
	fmt.Fprint(&b, "\n| proxy | passes on | with |\n|---|---|---|\n")
	for _, p := range proxies {
		fmt.Fprintf(&b, "| %s | all | %s |\n", p.name, p.with)
	}
	return b.String() + "\n"
}

// shows says what a client shows.
func shows(c client) string {
	if len(c.cannot) == 0 {
		return "all"
	}
	return "not all: " + strings.Join(c.cannot, ", ")
}

// manifests are the files that pin the versions of libraries.
var manifests = map[string]string{
	"Python": "python/*.txt", "Node": "node/package.json", "Chromium": "node/package.json", "Go": "go/go.mod", "Java": "java/pom.xml",
}

// version returns the version of a client's library, after a space; empty if it belongs
// to its language.
func version(t *testing.T, c client) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", manifests[c.language]))
	if err != nil {
		t.Fatal(err)
	}
	pinned := regexp.MustCompile(`(?m)(?:^|[\s">])` + regexp.QuoteMeta(c.library) + `(?:==|": "| v|</artifactId>\s*<version>)([^\s"<]+)`)
	for _, file := range files {
		if found := pinned.FindStringSubmatch(read(t, file)); found != nil {
			return " " + found[1]
		}
	}
	return ""
}
