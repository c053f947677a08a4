package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

// pinned matches an action that is pinned to a commit, with its version beside it, and a
// workflow of this repository.
var pinned = regexp.MustCompile(`^(\./\S+|[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+)$`)

// Actions run with the rights of the workflow. A tag can be moved to other code; a
// commit cannot.
func TestActionsArePinned(t *testing.T) {
	paths, err := filepath.Glob("../../.github/workflows/*")
	if err != nil {
		t.Fatal(err)
	}
	actions, err := filepath.Glob("../../.github/actions/*/action.yml")
	if err != nil || len(actions) == 0 {
		t.Fatalf("%v, %v", actions, err)
	}
	paths = append(paths, actions...)
	found := 0
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range regexp.MustCompile(`(?m)^[\s-]*["']?uses["']?\s*:\s*(.*)$`).FindAllStringSubmatch(string(text), -1) {
			found++
			if !pinned.MatchString(line[1]) {
				t.Errorf("%s: %s is not pinned to a commit with its version, as in owner/action@0123…cdef # v1.2.3", filepath.Base(path), line[1])
			}
		}
		if n := strings.Count(string(text), "uses"); n > strings.Count(string(text), "uses:") {
			t.Errorf("%s has a uses that this test does not read", filepath.Base(path))
		}
		if strings.Contains(string(text), "setup-go@") && (!strings.Contains(string(text), "check-latest: true") || strings.Contains(string(text), "go-version-file")) {
			t.Errorf("%s: the oldest Go that go.mod allows would be installed: want check-latest", filepath.Base(path))
		}
	}
	if found < 8 {
		t.Errorf("%d actions were found in %v", found, paths)
	}
	for _, loose := range []string{
		"actions/checkout@v5", "actions/checkout@main # v5.0.0", "actions/checkout@08c6903 # v5.0.0", "actions/checkout",
		"actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8", "actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5",
		"docker://alpine:3",
	} {
		if pinned.MatchString(loose) {
			t.Errorf("%s is let through", loose)
		}
	}
}

// The image copies just the files that a release hands to Docker, beside the program.
func TestFilesOfTheImage(t *testing.T) {
	var release struct {
		Images []struct {
			Files []string `yaml:"extra_files"`
		} `yaml:"dockers_v2"`
	}
	if err := yaml.Unmarshal(read(t, "../.goreleaser.yaml"), &release); err != nil {
		t.Fatal(err)
	}
	var copied []string
	for _, line := range regexp.MustCompile(`(?m)^COPY (.+) \S+$`).FindAllStringSubmatch(string(read(t, "Dockerfile")), -1) {
		if !strings.HasPrefix(line[1], "$TARGETPLATFORM/") {
			copied = append(copied, strings.Fields(line[1])...)
		}
	}
	if diff := cmp.Diff(release.Images[0].Files, copied); diff != "" {
		t.Error(diff)
	}
}
