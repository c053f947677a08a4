package house_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

const configFile = "../../../.golangci.yml"

// module is a Go module in a temporary folder. It has this module's name and lint configuration, and the files that a
// test adds. All packages that it imports are empty, so it needs no network and is linted in a moment.
type module struct {
	t    *testing.T
	path string // the module's path, with a slash at its end
	dir  string
	deps map[string]bool // empty modules that stand for imported ones, by path
	n    int
}

func newModule(t *testing.T, path string) *module {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir()) // the linter compares paths without symbolic links
	if err != nil {
		t.Fatal(err)
	}
	m := &module{t: t, path: path, dir: filepath.Join(dir, "module"), deps: map[string]bool{}}
	config, err := os.ReadFile(configFile)
	if err != nil {
		t.Fatal(err)
	}
	m.write(filepath.Join(m.dir, ".golangci.yml"), string(config))
	return m
}

// add adds a file and returns its path. body is what follows the package clause. The file gets a package of its own, in
// a folder below that of file. Only a main.go stays where it is, since rules know it by that name.
func (m *module) add(file, body string) string {
	m.t.Helper()
	m.n++
	pkg := fmt.Sprintf("p%d", m.n)
	if path.Base(file) == "main.go" {
		pkg, body = "main", body+"func main() {}\n"
	} else {
		file = path.Join(path.Dir(file), pkg, path.Base(file))
	}
	m.write(filepath.Join(m.dir, file), "package "+pkg+"\n\n"+body)
	return file
}

// provide makes an empty package for an import, unless it is one of the standard library.
func (m *module) provide(pkg string) {
	m.t.Helper()
	if inside, ok := strings.CutPrefix(pkg, m.path); ok {
		m.write(filepath.Join(m.dir, inside, "stub.go"), "package stub\n")
		return
	}
	if domain, _, _ := strings.Cut(pkg, "/"); !strings.Contains(domain, ".") {
		return
	}
	// Each package becomes a module of its own. To no rule does it matter which packages form a module.
	m.deps[pkg] = true
	m.write(filepath.Join(m.dir, "../deps", pkg, "stub.go"), "package stub\n")
	m.write(filepath.Join(m.dir, "../deps", pkg, "go.mod"), "module "+pkg+"\n")
}

// lint runs one linter on the module and returns its reports, by file.
func (m *module) lint(linter string) map[string][]string {
	m.t.Helper()
	var mod strings.Builder
	fmt.Fprintf(&mod, "module %s\n\ngo 1.25\n", strings.TrimSuffix(m.path, "/"))
	for dep := range m.deps {
		version := "v0.0.0"
		if major := path.Base(dep); strings.HasPrefix(major, "v") && len(major) == 2 {
			version = major + ".0.0"
		}
		fmt.Fprintf(&mod, "require %s %s\nreplace %s => ../deps/%s\n", dep, version, dep, dep)
	}
	m.write(filepath.Join(m.dir, "go.mod"), mod.String())

	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(m.t.Context(), linterBinary(m.t), "run", "--enable-only", linter, "--issues-exit-code", "0",
		"--allow-parallel-runners", "--show-stats=false", "--output.json.path", "stdout", "./...")
	cmd.Dir, cmd.Stdout, cmd.Stderr = m.dir, &stdout, &stderr
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")
	if err := cmd.Run(); err != nil {
		m.t.Fatalf("golangci-lint: %v\n%s%s", err, &stdout, &stderr)
	}
	var out struct {
		Issues []struct {
			FromLinter, Text string
			Pos              struct{ Filename string }
		}
	}
	if err := json.Unmarshal(stdout.Bytes(), &out); err != nil {
		m.t.Fatalf("golangci-lint's report: %v\n%s", err, &stdout)
	}
	reports := map[string][]string{}
	for _, issue := range out.Issues {
		if issue.FromLinter != linter {
			m.t.Fatalf("golangci-lint stumbled: %s: %s", issue.Pos.Filename, issue.Text)
		}
		reports[issue.Pos.Filename] = append(reports[issue.Pos.Filename], issue.Text)
	}
	return reports
}

// linterBinary returns the path of golangci-lint: where make lint installs it, or on the PATH.
func linterBinary(t *testing.T) string {
	t.Helper()
	own, err := filepath.Abs("../../../.cache/bin/golangci-lint")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{own, "golangci-lint"} {
		if found, err := exec.LookPath(name); err == nil {
			return found
		}
	}
	const missing = "there is no golangci-lint in .cache/bin nor on the path: make lint installs it"
	if os.Getenv("CI") == "true" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

func (m *module) write(file, text string) {
	m.t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		m.t.Fatal(err)
	}
}
