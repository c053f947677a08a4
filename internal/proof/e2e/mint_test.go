package e2e_test

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The programs of docs/access.md, in Go and for Node, make tokens that a main server
// takes, with the keys that the page makes and the settings that it names.
func TestMint(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("needs Node")
	}
	sideBySide(t)
	dir := t.TempDir()
	keygen := exec.CommandContext(t.Context(), binary, "token", "keygen")
	keygen.Dir = dir
	if out, err := keygen.CombinedOutput(); err != nil {
		t.Fatalf("token keygen: %v: %s", err, out)
	}
	_, in := up(t, "--ephemeral", "--subscribers", "1", "--clusters", "1",
		"--auth-keys", filepath.Join(dir, "token-key.pub.pem"), "--auth-issuer", "https://site.example")

	writeFile(t, filepath.Join(dir, "mint.go"), snippet(t, "go"))
	writeFile(t, filepath.Join(dir, "mint.mjs"), snippet(t, "js"))
	program := filepath.Join(dir, "mint")
	// It is built here, where the packages that it imports are.
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, filepath.Join(dir, "mint.go")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, command := range map[string][]string{"Go": {program}, "Node": {node, "mint.mjs"}} {
		t.Run(name, func(t *testing.T) {
			mint := exec.CommandContext(t.Context(), command[0], command[1:]...)
			mint.Dir = dir
			out, err := mint.Output()
			if err != nil {
				if exit, ok := errors.AsType[*exec.ExitError](err); ok {
					t.Logf("%s", exit.Stderr)
				}
				t.Fatal(err)
			}
			token := strings.TrimSpace(string(out))
			if a := sendAs(t, in, token, `{"emoji_type":"🔥","user_id":"ann"}`); a.status != http.StatusOK {
				t.Errorf("with the token the answer is %d %s", a.status, a.body)
			}
			if a := request(t, http.MethodGet, in.main[0]+"/register", token, ""); a.status != http.StatusOK {
				t.Errorf("registering with the token the answer is %d %s", a.status, a.body)
			}
		})
	}
}

// snippet returns the program of docs/access.md in a language.
func snippet(t *testing.T, language string) string {
	t.Helper()
	page, err := os.ReadFile("../../../docs/access.md")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```$").FindAllStringSubmatch(string(page), -1)
	if len(found) != 1 {
		t.Fatalf("docs/access.md has %d programs of %s", len(found), language)
	}
	return found[0][1]
}
