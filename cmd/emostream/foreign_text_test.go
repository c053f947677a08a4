package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// foreign is text that sets a title, clears the screen, turns the direction of writing
// and hides characters.
const foreign = "=x\x1b]0;owned\a\x1b[2J\u009b2J\u0085\u007f\u202eb\u2066c\u200f\u200bd\ufeff\r\t\u2028"

// password stands in the URL that clients are given.
const password = "secret"

// quoted returns foreign as JSON holds it at its worst: with everything as it is that
// JSON does not forbid.
func quoted(t *testing.T) string {
	t.Helper()
	b, err := json.Marshal(foreign)
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(b), `\u2028`, "\u2028")
}

// harmful finds the first character that a terminal would obey or nobody would see.
func harmful(s string) string {
	return regexp.MustCompile("[\x00-\x08\x0b-\x1f\x7f\u0080-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]").FindString(s)
}

// runForeign runs a command and holds what it printed against what must not be in it. A
// command that would go on trying is stopped once it says so.
func runForeign(t *testing.T, command string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out bytes.Buffer
	errs := &outputWatcher{want: "trying again", done: cancel}
	code := execute(ctx, streams{in: strings.NewReader(""), out: &out, err: errs}, strings.Fields(command))
	all := out.String() + errs.String()
	if code == exitUsage || errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Errorf("%s ends with %d: %s", command, code, all)
	}
	if c := harmful(all); c != "" {
		t.Errorf("%s prints %+q:\n%+q", command, c, all)
	}
	if strings.Contains(all, password) {
		t.Errorf("%s prints the password:\n%s", command, all)
	}
	return all
}

// hostileServer answers like a main server and a subscriber server, with foreign text
// wherever there is text. It returns its base URL, which has a password.
func hostileServer(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	var base string
	mux.HandleFunc("/register", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"server_url":"%s/sub1","server_name":%s,"user_id":%[2]s,"message":%[2]s,"stream_url":"%[1]s/v1/swarm"}`, base, quoted(t))
	})
	mux.HandleFunc("/v1/swarm", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		now := time.Now()
		for i := range 3 {
			end := now.Add(time.Duration(i) * time.Minute)
			_, _ = fmt.Fprintf(w, "event: swarm\ndata: {\"channel\":\"main\",\"more\":%s,\"window\":{\"start\":%q,\"end\":%q},\"total\":5,\"emojis\":[{\"emoji_type\":%[1]s,\"emoji_count\":5,\"emoji_count_aggregated\":5}]}\n\n",
				quoted(t), end.Add(-2*time.Second).UTC().Format(wire.TimeFormat), end.UTC().Format(wire.TimeFormat))
		}
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("/v1/reactions", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = fmt.Fprintf(w, `{"error":%s,"code":%[1]s,"results":[{"error":%[1]s,"code":%[1]s}]}`, quoted(t))
	})
	mux.HandleFunc("/refused/register", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprintf(w, `{"error":%s,"code":%[1]s}`, quoted(t))
	})
	mux.HandleFunc("/empty/register", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) })
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(foreign))
	})
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.CloseClientConnections)
	t.Cleanup(srv.Close)
	base = srv.URL
	return strings.Replace(srv.URL, "http://", "http://ann:"+password+"@", 1)
}

// What a server says reaches no terminal as it is, and neither does the password of its
// URL.
func TestForeignAnswers(t *testing.T) {
	t.Parallel()
	url := hostileServer(t)
	dir := t.TempDir()
	for _, command := range []string{
		"watch -n 1 --server %s",
		"watch -n 1 -o json --server %s",
		"watch -n 1 --server %s/refused",
		"watch -n 1 --server %s/empty",
		"send 🔥 --server %s",
		"send 🔥 -o json --server %s",
		"send 🔥 --server %s/nothing",
		"healthcheck %s/readyz",
		"bench --rate 20 --duration 500ms --listeners 0 --progress none --server %s",
		"bench --rate 20 --duration 500ms --listeners 0 --progress none -o json --server %s",
		"bench --rate 20 --duration 500ms --listeners 0 --progress none --out " + dir + "/report.html --out " + dir + "/report.json --out " + dir + "/report.csv --server %s",
	} {
		t.Run(strings.TrimSpace(strings.ReplaceAll(command, "%s", "")), func(t *testing.T) {
			if said := runForeign(t, fmt.Sprintf(command, url)); said == "" {
				t.Error("it says nothing")
			}
		})
	}
	checkFiles(t, dir)
}

// checkFiles holds the files that commands wrote against what must not be in them.
func checkFiles(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if c := harmful(string(b)); c != "" || bytes.Contains(b, []byte(password)) {
			t.Errorf("%s has %+q, or the password:\n%.2000s", filepath.Base(path), c, b)
		}
		formula := regexp.MustCompile(`(?m)(^|,)"?[=+@]`)
		if filepath.Ext(path) == ".csv" && formula.Match(b) {
			t.Errorf("%s has a formula:\n%.2000s", filepath.Base(path), b)
		}
	}
}

// What stands in Kafka reaches no terminal and no table as it is.
func TestForeignRecords(t *testing.T) {
	t.Parallel()
	c, addr := withTopics(t)
	layout := kafka.Layout{}
	if _, err := c.EnsureTopics(t.Context(), layout.ServersTopic()); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	put := func(topic string, values ...string) {
		var records []stream.Record
		for _, v := range values {
			records = append(records, stream.Record{Time: now.UnixMilli(), Key: []byte(foreign), Value: []byte(v)})
		}
		if err := c.Writer(topic).Write(t.Context(), 0, records); err != nil {
			t.Fatal(err)
		}
	}
	q := quoted(t)
	names := wire.Topics{}
	start, end := now.UTC().Truncate(2*time.Second), now.UTC().Truncate(2*time.Second).Add(2*time.Second)
	put(names.Reactions(),
		fmt.Sprintf(`{"user_id":%s,"emoji_type":"🔥","timestamp":%[1]s,"channel":"main"}`, q),
		fmt.Sprintf(`{"user_id":%s,"emoji_type":%[1]s,"timestamp":%[1]s,"channel":%[1]s}`, q), foreign)
	put(names.Counts(),
		fmt.Sprintf(`{"window":{"start":%q,"end":%q},"emoji_type":%s,"emoji_count":5,"emoji_count_aggregated":5,"channel":%[3]s}`,
			start.Format(wire.TimeFormat), end.Format(wire.TimeFormat), q), foreign)
	put(names.Servers(),
		fmt.Sprintf(`{"name":"sub1","instance":%s,"url":"http://ann:%s@127.0.0.1:1","topic":"sub_1","cluster":%[1]s,"clients":1,"capacity":2,"state":%[1]s,"time":%q,"version":%[1]s}`,
			q, password, now.UTC().Format(wire.TimeFormat)), foreign)
	dir := t.TempDir()
	for _, command := range []string{
		"consume --from-beginning -n 3",
		"consume --from-beginning -n 3 -o json",
		"consume --from-beginning -n 2 --topic emoji-aggregated",
		"consume --from-beginning -n 2 --topic emoji-aggregated -o json",
		"consume --verify --wait 1s",
		"consume --verify --wait 1s -o json",
		"stats --from 0",
		"stats --from 0 -o json",
		"export --format jsonl",
		"export --format csv",
		"export --what reactions --format jsonl",
		"export --what reactions --format csv",
		"export -o json --out " + dir + "/windows.csv",
		"export -o json --what reactions --out " + dir + "/reactions.csv",
		"doctor --port 0 --subscribers 0",
		"doctor --port 0 --subscribers 0 -o json",
		"topics describe",
	} {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			if said := runForeign(t, command+" --brokers "+addr); said == "" {
				t.Error("it says nothing")
			}
		})
	}
	t.Cleanup(func() { checkFiles(t, dir) })
}

// Lines of the log are escaped in both formats.
func TestForeignTextInTheLog(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		var log bytes.Buffer
		l := logFlags{level: "info", format: format}
		l.logger(&log).Info("a "+foreign, "host", foreign, "error", errors.New(foreign))
		if c := harmful(log.String()); c != "" || strings.Count(log.String(), "\n") != 1 {
			t.Errorf("%s has %+q:\n%+q", format, c, log.String())
		}
	}
}

// Every JSON that a command prints goes through text.JSONWriter, whose characters a
// terminal does not obey.
func TestJSONIsEscaped(t *testing.T) {
	n := 0
	for _, pattern := range []string{"*.go", "../../loadgen/report/*.go", "../../internal/inspect/export/*.go"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			n += len(regexp.MustCompile(`\bwriteJSON\((?:io|v)\.out`).FindAll(b, -1)) // its encoder is one of those below
			for _, m := range regexp.MustCompile(`(?:json\.NewEncoder|slog\.NewJSONHandler)\(([^)]*)`).FindAllSubmatch(b, -1) {
				n++
				if arg := string(m[1]); !strings.HasPrefix(arg, "text.JSONWriter(") && arg != "&b" { // &b: escaped by hand
					t.Errorf("%s writes JSON to %s: want text.JSONWriter", filepath.Base(path), arg)
				}
			}
		}
	}
	if n < 15 {
		t.Errorf("%d writers of JSON", n)
	}
}
