package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

// docs/commands.md is the help of all commands. `go test ./cmd/emostream -run Reference
// -update` writes it.
func TestReference(t *testing.T) {
	const path = "../../docs/commands.md"
	var page strings.Builder
	page.WriteString("# Commands\n\nThe help of every command, as it is; a test keeps it so.\n")
	all := allCommands()
	slices.SortFunc(all, func(a, b *cobra.Command) int { return strings.Compare(a.CommandPath(), b.CommandPath()) })
	for _, c := range all {
		if c.Hidden {
			continue
		}
		var out bytes.Buffer
		args := append(strings.Fields(c.CommandPath())[1:], "--help")
		if code := execute(t.Context(), streams{out: &out, err: &out}, args); code != exitOK {
			t.Fatalf("%s --help: exit code %d", c.CommandPath(), code)
		}
		help, _, _ := strings.Cut(out.String(), "\nGlobal Flags:\n")
		fmt.Fprintf(&page, "\n## %s\n\n```text\n%s\n```\n", c.CommandPath(), strings.TrimSpace(help))
	}
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(path, []byte(page.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	is, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(page.String(), string(is)); diff != "" {
		t.Errorf("docs/commands.md is stale (go test ./cmd/emostream -run Reference -update writes it; -want +is):\n%s", diff)
	}
}
