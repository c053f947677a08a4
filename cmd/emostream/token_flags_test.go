package main

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Send shows the token and sends as the user whom it is for, unless --user names another.
func TestSendWithAToken(t *testing.T) {
	var asked []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		asked = append(asked, r.Header.Get("Authorization")+" "+string(b))
		if r.Header.Get("Authorization") == "" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"error":"a token is wanted","code":"token_missing"}`)
			return
		}
		_, _ = io.WriteString(w, `{"results":[{"accepted_at":"2026-01-02T03:04:05Z"}]}`)
	}))
	defer srv.Close()
	token := "e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"ann"}`)) + ".c2ln"
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	send := func(want int, args ...string) string {
		t.Helper()
		asked = nil
		var errs bytes.Buffer
		code := execute(t.Context(), streams{in: strings.NewReader(""), out: io.Discard, err: &errs}, append([]string{"send", "🔥", "--config", "", "--server", srv.URL}, args...))
		if code != want {
			t.Errorf("exit code %d: %s", code, errs.String())
		}
		return strings.Join(asked, "") + errs.String()
	}
	if got := send(exitFailed); !strings.HasPrefix(got, ` [{"user_id":"emostream-send"`) || !strings.Contains(got, "a token is wanted: give --token-file, or set EMOSTREAM_TOKEN") {
		t.Errorf("without a token: %s", got)
	}
	if got, want := send(exitOK, "--token-file", file), "Bearer "+token+` [{"user_id":"ann"`; !strings.HasPrefix(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
	t.Setenv("EMOSTREAM_TOKEN", token)
	if got, want := send(exitOK, "--user", "bob"), "Bearer "+token+` [{"user_id":"bob"`; !strings.HasPrefix(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := send(exitUsage, "--token-file", file); !strings.Contains(got, "the token is given twice") {
		t.Error(got)
	}
}
