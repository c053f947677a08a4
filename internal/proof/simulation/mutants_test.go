package simulation_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

var mutate = flag.Bool("mutants", false, "let TestMutants break every rule (minutes)")

// mutant is a rule of the design, with a change of the production code that breaks it.
type mutant struct {
	rule string
	patch
	// by is the test that fails then, as arguments of go test; empty: the histories.
	by string
	// equivalent says why the change breaks no promise; empty if it does.
	equivalent string
}

// Every rule is needed: when it is broken a history or a test fails. Where none can
// fail, the mutant says why. Without -mutants the test only checks that each change
// still applies.
//
//	go test ./internal/proof/simulation -run Mutants -mutants
func TestMutants(t *testing.T) {
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	var folders []string
	for _, m := range mutants() {
		folder, _ := m.place()
		folders = append(folders, folder)
	}
	code, err := newSource(root, folders)
	if err != nil {
		t.Fatal(err)
	}
	var caught, argued atomic.Int64
	t.Cleanup(func() {
		if *mutate {
			t.Logf("%d mutants were noticed, %d are equivalent", caught.Load(), argued.Load())
		}
	})
	for _, m := range slices.Backward(mutants()) { // one of the last takes longest, so it begins first
		t.Run(strings.ReplaceAll(m.rule, " ", "_"), func(t *testing.T) {
			path, broken, err := code.apply(m.patch)
			if err != nil {
				t.Fatal(err)
			}
			if !*mutate {
				return
			}
			t.Parallel()
			output, noticed := m.run(t, root, path, broken)
			switch {
			case noticed && !failedByTest(output):
				t.Errorf("it failed for another reason than that a test noticed:\n%s", output)
			case noticed && m.equivalent != "":
				t.Errorf("it was noticed, though it should be equivalent: %s\n%s", m.equivalent, firstLines(output))
			case !noticed && m.equivalent == "":
				t.Error("nobody notices")
			case noticed:
				caught.Add(1)
				t.Logf("noticed: %s", firstFailure(output))
			default:
				argued.Add(1)
				t.Logf("equivalent: %s", m.equivalent)
			}
		})
	}
}

// run runs the mutant's tests with the text broken in place of the file at path, and
// says whether go test failed.
func (m mutant) run(t *testing.T, root, path, broken string) (output string, noticed bool) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{path: write("mutant.go", broken)}})
	if err != nil {
		t.Fatal(err)
	}
	by := m.by
	switch {
	case by == "" && m.equivalent == "":
		by = "./internal/proof/simulation -run TestHistories$ -histories 4000"
	case by == "":
		by = "./internal/proof/simulation -run TestHistories$ -histories 400"
	}
	args := append([]string{"test", "-count=1", "-vet=off", "-overlay", write("overlay.json", string(overlay))}, strings.Fields(by)...)
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	// Mutants run side by side, and histories are fastest on one processor with a collector that comes rarely.
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "GOGC=800")
	out, err := cmd.CombinedOutput()
	return string(out), err != nil
}

// failedByTest says whether go test failed because a test failed or the program
// crashed, and not because it did not compile or took too long.
func failedByTest(output string) bool {
	failed := strings.Contains(output, "--- FAIL") || strings.Contains(output, "panic: ") || strings.Contains(output, "fatal error: ")
	return failed && !strings.Contains(output, "panic: test timed out")
}

func firstLines(s string) string {
	lines := strings.SplitN(s, "\n", 20)
	return strings.Join(lines[:min(len(lines), 19)], "\n")
}

// firstFailure returns the first line of go test's output that says what failed.
func firstFailure(output string) string {
	for line := range strings.SplitSeq(output, "\n") {
		if strings.Contains(line, "_test.go:") || strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			return fmt.Sprintf("%.160s", strings.TrimSpace(line))
		}
	}
	return firstLines(output)
}
