package ingest_test

import (
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/wire"
	"github.com/emostream/emostream/server/ingest"
)

func TestPlain(t *testing.T) {
	ann := wire.Reaction{UserID: "ann", Emoji: "🔥", Channel: "main"}
	with := func(change func(*wire.Reaction)) wire.Reaction {
		r := ann
		change(&r)
		return r
	}
	for name, tt := range map[string]struct {
		body  string
		want  wire.Reaction
		count int
	}{
		"the least":      {`{"user_id":"ann","emoji_type":"🔥"}`, ann, 1},
		"white space":    {" {\n\t\"user_id\" : \"ann\" ,\r\n \"emoji_type\":\"🔥\" } \n", ann, 1},
		"another order":  {`{"emoji_type":"🔥","user_id":"ann"}`, ann, 1},
		"all":            {`{"user_id":"ann","emoji_type":"🔥","timestamp":"now","channel":"a","count":42}`, with(func(r *wire.Reaction) { r.Timestamp, r.Channel = "now", "a" }), 42},
		"a field more":   {`{"user_id":"ann","emoji_type":"🔥","device":"phone"}`, ann, 1},
		"one twice":      {`{"user_id":"bob","emoji_type":"🔥","user_id":"ann"}`, ann, 1},
		"a count of 0":   {`{"user_id":"ann","emoji_type":"🔥","count":0}`, ann, 0},
		"a large count":  {`{"user_id":"ann","emoji_type":"🔥","count":9999}`, ann, 9999},
		"an empty field": {`{"user_id":"","emoji_type":"🔥"}`, with(func(r *wire.Reaction) { r.UserID = "" }), 1},
	} {
		t.Run(name, func(t *testing.T) {
			got, count, ok := ingest.Plain(tt.body)
			if diff := cmp.Diff(tt.want, got); diff != "" || count != tt.count || !ok {
				t.Errorf("read %v, count %d, want %d (-want +got):\n%s", ok, count, tt.count, diff)
			}
			if n := testing.AllocsPerRun(10, func() { ingest.Plain(tt.body) }); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

// What is not in the common form is left to encoding/json.
func TestNotPlain(t *testing.T) {
	for name, body := range map[string]string{
		"nothing":                "",
		"an array":               `[]`,
		"an empty object":        `{}`,
		"no user":                `{"emoji_type":"🔥"}`,
		"no emoji":               `{"user_id":"ann"}`,
		"an escape":              `{"user_id":"a\u006en","emoji_type":"🔥"}`,
		"a control character":    "{\"user_id\":\"a\tn\",\"emoji_type\":\"🔥\"}",
		"another case":           `{"User_ID":"ann","emoji_type":"🔥","user_id":"bob"}`,
		"null":                   `{"user_id":"ann","emoji_type":"🔥","channel":null}`,
		"a nested value":         `{"user_id":"ann","emoji_type":"🔥","more":{}}`,
		"a negative count":       `{"user_id":"ann","emoji_type":"🔥","count":-1}`,
		"a count with a point":   `{"user_id":"ann","emoji_type":"🔥","count":1.0}`,
		"a count with a zero":    `{"user_id":"ann","emoji_type":"🔥","count":01}`,
		"a very large count":     `{"user_id":"ann","emoji_type":"🔥","count":10000}`,
		"a count in quotes":      `{"user_id":"ann","emoji_type":"🔥","count":"1"}`,
		"a string without end":   `{"user_id":"ann","emoji_type":"🔥`,
		"an object without end":  `{"user_id":"ann","emoji_type":"🔥"`,
		"a comma at the end":     `{"user_id":"ann","emoji_type":"🔥",}`,
		"something after it":     `{"user_id":"ann","emoji_type":"🔥"}{}`,
		"white space of Unicode": "{\u00a0\"user_id\":\"ann\",\"emoji_type\":\"🔥\"}",
	} {
		if got, count, ok := ingest.Plain(body); ok {
			t.Errorf("%s: read %+v, count %d", name, got, count)
		}
	}
}

// FuzzPlain looks for a tap that is judged in two ways.
func FuzzPlain(f *testing.F) {
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
