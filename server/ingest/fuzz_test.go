package ingest_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/emostream/emostream/internal/emoji"
	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/ingest"
)

// checkRecords fails unless every record is a reaction that all readers can read.
func checkRecords(t *testing.T, values []string) {
	t.Helper()
	for _, v := range values {
		var r wire.Reaction
		if err := json.Unmarshal([]byte(v), &r); err != nil {
			t.Fatalf("record %q: %v", v, err)
		}
		if e, err := emoji.Parse(r.Emoji); err != nil || string(e) != r.Emoji {
			t.Errorf("record %q: emoji %v", v, err)
		}
		if n := len(r.UserID); n < 1 || n > 128 || len(r.Timestamp) < 1 || len(r.Timestamp) > 64 || r.Channel != "" && !wire.ValidChannel(r.Channel) {
			t.Errorf("record %q is out of bounds", v)
		}
		if _, err := wire.DecodeCountedFields([]byte(v)); err != nil {
			t.Errorf("record %q cannot be counted: %v", v, err)
		}
	}
}

// FuzzReaction looks for a body that is acknowledged but not in the log, or refused but
// in the log.
func FuzzReaction(f *testing.F) {
	for _, body := range []string{
		"", "null", "[]", "{}", "1", `"🔥"`, "\xff", "[null]", "[[[", `{"user_id":"ann","emoji_type":"🔥"}`,
		`{"user_id":"ann","emoji_type":":fire:","timestamp":"now","channel":"a","count":100}`,
		`[{"user_id":"ann","emoji_type":"❤"},{"user_id":"","emoji_type":"A"},{"count":1e3}]`,
		`{"user_id":"\u0000\ud800","emoji_type":"👨‍👩‍👧‍👦","timestamp":"<&>\u2028"}`,
		`{"USER_ID":"ann","user_id":"bob","emoji_type":"🔥","count":-0}`,
		`{"user_id":-0,"emoji_type":"⚽` + "\uFE0F" + `","timestamp":1e400}`, "\uFEFF{}", "{\x00}\x00", "\uFEFF[1]",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		log := &memory{t: t}
		got := post(routes(log, ingest.Config{}), "/send_emoji", asJSON, string(body))
		values := log.values()
		checkRecords(t, values)
		switch got.Code {
		case http.StatusOK:
			if len(values) < 1 || len(values) > 100 || len(slices.Compact(slices.Clone(values))) != 1 {
				t.Errorf("%q: acknowledged with %d records", body, len(values))
			}
		case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
			refusalIn(t, got)
			if len(values) != 0 {
				t.Errorf("%q: refused with %d records", body, len(values))
			}
		default:
			t.Errorf("%q: answered %d %s", body, got.Code, got.Body)
		}

		// /v1/reactions takes the same bodies, and arrays too.
		if bytes.HasPrefix(bytes.TrimLeft(text.WithoutMarks(body), " \t\r\n"), []byte("[")) {
			fuzzArray(t, text.WithoutMarks(body))
			return
		}
		other := post(routes(&memory{t: t}, ingest.Config{}), "/v1/reactions", asJSON, string(body))
		if other.Code != got.Code && got.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("%q: /send_emoji answered %d %s, and /v1/reactions %d %s", body, got.Code, got.Body, other.Code, other.Body)
		}
	})
}

func fuzzArray(t *testing.T, body []byte) {
	t.Helper()
	log := &memory{t: t}
	got := post(routes(log, ingest.Config{}), "/v1/reactions", asJSON, string(body))
	values := log.values()
	checkRecords(t, values)
	o := outcomesIn(t, got)
	switch got.Code {
	case http.StatusOK, http.StatusUnprocessableEntity:
		var items []json.RawMessage
		if err := json.Unmarshal(body, &items); err != nil || len(o.Results) != len(items) || o.Accepted+o.Rejected != len(items) {
			t.Errorf("%q: answered for %d of %d: %v", body, len(o.Results), len(items), err)
		}
		if len(values) < o.Accepted || len(values) > 100*o.Accepted || (got.Code == http.StatusUnprocessableEntity) != (o.Accepted == 0 && len(items) > 0) {
			t.Errorf("%q: answered %d, %d accepted with %d records", body, got.Code, o.Accepted, len(values))
		}
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge:
		refusalIn(t, got)
		if len(values) != 0 {
			t.Errorf("%q: refused with %d records", body, len(values))
		}
	default:
		t.Errorf("%q: answered %d", body, got.Code)
	}
}

// FuzzLines checks that a stream has the same outcomes as its lines sent one by one.
func FuzzLines(f *testing.F) {
	good := `{"user_id":"ann","emoji_type":"🔥"}`
	for _, body := range []string{
		"", "\n", "\r\n\r\n", good, good + "\n" + good, good + "\r\n\n" + good + "\n", "{\n" + good + "\nnull\n[]\n",
		strings.Repeat("x", 70_000) + "\n" + good, strings.Repeat(" ", 20_000) + good, "\xff\n\u0085" + good + "\n", "\uFEFF" + good + "\n\uFEFF\n", "{\x00}\x00\n\x00{\x00",
		`{"user_id":"ann","emoji_type":"🔥","count":3}` + "\n" + strings.Repeat("A\n", 120),
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		single := &memory{t: t}
		one := routes(single, ingest.Config{})
		accepted, lines, refused := 0, 0, []int{}
		for i, line := range bytes.Split(body, []byte("\n")) {
			tooLong := len(line) >= 64<<10 // even if it is mostly white space
			if line = bytes.TrimSpace(text.WithoutMarks(bytes.TrimSpace(line))); len(line) == 0 && !tooLong {
				continue
			}
			lines++
			marked := bytes.HasPrefix(line, []byte("\uFEFF")) // a body may begin so, and the rest of a line may not
			if !tooLong && !marked && post(one, "/send_emoji", asJSON, string(line)).Code == http.StatusOK {
				accepted++
			} else if len(refused) < 100 {
				refused = append(refused, i+1)
			}
		}

		log := &memory{t: t}
		got := post(routes(log, ingest.Config{}), "/v1/reactions", asLines, string(body))
		o := outcomesIn(t, got)
		if o.Code == "invalid_utf8" && len(log.values()) == 0 {
			return // it is UTF-16, by its first line
		}
		want := http.StatusOK
		if lines > 0 && accepted == 0 {
			want = http.StatusUnprocessableEntity
		}
		var at []int
		for _, e := range o.Errors {
			at = append(at, e.Line)
		}
		if got.Code != want || o.Accepted != accepted || o.Rejected != lines-accepted || !slices.Equal(at, refused) {
			t.Errorf("%q: answered %d %+v, want %d, %d accepted of %d, refused %v", body, got.Code, o, want, accepted, lines, refused)
		}
		checkRecords(t, log.values())
		if len(log.values()) != len(single.values()) {
			t.Errorf("%q: %d records, want %d", body, len(log.values()), len(single.values()))
		}
	})
}

// FuzzTimestamp checks that a client's timestamp is written unchanged, whatever it
// holds. It may be refused only for its length.
func FuzzTimestamp(f *testing.F) {
	for _, s := range []string{
		"", "2026-01-02T03:04:05.678Z", "2026-02-30T25:61:61+99:99", "1767323045", "now", "<&>\u2028\x00\x1f\x7f", "\\u0041\"", "\u202e\U0001F525",
		strings.Repeat("9", 64), strings.Repeat("9", 65), strings.Repeat("é", 32), strings.Repeat("é", 33),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, timestamp string) {
		timestamp = strings.ToValidUTF8(timestamp, "\uFFFD")
		encoded, err := json.Marshal(timestamp)
		if err != nil {
			t.Fatal(err)
		}
		if len(encoded) > 8<<10 {
			return // it would be refused for the length of the body
		}
		for _, body := range []string{withField("timestamp", string(encoded)), `{"timestamp":` + string(encoded) + `,"user_id":"ann","emoji_type":"🔥"}`} {
			log := &memory{t: t}
			got := post(routes(log, ingest.Config{}), "/send_emoji", asJSON, body)
			if len(timestamp) > wire.MaxTimestamp {
				if p := refusalIn(t, got); got.Code != http.StatusUnprocessableEntity || p.Code != "invalid_timestamp" {
					t.Errorf("%q: answered %d %s", timestamp, got.Code, got.Body)
				}
				continue
			}
			var r wire.Reaction
			values := log.values()
			if got.Code != http.StatusOK || len(values) != 1 {
				t.Fatalf("%q: answered %d %s", timestamp, got.Code, got.Body)
			}
			if err := json.Unmarshal([]byte(values[0]), &r); err != nil || r.Timestamp != timestamp && timestamp != "" {
				t.Errorf("%q is carried along as %q, %v", timestamp, r.Timestamp, err)
			}
		}
	})
}

// FuzzParse looks for a reaction for which the fast reader and encoding/json give
// different results.
func FuzzParse(f *testing.F) {
	for _, body := range []string{
		`{"user_id":"ann","emoji_type":"🔥"}`,
		`{"user_id":"ann","emoji_type":":fire:","timestamp":"now","channel":"a","count":100}`,
		`{"COUNT":1,"count":7,"user_id":"ann","emoji_type":"❤","x":"y"}`,
		" {\t\"user_id\" :\"\u017f\" ,\r\n\"u\u017fer_id\":\"bob\",\"emoji_type\":\"A\",\"count\":0012 } ",
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if !utf8.ValidString(body) {
			return // refused before
		}
		r, count, refusal := ingest.Parse(body, false)
		general, generalCount, generalRefusal := ingest.Parse(body, true)
		if r != general || count != generalCount || refusal != generalRefusal {
			t.Errorf("%q is %+v, count %d, refused %q; encoding/json makes it %+v, count %d, refused %q", body, r, count, refusal, general, generalCount, generalRefusal)
		}
	})
}

// FuzzSplit compares the items of arrays with those that encoding/json finds.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{
		"[]", " [ ] ", "[0]", "[0,1]", `["a]","\"","\\",",",""]`, `[[1,[2]],{"a":[",]"]},"x"]`, "[ 1 , {} ,[ ] ]", "[1,]", "[", "[}", "[\"\xff\"]", `["\u0022,"]`, "[1] ", "[1]x",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) {
			return // see singleOrArray
		}
		got, ok := ingest.Split(body)
		var want []json.RawMessage
		err := json.Unmarshal(body, &want)
		if whole := err == nil && utf8.Valid(body); whole != ok && len(want) <= 100 {
			t.Fatalf("%q: split %v, and encoding/json says %v", body, ok, err)
		}
		if !ok {
			return
		}
		if len(got) != len(want) {
			t.Fatalf("%q: %d items, want %d", body, len(got), len(want))
		}
		for i := range want {
			if !bytes.Equal(got[i], want[i]) {
				t.Errorf("%q: item %d is %q, want %q", body, i, got[i], want[i])
			}
		}
	})
}
