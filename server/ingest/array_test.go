package ingest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/server/ingest"
)

// outcomes is the answer to an array or to lines.
type outcomes struct {
	Accepted int `json:"accepted"`
	Rejected int `json:"rejected"`
	Results  []struct {
		AcceptedAt string `json:"accepted_at"`
		Error      string `json:"error"`
		Code       string `json:"code"`
	} `json:"results"`
	Errors []struct {
		Line  int    `json:"line"`
		Error string `json:"error"`
		Code  string `json:"code"`
	} `json:"errors"`
	Error string `json:"error"`
	Code  string `json:"code"`
}

func outcomesIn(t *testing.T, got *httptest.ResponseRecorder) outcomes {
	t.Helper()
	var o outcomes
	if err := json.Unmarshal(got.Body.Bytes(), &o); err != nil || got.Header().Get("Content-Type") != asJSON {
		t.Fatalf("answered %d %.200s: %v", got.Code, got.Body, err)
	}

	for _, r := range o.Results {
		if r.Code != "" && (r.Error != "" || len(o.Results) <= 100) { // of large arrays only the first errors are in full
			checkWords(t, r.Error, r.Code)
		}
	}
	for _, e := range o.Errors {
		checkWords(t, e.Error, e.Code)
	}
	return o
}

// codes returns the results in short: "ok" or a code, and how often it stands in a row.
func (o outcomes) codes() string {
	var out []string
	last, n := "", 0 // the code of the row, and its length
	flush := func() {
		if last == "" {
			last = "ok"
		}
		if n > 0 {
			out = append(out, fmt.Sprintf("%s×%d", last, n))
		}
	}
	for _, r := range o.Results {
		if r.Code != last {
			flush()
			last, n = r.Code, 0
		}
		n++
	}
	flush()
	return strings.Join(out, " ")
}

// numbered returns n reactions, each of another user, with the separator between them.
func numbered(n int, separator string) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(separator)
		}
		fmt.Fprintf(&b, `{"user_id":"%d","emoji_type":"🔥","timestamp":"t"}`, i)
	}
	return b.String()
}

func TestArrayIsAnsweredInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &memory{t: t}
		got := post(routes(log, ingest.Config{}), "/v1/reactions", asJSON, ` [
			{"user_id":"ann","emoji_type":"🔥","timestamp":"1"},
			{"user_id":"bob","emoji_type":"A"},
			null,
			{"user_id":"eve","emoji_type":"🎉","timestamp":"2","count":2,"channel":"b"},
			[],
			{"user_id":"eve","emoji_type":"🎉","count":0},
			{"emoji_type":"🎉"}
		]`)
		if got.Code != http.StatusOK {
			t.Errorf("answered %d", got.Code)
		}
		o := outcomesIn(t, got)
		if want := "ok×1 not_an_emoji×1 not_an_object×1 ok×1 not_an_object×1 invalid_count×1 missing_field×1"; o.codes() != want || o.Accepted != 2 || o.Rejected != 5 {
			t.Errorf("%d accepted, %d rejected: %s, want %s", o.Accepted, o.Rejected, o.codes(), want)
		}
		for i, r := range o.Results {
			if (r.AcceptedAt == midnight) != (r.Code == "") || (r.Error == "") != (r.Code == "") {
				t.Errorf("result %d is %+v", i, r)
			}
		}
		if diff := cmp.Diff([]string{
			`{"user_id":"ann","emoji_type":"🔥","timestamp":"1"}`,
			`{"user_id":"eve","emoji_type":"🎉","timestamp":"2","channel":"b"}`,
			`{"user_id":"eve","emoji_type":"🎉","timestamp":"2","channel":"b"}`,
		}, log.values()); diff != "" {
			t.Errorf("records (-want +got):\n%s", diff)
		}
	})
}

func TestArrays(t *testing.T) {
	const good, bad = `{"user_id":"ann","emoji_type":"🔥"}`, `{"user_id":"ann","emoji_type":"A"}`
	long := strings.Replace(withField("count", "100"), "ann", strings.Repeat(`\u0001`, 128), 1) // 800 bytes each
	fire := func(n int) string { return strings.Repeat(good+",", n-1) + good }
	// on returns a log's answers: outcomes[0] to the first append, outcomes[1] to the
	// second, and so on.
	on := func(outcomes ...error) func(context.Context, int) error {
		return func(_ context.Context, n int) error { return outcomes[n-1] }
	}
	for name, tt := range map[string]struct {
		body    string
		log     func(context.Context, int) error
		status  int
		code    string // of the whole answer
		results string
		appends int
		records int
	}{
		"an empty one":               {body: `[]`, status: 200},
		"as many as are allowed":     {body: "[" + fire(10_000) + "]", status: 200, results: "ok×10000", appends: 2, records: 10_000},
		"one more":                   {body: "[" + fire(10_001) + "]", status: 413, code: "too_many_items"},
		"too many bytes":             {body: "[" + strings.Repeat(" ", 4<<20) + "]", status: 413, code: "too_large"},
		"all rejected":               {body: "[" + bad + "," + bad + "]", status: 422, results: "not_an_emoji×2"},
		"one accepted":               {body: "[" + bad + "," + good + "]", status: 200, results: "not_an_emoji×1 ok×1", appends: 1, records: 1},
		"counts of a hundred":        {body: "[" + strings.Repeat(withField("count", "100")+",", 299) + withField("count", "100") + "]", status: 200, results: "ok×300", appends: 6, records: 30_000},
		"long counts of a hundred":   {body: "[" + strings.Repeat(long+",", 29) + long + "]", status: 200, results: "ok×30", appends: 5, records: 3_000},
		"a byte order mark":          {body: "\uFEFF [" + good + "]", status: 200, results: "ok×1", appends: 1, records: 1},
		"UTF-16":                     {body: utf16LE("[" + good + "]"), status: 400, code: "invalid_utf8"},
		"numbers as users":           {body: "[" + withField("user_id", "42") + "," + withField("user_id", "[]") + "," + withField("timestamp", "1.5") + "]", status: 200, results: "ok×1 wrong_type×1 ok×1", appends: 1, records: 2},
		"broken":                     {body: "[" + good, status: 400, code: "invalid_json"},
		"garbage after it":           {body: "[" + good + "]]", status: 400, code: "invalid_json"},
		"no comma":                   {body: "[" + good + good + "]", status: 400, code: "invalid_json"},
		"no UTF-8":                   {body: "[" + good + ",\"\xff\"]", status: 400, code: "invalid_utf8"},
		"none written":               {body: "[" + good + "]", log: on(stream.ErrNotWritten), status: 503, code: "not_written", appends: 1},
		"none written, one bad":      {body: "[" + bad + "," + good + "]", log: on(stream.ErrNotWritten), status: 503, code: "not_written", appends: 1},
		"the rest is not written":    {body: "[" + fire(9_999) + "," + bad + "]", log: on(nil, stream.ErrNotWritten), status: 200, results: "ok×5000 not_written×4999 not_an_emoji×1", appends: 2, records: 5_000},
		"the rest is in doubt":       {body: "[" + fire(9_999) + "]", log: on(nil, stream.ErrInDoubt), status: 200, results: "ok×5000 in_doubt×4999", appends: 2, records: 5_000},
		"doubt is not talked away":   {body: "[" + fire(9_999) + "]", log: on(stream.ErrInDoubt, stream.ErrNotWritten), status: 503, code: "in_doubt", appends: 1},
		"a log that fails is spared": {body: "[" + fire(9_999) + "]", log: on(stream.ErrNotWritten, stream.ErrInDoubt), status: 503, code: "not_written", appends: 1},
		"what follows is not tried":  {body: "[" + strings.Repeat(withField("count", "100")+",", 150) + bad + "]", log: on(nil, stream.ErrInDoubt, nil), status: 200, results: "ok×50 in_doubt×50 not_written×50 not_an_emoji×1", appends: 2, records: 5_000},
	} {
		t.Run(name, func(t *testing.T) {
			log := &memory{t: t, answer: tt.log}
			got := post(routes(log, ingest.Config{}), "/v1/reactions", asJSON, tt.body)
			o := outcomesIn(t, got)
			if got.Code != tt.status || o.Code != tt.code || o.codes() != tt.results {
				t.Errorf("answered %d %q %s %s, want %d %q %s", got.Code, o.Code, o.Error, o.codes(), tt.status, tt.code, tt.results)
			}
			if (got.Header().Get("Retry-After") == "1") != (tt.status == 503) {
				t.Errorf("answered %d with Retry-After %q", got.Code, got.Header().Get("Retry-After"))
			}
			if tt.code == "" && (o.Results == nil || o.Accepted != strings.Count(got.Body.String(), "accepted_at") || o.Accepted+o.Rejected != len(o.Results)) {
				t.Errorf("%d accepted, %d rejected of %d results", o.Accepted, o.Rejected, len(o.Results))
			}
			if log.asked() != tt.appends || len(log.values()) != tt.records {
				t.Errorf("%d records in %d appends, want %d in %d", len(log.values()), log.asked(), tt.records, tt.appends)
			}
		})
	}
}

// The reactions of users 0 to 5,999 are appended in this order, in any number of
// batches.
func TestArrayKeepsOrder(t *testing.T) {
	log := &memory{t: t}
	post(routes(log, ingest.Config{}), "/v1/reactions", asJSON, "["+numbered(6_000, ",")+"]")
	if diff := cmp.Diff(strings.Split(numbered(6_000, "\n"), "\n"), log.values()); diff != "" {
		t.Errorf("records (-want +got):\n%.500s", diff)
	}
}

// A body of nothing but commas must not take many times its size.
func TestArrayOfCommasIsCheap(t *testing.T) {
	body := "[" + strings.Repeat("0,", 2_000_000) + "0]"
	h := routes(&memory{t: t}, ingest.Config{})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := post(h, "/v1/reactions", asJSON, body)
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; got.Code != http.StatusRequestEntityTooLarge || used > 40<<20 {
		t.Errorf("answered %d, and took %d MiB for %d MiB", got.Code, used>>20, len(body)>>20)
	}
}
