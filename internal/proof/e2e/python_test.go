package e2e_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Clients of the Python system, with the packages that they use, work unchanged. The
// flag -python names a Python that has these packages; `make test-python` sets it up.
func TestPythonClients(t *testing.T) {
	if *python == "" {
		t.Skip("needs Python packages: make test-python")
	}
	_, in := up(t)
	cmd := exec.CommandContext(t.Context(), *python, "testdata/python/client.py", "--server", in.main[0],
		"--emoji", "🔥", "--emoji", "❤️", "--emoji", "👨‍👩‍👧", "--count", "30", "--expect", "3")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	did := map[string]int{}
	for line := range strings.Lines(string(out)) {
		var l struct{ What string }
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		did[l.What]++
	}
	if did["registered"] != 1 || did["listening"] != 1 || did["sent"] != 30 || did["saw"] < 3 || did["unregistered"] != 1 {
		t.Errorf("the client did %v:\n%s", did, out)
	}
}
