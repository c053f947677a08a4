package wire_test

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/wire"
)

// flat returns the fields that ScanFlatReaction finds in body, as strings.
func flat(body string) (r wire.Reaction, count int, ok bool) {
	f, ok := wire.ScanFlatReaction([]byte(body))
	r = wire.Reaction{UserID: f.UserID.InString(body), Emoji: f.Emoji.InString(body), Timestamp: f.Timestamp.InString(body), Channel: f.Channel.InString(body)}
	return r, f.Count, ok
}

func TestScanFlatReaction(t *testing.T) {
	ann := wire.Reaction{UserID: "ann", Emoji: "🔥"}
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
		"no user":        {`{"emoji_type":"🔥"}`, with(func(r *wire.Reaction) { r.UserID = "" }), 1},
		"no emoji":       {`{"user_id":"ann"}`, with(func(r *wire.Reaction) { r.Emoji = "" }), 1},
	} {
		t.Run(name, func(t *testing.T) {
			got, count, ok := flat(tt.body)
			if diff := cmp.Diff(tt.want, got); diff != "" || count != tt.count || !ok {
				t.Errorf("read %v, count %d, want %d (-want +got):\n%s", ok, count, tt.count, diff)
			}
			text := []byte(tt.body)
			if n := testing.AllocsPerRun(10, func() { wire.ScanFlatReaction(text) }); n != 0 {
				t.Errorf("%v allocations", n)
			}
		})
	}
}

func TestScanFlatReactionLeavesToEncodingJSON(t *testing.T) {
	for name, body := range map[string]string{
		"nothing":                "",
		"an array":               `[]`,
		"an empty object":        `{}`,
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
		if got, count, ok := flat(body); ok {
			t.Errorf("%s: read %+v, count %d", name, got, count)
		}
	}
}

// Exists tells an empty field from one that is missing.
func TestFlatReactionFieldsExist(t *testing.T) {
	f, ok := wire.ScanFlatReaction([]byte(`{"user_id":"","emoji_type":"🔥"}`))
	if !ok || !f.UserID.Exists() || !f.Emoji.Exists() || f.Timestamp.Exists() || f.Channel.Exists() {
		t.Errorf("read %v, %+v", ok, f)
	}
}

// FuzzScanFlatReaction looks for a text from which ScanFlatReaction reads something
// else than encoding/json.
func FuzzScanFlatReaction(f *testing.F) {
	for _, body := range []string{
		`{"user_id":"ann","emoji_type":"🔥"}`,
		`{"user_id":"ann","emoji_type":":fire:","timestamp":"now","channel":"a","count":100}`,
		`{"COUNT":1,"count":7,"user_id":"ann","emoji_type":"❤","x":"y"}`,
		" {\t\"user_id\" :\"\u017f\" ,\r\n\"u\u017fer_id\":\"bob\",\"emoji_type\":\"A\",\"count\":0012 } ",
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		r, count, ok := flat(body)
		if !ok || !utf8.ValidString(body) {
			return
		}
		var want struct {
			wire.Reaction
			Count int `json:"count"`
		}
		want.Count = 1
		if err := json.Unmarshal([]byte(body), &want); err != nil || r != want.Reaction || count != want.Count {
			t.Errorf("%q is %+v, count %d; encoding/json makes it %+v, %v", body, r, count, want, err)
		}
	})
}
