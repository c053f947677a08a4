package wire_test

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/wire"
)

// The text of a number is what stands there, character by character.
func TestTextOfJSON(t *testing.T) {
	for in, want := range map[string]string{
		`""`: "", `"ann"`: "ann", `"\u0061\n"`: "a\n", `"42"`: "42", `"\ud800"`: "\uFFFD",
		"42": "42", "-0": "-0", "0.10": "0.10", "1732000000.25": "1732000000.25", "1e400": "1e400", "-1.5E-07": "-1.5E-07",
		"123456789012345678901234567890": "123456789012345678901234567890",
	} {
		var got struct{ A, B *wire.Text }
		if err := json.Unmarshal([]byte(`{"a": `+in+` ,"b":null}`), &got); err != nil || got.A == nil || string(*got.A) != want || got.B != nil {
			t.Errorf("%s is read as %v %v: %v", in, got.A, got.B, err)
		}
	}
	for in, kind := range map[string]string{"true": "bool", "false": "bool", "{}": "object", `["a"]`: "array"} {
		var got struct {
			A wire.Text `json:"a"`
		}
		err := json.Unmarshal([]byte(`{"a":`+in+`}`), &got)
		typ, ok := errors.AsType[*json.UnmarshalTypeError](err)
		if !ok || typ.Field != "a" || typ.Value != kind {
			t.Errorf("%s: %v", in, err)
		}
	}
}

// Records that Python wrote straight into the log are read as they are: numbers as their
// text, and an emoji in the spelling that it has there.
func TestDecodeReactionFieldsOfPython(t *testing.T) {
	got, err := wire.DecodeReactionFields([]byte(`{"user_id": 42, "emoji_type": "\u26bd\ufe0f", "timestamp": 1732000000.25}`))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"42", "⚽\uFE0F", "1732000000.25"}
	if diff := cmp.Diff(want, []string{string(got.UserID), string(got.Emoji), string(got.Timestamp)}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
