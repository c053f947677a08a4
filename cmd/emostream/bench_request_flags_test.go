package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
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

// Bodies, lines of data and recordings come from files, with or without a byte order mark.
func TestBenchReadsFiles(t *testing.T) {
	t.Setenv("EMOSTREAM_CONFIG", "")
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	body, data := file("body.json", "\ufeff{\"n\":{{seq}}}\n"), file("data.ndjson", "\ufeff{\"a\":1}\r\n\n{\"a\":2}\n")
	taps := file("taps.csv", "\ufefftime,user_id,emoji_type\n2026-11-30T16:00:00.100Z,bob,:fire:\n2026-11-30T16:00:00Z,ann,🎉\n")
	for _, tt := range []struct {
		args []string
		code int
		want string // what the server got, or what is said
	}{
		{[]string{"--post-body", "@" + body}, exitOK, "{\"n\":0}\n, {\"n\":1}\n, {\"n\":2}\n, {\"n\":3}\n"},
		{[]string{"--data", data}, exitOK, `{"a":1}, {"a":1}, {"a":2}, {"a":2}`},
		{[]string{"--data", data, "--post-body", "<{{line}}>"}, exitOK, `<{"a":1}>, <{"a":1}>, <{"a":2}>, <{"a":2}>`},
		{[]string{"--replay", taps, "--post-body", "{{user}} {{emoji}}"}, exitOK, `ann 🎉, bob 🔥`},
		{[]string{"--replay", taps, "--rate", "20", "--post-body", "{{user}} {{emoji}}"}, exitOK, `ann 🎉, ann 🎉, bob 🔥, bob 🔥`},
		{[]string{"--replay", taps, "--stages", "200ms:20", "--post-body", "{{user}}"}, exitOK, `ann, ann, bob, bob`},
		{[]string{"--replay", taps, "--find-max"}, exitUsage, "--find-max begins with a --rate above 0"},
		{[]string{"--post-body", "@" + dir + "/none"}, exitUsage, "--post-body: open "},
		{[]string{"--data", file("empty", "\ufeff\n")}, exitUsage, "empty: it is empty"},
		{[]string{"--data", dir + "/none"}, exitUsage, "--data: open "},
		{[]string{"--replay", dir + "/none"}, exitUsage, "--replay: open "},
		{[]string{"--replay", file("windows.csv", "window_start,emoji_type,emoji_count\n")}, exitUsage, "line 1: it is a table of windows"},
		{[]string{"--replay", file("wrong.jsonl", `{"user_id":"a","emoji_type":"x"}`)}, exitUsage, "wrong.jsonl: reaction 1: "},
	} {
		var mu sync.Mutex
		var got []string
		srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			mu.Lock()
			defer mu.Unlock()
			got = append(got, string(b))
		}))
		var said bytes.Buffer
		args := append([]string{"bench", "--post-url", srv.URL, "--allow-invalid", "--progress", "none"}, tt.args...)
		if !slices.Contains(args, "--rate") && !slices.Contains(args, "--replay") {
			args = append(args, "--rate", "20")
		}
		if slices.Contains(args, "--rate") {
			args = append(args, "--duration", "200ms")
		}
		code := execute(t.Context(), streams{in: strings.NewReader(""), out: &said, err: &said}, args)
		srv.Close()
		slices.Sort(got)
		if tt.code == exitOK {
			said.Reset()
			said.WriteString(strings.Join(got, ", "))
		}
		if code != tt.code || tt.code == exitOK && said.String() != tt.want || !strings.Contains(said.String(), tt.want) {
			t.Errorf("%q: it ends with %d and %q, want %d and %q", tt.args, code, said.String(), tt.code, tt.want)
		}
	}
}
