package wire_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/wire"
)

// fields are the strings of wire.CountedFields, for tables.
type fields struct{ Emoji, Channel string }

func decodeCounted(value string) (fields, error) {
	t, err := wire.DecodeCountedFields([]byte(value))
	return fields{string(t.Emoji), string(t.Channel)}, err
}

func TestDecodeCountedFields(t *testing.T) {
	long := strings.Repeat("x", wire.MaxEmoji)
	for name, tt := range map[string]struct {
		value string
		want  fields
	}{
		"as we write it":                   {`{"user_id":"u1","emoji_type":"🔥","timestamp":"2026-01-02T03:04:05.678Z"}`, fields{"🔥", ""}},
		"with a channel":                   {`{"user_id":"u1","emoji_type":"🔥","timestamp":"","channel":"stage-2"}`, fields{"🔥", "stage-2"}},
		"the main channel by its name":     {`{"emoji_type":"🔥","channel":"main"}`, fields{"🔥", ""}},
		"the main channel, written out":    {`{"emoji_type":"🔥","channel":"main","n":1}`, fields{"🔥", ""}},
		"an empty channel":                 {`{"emoji_type":"🔥","channel":""}`, fields{"🔥", ""}},
		"a channel that is null":           {`{"emoji_type":"🔥","channel":null}`, fields{"🔥", ""}},
		"the emoji alone":                  {`{"emoji_type":"🔥"}`, fields{"🔥", ""}},
		"other order":                      {`{"channel":"a","timestamp":"t","emoji_type":"🔥","user_id":"u1"}`, fields{"🔥", "a"}},
		"more fields, of any type":         {`{"emoji_type":"🔥","version":3,"tags":["emoji_type","x"],"o":{"emoji_type":"x"},"ok":true}`, fields{"🔥", ""}},
		"more fields, all strings":         {`{"emoji_type":"🔥","device":"phone","":""}`, fields{"🔥", ""}},
		"spaces":                           {" {\t\"emoji_type\" :\n\"🔥\" , \"channel\" : \"a\" }\r\n", fields{"🔥", "a"}},
		"a superfluous selector, kept":     {`{"user_id":"u1","emoji_type":"⚽` + "\uFE0F" + `"}`, fields{"⚽\uFE0F", ""}},
		"Python's spaces and numbers":      {`{"user_id": 42, "emoji_type": "\ud83d\udd25", "timestamp": 1732000000.25}`, fields{"🔥", ""}},
		"as Python's json.dumps writes it": {`{"user_id": "u\"1", "emoji_type": "\u2764\ufe0f", "timestamp": "2026-01-02T03:04:05.678901", "channel": "m"}`, fields{"❤️", "m"}},
		"escapes beyond 16 bits":           {`{"user_id":"u","emoji_type":"\ud83d\udc69\ud83c\udffd\u200d\ud83d\ude80"}`, fields{"👩🏽‍🚀", ""}},
		"an escaped name":                  {`{"emoji\u005ftype":"🔥"}`, fields{"🔥", ""}},
		"a name in other letters":          {`{"Emoji_Type":"🔥","CHANNEL":"a"}`, fields{"🔥", "a"}},
		"one name of two in others":        {`{"emoji_type":"🔥","Channel":"a"}`, fields{"🔥", "a"}},
		"the same name twice":              {`{"emoji_type":"😂","emoji_type":"🔥"}`, fields{"🔥", ""}},
		"a user id that is a number":       {`{"user_id":17,"emoji_type":"🔥","timestamp":1767323045.678}`, fields{"🔥", ""}},
		"a user id with an escape":         {`{"user_id":"a\\b","emoji_type":"🔥"}`, fields{"🔥", ""}},
		"what is not an emoji":             {`{"emoji_type":"abc"}`, fields{"abc", ""}},
		"the longest emoji":                {`{"emoji_type":"` + long + `"}`, fields{long, ""}},
		"the longest channel":              {`{"emoji_type":"🔥","channel":"` + long + `"}`, fields{"🔥", long}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := decodeCounted(tt.value)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeCountedFieldsRefuses(t *testing.T) {
	for name, value := range map[string]string{
		"nothing":                        "",
		"no JSON":                        "🔥",
		"half of it":                     `{"emoji_type":"🔥"`,
		"a byte order mark":              "\uFEFF" + `{"user_id":"u1","emoji_type":"🔥"}`,
		"a mark, and Python's spaces":    "\uFEFF" + `{"user_id": 42, "emoji_type": "🔥"}`,
		"a mark alone":                   "\uFEFF",
		"a mark in the middle":           `{` + "\uFEFF" + `"emoji_type":"🔥"}`,
		"UTF-16":                         "{\x00\"\x00",
		"more than one":                  `{"emoji_type":"🔥"}{}`,
		"null":                           "null",
		"a string":                       `"🔥"`,
		"a list":                         `[{"emoji_type":"🔥"}]`,
		"no emoji":                       `{"user_id":"u1"}`,
		"an empty object":                `{}`,
		"an empty emoji":                 `{"emoji_type":""}`,
		"an emoji that is a number":      `{"emoji_type":5}`,
		"an emoji that is an object":     `{"emoji_type":{}}`,
		"an emoji that is null":          `{"emoji_type":null}`,
		"an emoji that is too long":      `{"emoji_type":"` + strings.Repeat("x", wire.MaxEmoji+1) + `"}`,
		"a control character":            `{"emoji_type":"a\u0000"}`,
		"a control character as it is":   "{\"emoji_type\":\"a\nb\"}",
		"one in what is not counted":     "{\"user_id\":\"a\nb\",\"emoji_type\":\"🔥\"}",
		"DEL":                            "{\"emoji_type\":\"\x7f\"}",
		"bytes that are not UTF-8":       "{\"emoji_type\":\"\xff\"}",
		"a channel that is a number":     `{"emoji_type":"🔥","channel":1}`,
		"a channel with a space":         `{"emoji_type":"🔥","channel":"a b"}`,
		"a channel with an escape":       `{"emoji_type":"🔥","channel":"a\u0020b"}`,
		"a channel beyond ASCII":         `{"emoji_type":"🔥","channel":"é"}`,
		"a channel that is too long":     `{"emoji_type":"🔥","channel":"` + strings.Repeat("x", wire.MaxChannel+1) + `"}`,
		"a comma too many":               `{"emoji_type":"🔥",}`,
		"a name without a value":         `{"emoji_type"}`,
		"two values without a comma":     `{"emoji_type":"🔥""channel":"a"}`,
		"something after the last brace": `{"emoji_type":"🔥"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := decodeCounted(value); !errors.Is(err, wire.ErrNotReaction) {
				t.Errorf("DecodeCountedFields = %+v, %v; want ErrNotReaction", got, err)
			}
			if got, err := wire.DecodeReactionFields([]byte(value)); !errors.Is(err, wire.ErrNotReaction) {
				t.Errorf("DecodeReactionFields = %+v, %v; want ErrNotReaction", got, err)
			}
		})
	}
}

func TestDecodeCountedFieldsOfOurOwnFormDoesNotAllocate(t *testing.T) {
	value := wire.AppendReaction(nil, wire.Reaction{UserID: "user_1", Emoji: "❤️", Timestamp: "2026-01-02T03:04:05.678Z", Channel: "stage-2"})
	allocs := testing.AllocsPerRun(100, func() {
		if _, err := wire.DecodeCountedFields(value); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations, want none", allocs)
	}
}

func TestAppendReaction(t *testing.T) {
	for name, tt := range map[string]struct {
		r    wire.Reaction
		want string
	}{
		"plain":            {wire.Reaction{UserID: "u1", Emoji: "🔥", Timestamp: "t"}, `{"user_id":"u1","emoji_type":"🔥","timestamp":"t"}`},
		"a channel":        {wire.Reaction{Emoji: "🔥", Channel: "a"}, `{"user_id":"","emoji_type":"🔥","timestamp":"","channel":"a"}`},
		"the main channel": {wire.Reaction{Emoji: "🔥", Channel: "main"}, `{"user_id":"","emoji_type":"🔥","timestamp":""}`},
		"quotes":           {wire.Reaction{UserID: `a"b\c`, Emoji: "🔥"}, `{"user_id":"a\"b\\c","emoji_type":"🔥","timestamp":""}`},
		"a line end":       {wire.Reaction{UserID: "a\nb", Emoji: "🔥"}, `{"user_id":"a\nb","emoji_type":"🔥","timestamp":""}`},
		"not UTF-8":        {wire.Reaction{UserID: "a\xff", Emoji: "🔥"}, `{"user_id":"a\ufffd","emoji_type":"🔥","timestamp":""}`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := string(wire.AppendReaction([]byte("before"), tt.r)); got != "before"+tt.want {
				t.Errorf("got %s, want it after before: %s", got, tt.want)
			}
		})
	}
}

// encoding/json reads a reaction as it was written, and DecodeCountedFields its counted
// fields.
func FuzzAppendReaction(f *testing.F) {
	f.Add("user_1", "🔥", "2026-01-02T03:04:05.678Z", "stage-2")
	f.Add(`a"b\c`, "❤️", "\x00\x1f\x7f\u2028<&>", "")
	f.Add("\xff", "👩🏽‍🚀", "", "main")
	f.Fuzz(func(t *testing.T, user, emoji, timestamp, channel string) {
		want := wire.Reaction{UserID: user, Emoji: emoji, Timestamp: timestamp, Channel: channel}
		for _, s := range []*string{&want.UserID, &want.Emoji, &want.Timestamp, &want.Channel} {
			*s = string([]rune(*s)) // bytes that are not UTF-8 become U+FFFD
		}
		value := wire.AppendReaction(nil, want)
		if want.Channel == wire.MainChannel {
			want.Channel = ""
		}
		var got wire.Reaction
		if err := json.Unmarshal(value, &got); err != nil {
			t.Fatalf("%s: %v", value, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", value, diff)
		}
		if counted, err := decodeCounted(string(value)); err == nil && counted != (fields{want.Emoji, want.Channel}) {
			t.Errorf("%s: DecodeCountedFields reads %+v", value, counted)
		}
	})
}

// DecodeCountedFields never panics, and accepts and returns the same as encoding/json.
func FuzzDecodeCountedFields(f *testing.F) {
	for _, value := range []string{
		`{"user_id":"u1","emoji_type":"🔥","timestamp":"t"}`,
		`{"user_id": "u\"1", "emoji_type": "\u2764\ufe0f", "timestamp": "t", "channel": "m"}`,
		`{"emoji_type":"a","Emoji_Type":"b","CHANNEL":"c"}`,
		`{"emoji_type":"a","emoji_type":null,"channel":"main"}`,
		`{"user_id":1,"emoji_type":"a","channel":""}`,
		"{\"emoji_type\":\"a\xff\"}",
		`{"emoji_type":"a","channel":"x","channel":{}}`,
		`{}`, `null`, `{"a":"b",}`, ``,
	} {
		f.Add([]byte(value))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		got, err := decodeCounted(string(value))
		if err != nil && !errors.Is(err, wire.ErrNotReaction) {
			t.Fatalf("error %v, want ErrNotReaction", err)
		}
		var want struct {
			Emoji   string `json:"emoji_type"`
			Channel string `json:"channel"`
		}
		legal := json.Unmarshal(value, &want) == nil && utf8.Valid(value) &&
			len(want.Emoji) > 0 && len(want.Emoji) <= wire.MaxEmoji && !strings.ContainsFunc(want.Emoji, isControl) &&
			(want.Channel == "" || wire.ValidChannel(want.Channel))
		if want.Channel == wire.MainChannel {
			want.Channel = ""
		}
		switch {
		case err == nil && (got.Emoji != want.Emoji || got.Channel != want.Channel):
			t.Errorf("%q: DecodeCountedFields reads %+v, encoding/json %+v", value, got, want)
		case err != nil && legal:
			t.Errorf("%q: DecodeCountedFields refuses it: %v; encoding/json reads %+v", value, err, want)
		}
	})
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

func TestValidChannel(t *testing.T) {
	for channel, want := range map[string]bool{
		"main": true, "a": true, "A-Z.a_z-09": true, ".": true, strings.Repeat("x", 64): true,
		"": false, strings.Repeat("x", 65): false, "a b": false, "a/b": false, "é": false, "a\x00": false, "a,b": false,
	} {
		if got := wire.ValidChannel(channel); got != want {
			t.Errorf("ValidChannel(%q) = %v, want %v", channel, got, want)
		}
		if got := wire.ValidChannel([]byte(channel)); got != want {
			t.Errorf("ValidChannel(%q as bytes) = %v, want %v", channel, got, want)
		}
	}
}
