package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// action is the action of GitHub that runs a load test.
const action = "../../.github/actions/load-test"

// What a caller gives reaches no shell but in variables, every input is used, and those
// that are used exist.
func TestLoadTestAction(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(action, "action.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Inputs  map[string]struct{ Description, Default string }
		Outputs map[string]struct{ Description, Value string }
		Runs    struct {
			Using string
			Steps []struct {
				ID, If, Uses, Run, Shell string
				Env, With                map[string]any
			}
		}
	}
	if err := yaml.Unmarshal(b, &file); err != nil {
		t.Fatal(err)
	}
	if file.Runs.Using != "composite" || len(file.Runs.Steps) < 4 {
		t.Fatalf("it is no composite action: %+v", file.Runs)
	}
	var used []string
	for _, m := range regexp.MustCompile(`inputs\.([a-z-]+)`).FindAllStringSubmatch(string(b), -1) {
		used = append(used, m[1])
		if _, ok := file.Inputs[m[1]]; !ok {
			t.Errorf("there is no input %s", m[1])
		}
	}
	for name, input := range file.Inputs {
		if !slices.Contains(used, name) || input.Description == "" {
			t.Errorf("the input %s is not used, or not described", name)
		}
	}
	for _, step := range file.Runs.Steps {
		if strings.Contains(step.Run, "${{") {
			t.Errorf("a shell reads what a caller gives: %s", step.Run)
		}
		if step.Run != "" && step.Shell != "bash" {
			t.Errorf("%s runs in the shell %q", step.Run, step.Shell)
		}
		for _, m := range regexp.MustCompile(`[a-z]+\.sh`).FindAllString(step.Run, -1) {
			text, err := os.ReadFile(filepath.Join(action, m))
			if err != nil {
				t.Error(err)
			}
			for name := range step.Env {
				if !regexp.MustCompile(`\$\{?` + name + `\b`).Match(text) {
					t.Errorf("%s does not use %s", m, name)
				}
			}
		}
	}
	for name, output := range file.Outputs {
		run, err := os.ReadFile(filepath.Join(action, "run.sh"))
		if err != nil || !strings.Contains(string(run), name+"=%") || output.Value != "${{ steps.run.outputs."+name+" }}" {
			t.Errorf("the output %s is %s, which nothing sets: %v", name, output.Value, err)
		}
	}
}

// runner runs a script of the action as a runner of GitHub would, in a folder of its own.
type runner struct {
	t   *testing.T
	dir string
}

func newRunner(t *testing.T) *runner {
	t.Helper()
	if _, err := exec.LookPath("bash"); err != nil || runtime.GOOS == "windows" {
		t.Skip("needs bash, and programs that are scripts")
	}
	r := &runner{t, t.TempDir()}
	for _, dir := range []string{"bin", "temp", "work"} {
		if err := os.Mkdir(filepath.Join(r.dir, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// program puts a script on the PATH.
func (r *runner) program(name, script string) {
	r.t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, "bin", name), []byte("#!/usr/bin/env bash\n"+script), 0o700); err != nil {
		r.t.Fatal(err)
	}
}

// run runs a script with variables and returns what it printed.
func (r *runner) run(script string, env ...string) (string, error) {
	r.t.Helper()
	path, err := filepath.Abs(filepath.Join(action, script))
	if err != nil {
		r.t.Fatal(err)
	}
	cmd := exec.CommandContext(r.t.Context(), "bash", path)
	cmd.Dir = filepath.Join(r.dir, "work")
	cmd.Env = append(os.Environ(), "PATH="+filepath.Join(r.dir, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"), "TEST="+r.dir,
		"RUNNER_TEMP="+filepath.Join(r.dir, "temp"), "GITHUB_OUTPUT="+filepath.Join(r.dir, "output"), "GITHUB_PATH="+filepath.Join(r.dir, "path"))
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (r *runner) read(name string) string {
	b, _ := os.ReadFile(filepath.Join(r.dir, name)) // "" if it is not there
	return string(b)
}

// Each line is one flag, whatever stands in it, and no shell reads it.
func TestLoadTestActionRuns(t *testing.T) {
	for name, test := range map[string]struct {
		flags string
		want  []string
	}{
		"both ways to give a value": {"--rate 500\n--duration=10s\n--find-max", []string{"--rate=500", "--duration=10s", "--find-max"}},
		"blanks and line ends":      {"\r\n  --rate \t 500  \r\n\n# --rate 600\n\t--allow-invalid\r\n", []string{"--rate=500", "--allow-invalid"}},
		"quotes":                    {"--threshold 'overhead_p99<300ms'\n--threshold \"lost==0\"\n--post-type=''", []string{"--threshold=overhead_p99<300ms", "--threshold=lost==0", "--post-type="}},
		"JSON":                      {`--post-body {"marker":"{{marker}}", "n": 1}`, []string{`--post-body={"marker":"{{marker}}", "n": 1}`}},
		"what a shell would do":     {"--rate $(touch pwned)\n--seed `touch pwned`\n--out a; touch pwned\n--stages *\n--match \\d+ $HOME && touch pwned", []string{"--rate=$(touch pwned)", "--seed=`touch pwned`", "--out=a; touch pwned", "--stages=*", `--match=\d+ $HOME && touch pwned`}},
		"a quote that is not ended": {"--match it's\n--users 5", []string{"--match=it's", "--users=5"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRunner(t)
			r.program("emostream", `printf '%s\0' "$@" >"$TEST/args"; exit 3`)
			out, err := r.run("run.sh", "FLAGS="+test.flags, "REPORTS=my reports/$(touch pwned)")
			if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() != 3 { //nolint:errorlint // nothing wraps it
				t.Fatalf("%v\n%s", err, out)
			}
			args := strings.Split(strings.TrimSuffix(r.read("args"), "\x00"), "\x00")
			want := append([]string{"bench"}, test.want...)
			want = append(want, "--progress=lines")
			for _, end := range []string{"json", "html", "xml", "md"} {
				want = append(want, "--out=my reports/$(touch pwned)/run."+end)
			}
			if d := cmp.Diff(want, args); d != "" {
				t.Errorf("bench is run with other flags (-want +got):\n%s", d)
			}
			if got := r.read("output"); got != "exit-code=3\nreports=my reports/$(touch pwned)\n" {
				t.Errorf("the outputs are %q", got)
			}
			if _, err := os.Stat(filepath.Join(r.dir, "work", "pwned")); err == nil {
				t.Error("what a caller gave was run")
			}
		})
	}
}

// What is no flag is refused before anything runs.
func TestLoadTestActionRefuses(t *testing.T) {
	for name, env := range map[string][]string{
		"a command":              {"FLAGS=compare a.json b.json", "REPORTS=r"},
		"a word":                 {"FLAGS=--rate 5\n500", "REPORTS=r"},
		"no folder":              {"FLAGS=--rate 5", "REPORTS="},
		"an output in a folder":  {"FLAGS=--rate 5", "REPORTS=r\nexit-code=0"},
		"a flag of another kind": {"FLAGS=-q", "REPORTS=r"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRunner(t)
			r.program("emostream", `touch "$TEST/ran"`)
			out, err := r.run("run.sh", env...)
			if _, ran := os.Stat(filepath.Join(r.dir, "ran")); err == nil || ran == nil || !strings.HasPrefix(out, "::error title=Load test::") || r.read("output") != "" {
				t.Errorf("%v, ran: %v\n%s", err, ran == nil, out)
			}
		})
	}
}

// A release is installed if its archive is what its checksums say, and nothing else is.
func TestLoadTestActionInstalls(t *testing.T) {
	system := map[string]string{"linux": "linux", "darwin": "darwin"}[runtime.GOOS]
	archive := fmt.Sprintf("emostream_1.2.3_%s_%s.tar.gz", system, runtime.GOARCH)
	packed := packedProgram(t)
	right := fmt.Sprintf("%x  other.tar.gz\n%x  %s\n", sha256.Sum256(nil), sha256.Sum256(packed), archive)
	for name, test := range map[string]struct {
		version, checksums string
		says               string // "": it is installed
	}{
		"a release":            {"v1.2.3", right, ""},
		"the newest":           {"latest", right, ""},
		"other bytes":          {"v1.2.3", fmt.Sprintf("%x  %s\n", sha256.Sum256(nil), archive), archive + " is not what checksums.txt of v1.2.3 says"},
		"no checksum":          {"v1.2.3", "", "checksums.txt of v1.2.3 does not name " + archive},
		"a release that lacks": {"v9.9.9", right, "cannot be fetched"},
		"a command":            {"v1.2.3; touch pwned", right, "version: want v1.2.3, latest or source"},
		"a path":               {"../../v1.2.3", right, "version: want"},
		"nothing":              {"", right, "version: want"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRunner(t)
			if err := os.WriteFile(filepath.Join(r.dir, archive), packed, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(r.dir, "checksums.txt"), []byte(test.checksums), 0o600); err != nil {
				t.Fatal(err)
			}
			r.program("curl", `url=${*: -1}
case $url in
https://github.com/emostream/emostream/releases/latest) printf %s https://github.com/emostream/emostream/releases/tag/v1.2.3 ;;
https://github.com/emostream/emostream/releases/download/v1.2.3/*) cp "$TEST/${url##*/}" "${*: -2:1}" ;;
*) exit 22 ;;
esac
`)
			r.program("cosign", `[[ "$*" == "verify-blob checksums.txt --bundle checksums.txt.sigstore.json "* ]]`)
			if err := os.WriteFile(filepath.Join(r.dir, "checksums.txt.sigstore.json"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			for range 2 { // again by a later step
				out, err := r.run("install.sh", "VERSION="+test.version)
				if test.says != "" {
					if err == nil || !strings.Contains(out, "::error title=emostream is not installed::") || !strings.Contains(out, test.says) {
						t.Errorf("%v\n%s", err, out)
					}
					if found, _ := filepath.Glob(filepath.Join(r.dir, "temp", "*", "emostream")); len(found) > 0 {
						t.Errorf("%v is there", found)
					}
					return
				}
				if err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
			}
			dir, _, _ := strings.Cut(r.read("path"), "\n")
			if out, err := exec.CommandContext(t.Context(), filepath.Join(dir, "emostream")).Output(); err != nil || string(out) != "installed\n" {
				t.Errorf("%q, %v", out, err)
			}
		})
	}
}

// packedProgram returns an archive with a program, as a release has it.
func packedProgram(t *testing.T) []byte {
	t.Helper()
	const script = "#!/bin/sh\necho installed\n"
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	if err := w.WriteHeader(&tar.Header{Name: "emostream", Mode: 0o755, Size: int64(len(script))}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte(script)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The recipes for CI are whole files: YAML, with flags that bench and conditions that it
// knows, and inputs that the action has.
func TestRecipesForCI(t *testing.T) {
	page := string(readFile(t, "../../docs/load-tests-in-ci.md"))
	var files []string
	for _, m := range regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$").FindAllStringSubmatch(page, -1) {
		files = append(files, m[1])
	}
	if len(files) != 2 {
		t.Fatalf("%d recipes were found", len(files))
	}
	var github struct {
		Jobs map[string]struct {
			Steps []struct {
				Uses, Run string
				With      map[string]string
			}
		}
	}
	var gitlab map[string]struct {
		Script    []string
		Artifacts struct{ Reports struct{ Junit string } }
	}
	for i, into := range []any{&github, &gitlab} {
		if err := yaml.Unmarshal([]byte(files[i]), into); err != nil {
			t.Fatal(err)
		}
	}
	var lines []string
	var inputs struct{ Inputs map[string]any }
	if err := yaml.Unmarshal(readFile(t, filepath.Join(action, "action.yml")), &inputs); err != nil {
		t.Fatal(err)
	}
	for _, step := range github.Jobs["load-test"].Steps {
		lines = append(lines, strings.Split(step.Run, "\n")...)
		if !strings.Contains(step.Uses, "load-test@") {
			continue
		}
		for name := range step.With {
			if _, ok := inputs.Inputs[name]; !ok {
				t.Errorf("the action has no input %s", name)
			}
		}
		if flags := step.With["flags"]; flags != "" {
			lines = append(lines, "emostream bench "+strings.ReplaceAll(strings.TrimSpace(flags), "\n", " "))
		}
	}
	job := gitlab["load-test"]
	lines = append(lines, job.Script...)
	commands := 0
	for _, line := range lines {
		given, ok := strings.CutPrefix(line, "emostream ")
		if !ok {
			continue
		}
		commands++
		given, _, _ = strings.Cut(given, " >")
		cmd, rest, err := newRoot(streams{}).Find(words(given))
		if err == nil {
			err = cmd.ParseFlags(rest)
		}
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if thresholds, err := cmd.Flags().GetStringArray("threshold"); err == nil {
			if _, err := parseThresholds(thresholds); err != nil || len(thresholds) == 0 {
				t.Errorf("%s: %v", line, err)
			}
		}
	}
	if commands != 4 {
		t.Errorf("%d commands were found in %q", commands, lines)
	}
	if out := "--out " + job.Artifacts.Reports.Junit + " "; !strings.Contains(strings.Join(job.Script, " "), out) {
		t.Errorf("nothing writes %s", out)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
