package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/server/ingest"
)

const asLines = "application/x-ndjson"

// lines returns the numbers of the refused lines, with their codes.
func (o outcomes) lines() string {
	var out []string
	for _, e := range o.Errors {
		out = append(out, fmt.Sprintf("%d:%s", e.Line, e.Code))
	}
	return strings.Join(out, " ")
}

func TestLines(t *testing.T) {
	const good, bad = `{"user_id":"ann","emoji_type":"🔥"}`, `{"user_id":"ann","emoji_type":"A"}`
	padded := func(n int) string { return withField("x", quoted("x", n-len(withField("x", `""`)))) }
	hundred := make([]string, 100)
	for i := range hundred {
		hundred[i] = fmt.Sprintf("%d:not_an_emoji", i+1)
	}
	for name, tt := range map[string]struct {
		body     string
		status   int
		accepted int
		rejected int
		errors   string
	}{
		"nothing":                       {body: "", status: 200},
		"blank lines alone":             {body: "\n \n\r\n\t\n", status: 200},
		"one line":                      {body: good + "\n", status: 200, accepted: 1},
		"no newline at the end":         {body: good + "\n" + good, status: 200, accepted: 2},
		"carriage returns":              {body: good + "\r\n" + bad + "\r\n" + good + "\r\n", status: 200, accepted: 2, rejected: 1, errors: "2:not_an_emoji"},
		"blank lines are counted":       {body: "\n\n" + bad + "\n\n" + good + "\n" + bad, status: 200, accepted: 1, rejected: 2, errors: "3:not_an_emoji 6:not_an_emoji"},
		"all bad":                       {body: bad + "\n[]\n" + bad + "\n", status: 422, rejected: 3, errors: "1:not_an_emoji 2:not_an_object 3:not_an_emoji"},
		"a byte order mark":             {body: "\uFEFF" + good + "\n" + good + "\n", status: 200, accepted: 2},
		"a mark before each file":       {body: "\uFEFF" + good + "\n\uFEFF" + good + "\n\uFEFF \uFEFF" + bad, status: 200, accepted: 2, rejected: 1, errors: "3:invalid_json"},
		"a mark on a line of its own":   {body: "\uFEFF\r\n" + good, status: 200, accepted: 1},
		"the longest line after a mark": {body: "\uFEFF" + padded(16<<10) + "\n", status: 200, accepted: 1},
		"numbers among what is wrong":   {body: withField("user_id", "42") + "\n" + withField("user_id", "true") + "\n" + withField("timestamp", "1.5e9"), status: 200, accepted: 2, rejected: 1, errors: "2:wrong_type"},
		"broken JSON":                   {body: good + "\n{\n" + good + "\n", status: 200, accepted: 2, rejected: 1, errors: "2:invalid_json"},
		"no UTF-8":                      {body: "\xff\n" + good + "\n", status: 200, accepted: 1, rejected: 1, errors: "1:invalid_utf8"},
		"an array in a line":            {body: "[" + good + "]\n" + good, status: 200, accepted: 1, rejected: 1, errors: "1:not_an_object"},
		"two on a line":                 {body: good + good + "\n" + good, status: 200, accepted: 1, rejected: 1, errors: "1:invalid_json"},
		"a count":                       {body: withField("count", "100") + "\n", status: 200, accepted: 1},
		"the longest line":              {body: padded(16<<10) + "\n" + good, status: 200, accepted: 2},
		"the longest line, last":        {body: good + "\n" + padded(16<<10), status: 200, accepted: 2},
		"the longest line, CRLF":        {body: padded(16<<10) + "\r\n" + good, status: 200, accepted: 2},
		"a byte too long":               {body: padded(16<<10+1) + "\n" + good, status: 200, accepted: 1, rejected: 1, errors: "1:too_large"},
		"much too long":                 {body: good + "\n" + padded(1<<20) + "\n" + good + "\n" + bad, status: 200, accepted: 2, rejected: 2, errors: "2:too_large 4:not_an_emoji"},
		"much too long, and the end":    {body: good + "\n" + padded(1<<20), status: 200, accepted: 1, rejected: 1, errors: "2:too_large"},
		"more errors than are listed":   {body: strings.Repeat(bad+"\n", 250) + good, status: 200, accepted: 1, rejected: 250, errors: strings.Join(hundred, " ")},
		"as many errors as are listed":  {body: strings.Repeat(bad+"\n", 100), status: 422, rejected: 100, errors: strings.Join(hundred, " ")},
		"more than an array might have": {body: strings.Repeat(good+"\n", 25_000), status: 200, accepted: 25_000},
	} {
		t.Run(name, func(t *testing.T) {
			log := &memory{t: t}
			got := post(routes(log, ingest.Config{}), "/v1/reactions", asLines, tt.body)
			o := outcomesIn(t, got)
			if got.Code != tt.status || o.Accepted != tt.accepted || o.Rejected != tt.rejected || o.lines() != tt.errors || o.Code != "" {
				t.Errorf("answered %d, %d accepted, %d rejected, %s %s; want %d, %d, %d, %s",
					got.Code, o.Accepted, o.Rejected, o.lines(), o.Code, tt.status, tt.accepted, tt.rejected, tt.errors)
			}
			if !strings.Contains(got.Body.String(), `"errors":[`) {
				t.Errorf("answered without errors: %s", got.Body)
			}
			want := tt.accepted
			if strings.Contains(tt.body, `"count":100`) {
				want *= 100
			}
			if n := len(log.values()); n != want {
				t.Errorf("the log has %d records, want %d", n, want)
			}
		})
	}
}

// A file whose line breaks are gone, as curl -d sends it, is refused with what to do.
func TestLinesThatRunTogether(t *testing.T) {
	for name, body := range map[string]string{"a few": strings.Repeat(fire, 3), "many": strings.Repeat(fire, 500), "very many": strings.Repeat(fire, 5000), "ends of lines as on an old Mac": fire + "\r" + fire} {
		got := post(routes(&memory{t: t}, ingest.Config{}), "/v1/reactions", asLines, body)
		o := outcomesIn(t, got)
		want := fmt.Sprintf("the line is not JSON: invalid character '{' after top-level value, at byte %d of %d: send one reaction a line (curl keeps line breaks with --data-binary, and not with -d)", strings.Index(body[1:], "{")+2, len(body))
		if len(body) > 16<<10 {
			want = "the line has more than 16384 bytes: send one reaction a line (curl keeps line breaks with --data-binary"
		}
		if got.Code != http.StatusUnprocessableEntity || len(o.Errors) != 1 || !strings.HasPrefix(o.Errors[0].Error, want) {
			t.Errorf("%s: answered %d %s", name, got.Code, got.Body)
		}
	}
}

// A refusal says what is wrong: the body, an item or a line.
func TestRefusalsNameThePart(t *testing.T) {
	for _, tt := range []struct{ contentType, body, says string }{
		{asJSON, `"🔥"`, "the body is a JSON string"},
		{asJSON, "[]]", "the body is not JSON"},
		{asJSON, "[1]", "the item is a JSON number"},
		{asJSON, "[[]]", `the item is a JSON array: send an object like {\"user_id\":\"ann\",\"emoji_type\":\"🔥\"}"`},
		{asLines, "1", "the line is a JSON number"},
		{asLines, "[]", `the line is a JSON array: send an object like {\"user_id\":\"ann\",\"emoji_type\":\"🔥\"}; an array goes to /v1/reactions as application/json`},
		{asLines, "{", "the line is not JSON"},
		{asLines, fire + "\n\xff", "the line is not valid UTF-8"},
	} {
		if got := post(routes(&memory{t: t}, ingest.Config{}), "/v1/reactions", tt.contentType, tt.body).Body.String(); !strings.Contains(got, tt.says) {
			t.Errorf("%s of %q: answered %s, want %s", tt.contentType, tt.body, got, tt.says)
		}
	}
}

// All lines of a stream in UTF-16 are wrong for the same reason, so it is refused whole.
func TestLinesInUTF16(t *testing.T) {
	for name, body := range map[string]string{"with a mark": "\xff\xfe" + utf16LE(fire+"\r\n"+fire+"\r\n"), "without": utf16LE(fire + "\n" + fire + "\n")} {
		log := &memory{t: t}
		got := post(routes(log, ingest.Config{}), "/v1/reactions", asLines, body)
		o := outcomesIn(t, got)
		if got.Code != http.StatusBadRequest || o.Code != "invalid_utf8" || !strings.Contains(o.Error, "the body is UTF-16") || o.Accepted+o.Rejected+len(o.Errors) != 0 || log.asked() != 0 {
			t.Errorf("%s: answered %d %s", name, got.Code, got.Body)
		}
	}
}

func TestNamesOfLines(t *testing.T) {
	for _, contentType := range []string{"application/x-ndjson", "application/ndjson", "application/jsonl", "application/jsonl; charset=utf8"} {
		got := post(routes(&memory{t: t}, ingest.Config{}), "/v1/reactions", contentType, fire+"\n"+fire)
		if o := outcomesIn(t, got); got.Code != http.StatusOK || o.Accepted != 2 {
			t.Errorf("%s: answered %d %s", contentType, got.Code, got.Body)
		}
	}
}

func TestLinesKeepOrder(t *testing.T) {
	log := &memory{t: t}
	got := post(routes(log, ingest.Config{}), "/v1/reactions", asLines+"; charset=utf-8", numbered(30_000, "\n"))
	if diff := cmp.Diff(strings.Split(numbered(30_000, "\n"), "\n"), log.values()); diff != "" || got.Code != http.StatusOK {
		t.Errorf("answered %d; records (-want +got):\n%.500s", got.Code, diff)
	}
	if n := log.asked(); n > 60 {
		t.Errorf("30,000 lines that were there at once took %d appends", n)
	}
}

// upload is a request whose body is written piece by piece.
type upload struct {
	*io.PipeWriter
	log      *memory
	answered chan *httptest.ResponseRecorder
}

// newUpload begins an upload in a synctest bubble.
func newUpload(t *testing.T, log *memory) *upload {
	t.Helper()
	r, w := io.Pipe()
	u := &upload{PipeWriter: w, log: log, answered: make(chan *httptest.ResponseRecorder, 1)}
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/reactions", r)
	req.Header.Set("Content-Type", asLines)
	go func() {
		got := httptest.NewRecorder()
		routes(log, ingest.Config{}).ServeHTTP(got, req)
		_ = r.Close() // as a server does
		u.answered <- got
	}()
	return u
}

// send writes a piece, and waits until all goroutines wait.
func (u *upload) send(piece string) {
	_, _ = io.WriteString(u, piece) // fails after the server has answered, since it reads no more
	synctest.Wait()
}

// A line that has arrived whole is appended at once, even if half a line has come
// after it. Its time is when it arrived.
func TestSlowLinesAreNotKeptWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memory{t: t}
		u := newUpload(t, log)
		var want []int64
		expect := func(n int) {
			t.Helper()
			for range n {
				want = append(want, time.Now().UnixMilli())
			}
			if diff := cmp.Diff(want, log.times()); diff != "" {
				t.Errorf("times of the records (-want +got):\n%s", diff)
			}
			<-time.After(time.Minute)
		}
		const line = `{"user_id":"ann","emoji_type":"🔥"}`
		u.send(line)
		expect(0)
		u.send("\n")
		expect(1)
		u.send(line + "\n" + line + "\n" + line[:20])
		expect(2)
		u.send(line[20:] + "\n")
		expect(1)
		u.send(line + "\n" + strings.Repeat("x", 200_000) + "\n" + line + "\n")
		expect(2)
		u.send(line) // no newline: the end of the body ends the line
		expect(0)
		_ = u.Close()
		synctest.Wait()
		expect(1)
		if o := outcomesIn(t, <-u.answered); o.Accepted != 7 || o.lines() != "6:too_large" {
			t.Errorf("%d accepted, refused %s", o.Accepted, o.lines())
		}
	})
}

// A stream that breaks off is answered, though perhaps nobody reads the answer. The
// lines that arrived whole are in the log. A part of a line is not.
func TestLinesBreakOff(t *testing.T) {
	for name, tail := range map[string]string{
		"between lines":           "",
		"in a line":               `{"user_id":"ann"`,
		"before a line's newline": `{"user_id":"ann","emoji_type":"🔥"}`,
		"in a line without end":   strings.Repeat("x", 100_000),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := &memory{t: t}
				u := newUpload(t, log)
				u.send(withField("count", "2") + "\nA\n" + tail)
				_ = u.CloseWithError(io.ErrUnexpectedEOF)
				got := <-u.answered
				o := outcomesIn(t, got)
				if got.Code != http.StatusBadRequest || o.Code != "broken_body" || !strings.Contains(o.Error, "in line 3") || o.Accepted != 1 || o.lines() != "2:invalid_json" {
					t.Errorf("answered %d %+v", got.Code, o)
				}
				if n := len(log.values()); n != 2 {
					t.Errorf("the log has %d records, want 2", n)
				}
			})
		})
	}
}

// When the log fails in the middle of a stream, the server stops reading it. Its answer
// says how many reactions were accepted.
func TestLogFailsInTheMiddleOfLines(t *testing.T) {
	for err, code := range map[error]string{stream.ErrNotWritten: "not_written", stream.ErrInDoubt: "in_doubt", errors.New("what?"): "in_doubt"} {
		t.Run(err.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := &memory{t: t, answer: func(_ context.Context, n int) error {
					if n == 2 {
						return err
					}
					return nil
				}}
				u := newUpload(t, log)
				for range 3 {
					u.send(withField("count", "5") + "\n")
				}
				got := <-u.answered
				o := outcomesIn(t, got)
				if got.Code != http.StatusServiceUnavailable || got.Header().Get("Retry-After") != "1" || o.Code != code || o.Error == "" ||
					o.Accepted != 1 || o.Rejected != 1 || o.lines() != "2:"+code {
					t.Errorf("answered %d %+v", got.Code, o)
				}
				if n := len(log.values()); n != 5 || log.asked() != 2 {
					t.Errorf("the log has %d records of %d appends, want 5 of 2", n, log.asked())
				}
			})
		})
	}
}
