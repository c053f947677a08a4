package fanbench_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/fanbench"
)

// The bench works, from the broker to the table. How fast the servers are is not
// asked here.
func TestBench(t *testing.T) {
	nginx, err := fanbench.FindNginx()
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", dir, "github.com/emostream/emostream/cmd/emostream", "github.com/emostream/emostream/internal/fanbench/cmd/fanbench")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	report, err := fanbench.Run(t.Context(), fanbench.Config{
		Program: filepath.Join(dir, "emostream"), Nginx: nginx, Crowd: []string{filepath.Join(dir, "fanbench"), "crowd"},
		Dir: dir, Stderr: os.Stderr, Tell: t.Logf, Profile: filepath.Join(dir, "profile"),
		Connections: 300, Many: 600, Passing: 100, Hold: 3 * time.Second, Silent: 10,
		Events: 8, Interval: 250 * time.Millisecond, Rounds: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("\n%v", report)
	for _, row := range report.Rows {
		if !row.Met && !row.Timing {
			t.Errorf("%s: %s, want %s", row.Name, row.Ours, row.Target)
		}
	}
	if got := strings.Count(report.String(), "\n"); got != 14 {
		t.Errorf("the table has %d lines", got)
	}
	if profile, err := os.ReadFile(filepath.Join(dir, "profile")); err != nil || len(profile) == 0 {
		t.Errorf("the profile has %d bytes, %v", len(profile), err)
	}
}
