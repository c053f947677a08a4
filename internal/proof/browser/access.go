package browser

import (
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// secret is the key of all tokens here. An installation takes them that was started with --auth-keys and Secret's path.
const secret = "a secret of these tests, long enough\n"

// Secret returns the path of a file with the key of Token.
func Secret(tb testing.TB) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(secret), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// Token returns a token, made by emostream token new with more flags, such as --subject ann --ttl 5s.
func Token(tb testing.TB, flags ...string) string {
	tb.Helper()
	cmd := exec.CommandContext(tb.Context(), Program(tb), append([]string{"token", "new", "--token-key-file", Secret(tb)}, flags...)...)
	cmd.Env = append(os.Environ(), "EMOSTREAM_CONFIG=")
	out, err := cmd.Output()
	if err != nil {
		tb.Fatalf("token new %s: %v", strings.Join(flags, " "), err)
	}
	return strings.TrimSpace(string(out))
}

// Control sets or removes what is in force, as a manager does: PUT or DELETE of a kind and a name, such as channel/main.
func Control(tb testing.TB, in *Installation, token, method, name, body string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), MaxWait)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, in.Page+"/v1/controls/"+name, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer res.Body.Close()
	said, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode/100 != 2 {
		tb.Fatalf("%s %s: %s %s %v", method, name, res.Status, said, err)
	}
}
