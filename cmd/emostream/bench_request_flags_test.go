package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Secrets of requests reach the server, and stand in nothing that bench prints or writes,
// also when it fails.
func TestBenchHidesSecrets(t *testing.T) {
	t.Setenv("EMOSTREAM_CONFIG", "")
	t.Setenv("TEST_TOKEN", "s3cret")
	dir := t.TempDir()
	token := filepath.Join(dir, "token.txt")
	if err := os.WriteFile(token, []byte("\ufeffs3cret\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	seen := make(chan string, 1000)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		_, _ = io.Copy(io.Discard, r.Body)
		seen <- fmt.Sprintf("%q %q %q %q", r.Header.Get("X-A"), r.Header.Get("X-B"), password, r.URL.Query().Get("token"))
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer srv.Close()
	url := strings.Replace(srv.URL, "://", "://ann:s3cret@", 1) + "/pub?token=${TEST_TOKEN}"
	gone := strings.Replace(url, srv.URL[strings.LastIndex(srv.URL, ":"):], ":1", 1)
	var said bytes.Buffer
	run := func(want int, args ...string) {
		t.Helper()
		if code := execute(t.Context(), streams{in: strings.NewReader(""), out: &said, err: &said}, args); code != want {
			t.Errorf("%q ends with %d, want %d:\n%s", args, code, want, said.String())
		}
	}
	header := []string{"--header", "X-A: ${TEST_TOKEN}", "--header", "X-B: Bearer @" + token, "--header", "X-C: s3cret"}
	load := append([]string{"--duration", "200ms", "--rate", "50", "--allow-invalid"}, header...)
	run(exitMissed, append([]string{"bench", "--post-url", url, "--out", filepath.Join(dir, "r.json"), "--out", filepath.Join(dir, "r.html")}, load...)...)
	run(exitMissed, append([]string{"bench", "--post-url", url, "-o", "json"}, load...)...)
	run(exitFailed, append([]string{"bench", "--post-url", gone, "--stream-url", url}, load...)...)
	run(exitFailed, append([]string{"bench", "--server", strings.TrimSuffix(url, "/pub?token=${TEST_TOKEN}")}, load...)...)
	run(exitFailed, append([]string{"bench", "--server", "http://ann:s3cret@127.0.0.1:1"}, load...)...)
	run(exitUsage, "bench", "--post-url", "ann:s3cret@nowhere")
	run(exitUsage, "bench", "--post-url", "http://ann:s3cret@/{{nothing}}")
	run(exitUsage, "bench", "--header", "Bearer s3cret")
	run(exitUsage, "bench", "--header", "X-A: s3cret\r\nX-B: s3cret")
	run(exitOK, append([]string{"config", "view", "bench", "--", "--post-url", url, "--header", "Bearer s3cret"}, header...)...)
	run(exitOK, append([]string{"config", "view", "bench", "-o", "json", "--origins", "--", "--post-url", url}, header...)...)
	for _, file := range []string{"r.json", "r.html"} {
		b, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Error(err)
		}
		said.Write(b)
	}
	if s := said.String(); strings.Contains(s, "s3cret") {
		at := strings.Index(s, "s3cret")
		t.Errorf("a secret shows: …%s…", s[max(0, at-300):min(len(s), at+100)])
	}
	if want := `"s3cret" "Bearer s3cret" "s3cret" "s3cret"`; <-seen != want {
		t.Errorf("the server was not sent %s", want)
	}
	if want := `"X-A: ${TEST_TOKEN}","X-B: Bearer @`; !strings.Contains(said.String(), want) || !strings.Contains(said.String(), `"X-C: (hidden)"`) {
		t.Error("config view does not say where secrets are")
	}
}
