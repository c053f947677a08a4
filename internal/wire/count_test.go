package wire_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/internal/wire"
)

func TestCountJSON(t *testing.T) {
	w := wire.Window{Start: at - 2000, End: at}
	const window = `{"window":{"start":"2026-01-02T03:04:03.000Z","end":"2026-01-02T03:04:05.000Z"},`
	for name, tt := range map[string]struct {
		count wire.Count
		want  string
	}{
		"the main channel": {wire.Count{Window: w, Emoji: "🔥", Count: 25, Scaled: 2.5}, window + `"emoji_type":"🔥","emoji_count":25,"emoji_count_aggregated":2.5}`},
		"another channel":  {wire.Count{Window: w, Emoji: "🔥", Count: 1, Scaled: 1, Channel: "a"}, window + `"emoji_type":"🔥","emoji_count":1,"emoji_count_aggregated":1,"channel":"a"}`},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := json.Marshal(tt.count)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(b)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			var got wire.Count
			if err := json.Unmarshal(b, &got); err != nil || got != tt.count {
				t.Errorf("read as %+v, %v; want %+v", got, err, tt.count)
			}
		})
	}
}

// Numbers are read in every form in which a Spark job may write them, and a refusal says
// which field is wrong.
func TestDecodeCount(t *testing.T) {
	const window = `{"window":{"start":"2026-01-02 03:04:03","end":"2026-01-02 03:04:05"},"emoji_type":"🔥"`
	counts := func(count, scaled string) string {
		return window + `,"emoji_count":` + count + `,"emoji_count_aggregated":` + scaled + `}`
	}
	for name, tt := range map[string]struct {
		value  string
		count  int64
		scaled float64
	}{
		"as we write it":          {counts("6", "0.6"), 6, 0.6},
		"a fraction of zero":      {counts("6.0", "1.0"), 6, 1},
		"text":                    {counts(`"6"`, `"0.6"`), 6, 0.6},
		"text with a fraction":    {counts(`"6.0"`, `"1.0"`), 6, 1},
		"with an exponent":        {counts("1e3", "1.0E2"), 1000, 100},
		"the same as text":        {counts(`"1e3"`, `"1.0E2"`), 1000, 100},
		"the greatest":            {counts("1000000000000", "1"), wire.MaxCount, 1},
		"zero":                    {counts("0", "0"), 0, 0},
		"zero below zero":         {counts("-0.0", "-0.0"), 0, 0},
		"no scaled count":         {window + `,"emoji_count":6}`, 6, 0},
		"a scaled count of null":  {counts("6", "null"), 6, 0},
		"fields in another order": {`{"rate":[1],"emoji_count_aggregated":1,"emoji_count":6,"emoji_type":"🔥","window":{"end":1767323045,"start":1767323043}}`, 6, 1},
	} {
		want := wire.Count{Window: wire.Window{Start: at - 2000, End: at}, Emoji: "🔥", Count: tt.count, Scaled: tt.scaled, Channel: wire.MainChannel}
		if got, err := wire.DecodeCount([]byte(tt.value)); err != nil || got != want {
			t.Errorf("%s: read as %+v, %v; want %+v", name, got, err, want)
		}
	}
	for name, tt := range map[string]struct{ value, says string }{
		"no count":                  {window + `,"count":6}`, "it has no emoji_count"},
		"null":                      {counts("null", "1"), "emoji_count must be"},
		"part of a reaction":        {counts("6.5", "1"), `emoji_count must be a whole number from 0 to 1000000000000, and is "6.5"`},
		"text with a blank":         {counts(`" 6"`, "1"), "emoji_count must be"},
		"what nobody sees":          {counts("\"6\uFE0F\"", "1"), `and is "\"6U+FE0F\""`},
		"what nobody sees, scaled":  {counts("6", "\"6\uFE0F\""), `and is "\"6U+FE0F\""`},
		"a time nobody sees":        {`{"window":{"start":"8\uFE0F"},"emoji_type":"🔥","emoji_count":6}`, `"8U+FE0F" is no time`},
		"no text":                   {counts(`""`, "1"), "emoji_count must be"},
		"below zero":                {counts("-1", "1"), "emoji_count must be"},
		"below zero as text":        {counts(`"-1"`, "1"), "emoji_count must be"},
		"beyond what floats have":   {counts("9007199254740993", "1"), "emoji_count must be"},
		"beyond what anything has":  {counts("1e400", "1"), "emoji_count must be"},
		"not a number":              {counts(`"NaN"`, "1"), "emoji_count must be"},
		"endless":                   {counts(`"Infinity"`, "1"), "emoji_count must be"},
		"a list":                    {counts("[6]", "1"), "emoji_count must be"},
		"true":                      {counts("true", "1"), "emoji_count must be"},
		"long text":                 {counts(`"`+strings.Repeat("6", 500_000)+`"`, "1"), `"\"` + strings.Repeat("6", 39) + `"`},
		"scaled to no number":       {counts("6", `"NaN"`), "emoji_count_aggregated must be a number"},
		"scaled to an endless one":  {counts("6", `"Infinity"`), "emoji_count_aggregated must be a number"},
		"scaled to one below zero":  {counts("6", "-0.1"), "emoji_count_aggregated must be a number"},
		"scaled to text of a blank": {counts("6", `" "`), "emoji_count_aggregated must be a number"},
		"no window":                 {`{"emoji_type":"🔥","emoji_count":6}`, "no window"},
		"the window as text":        {`{"window":"{2026-01-02 03:04:03, 2026-01-02 03:04:05}","emoji_type":"🔥","emoji_count":6}`, "window"},
		"the window as two columns": {`{"start":1767323043,"end":1767323045,"emoji_type":"🔥","emoji_count":6}`, "no window"},
		"a window without a start":  {`{"window":{"end":1767323045},"emoji_type":"🔥","emoji_count":6}`, `it must have a "start" and an "end"`},
		"a time that is none":       {`{"window":{"start":"8 pm","end":1767323045},"emoji_type":"🔥","emoji_count":6}`, `"8 pm" is no time: want it as in 2026-11-29T20:00:00.000Z`},
	} {
		if got, err := wire.DecodeCount([]byte(tt.value)); err == nil || !strings.Contains(err.Error(), tt.says) || len(err.Error()) > 300 {
			t.Errorf("%s: read as %+v, %.300v; want an error that says %s", name, got, err, tt.says)
		}
	}
}

func TestParseClosing(t *testing.T) {
	for value, want := range map[string]wire.Closing{
		"0/1:1767323045000":       {Reducer: 0, Reducers: 1, End: at},
		"127/128:0":               {Reducer: 127, Reducers: 128},
		"0/1:-2000":               {Reducer: 0, Reducers: 1, End: -2000},
		"3/4:-2000/5":             {Reducer: 3, Reducers: 4, End: -2000, Reopened: 5},
		"1/2:9223372036854775807": {Reducer: 1, Reducers: 2, End: 1<<63 - 1},
	} {
		got, ok := wire.ParseClosing([]byte(value))
		if !ok || got != want {
			t.Errorf("ParseClosing(%q) = %+v, %v; want %+v", value, got, ok, want)
		}
		if back := string(want.Encode()); back != value {
			t.Errorf("%+v is written as %q, want %q", want, back, value)
		}
	}
	for _, value := range []string{
		"", "0", "0/1", "0/1:", "/1:5", "0/0:5", "1/1:5", "-1/1:5", "0/-1:5", "0/1:5x", "0/1:5 ", " 0/1:5", "+0/1:5", "00/1:5",
		"0/1:9223372036854775808", "0/1:5.5", "0/1:0x5", "0/1:-0", "0:1/5", "0/1:5/", "0/1:5/0", "0/1:5/07", "0/1:5/7/7", "0/1/5:7",
	} {
		if got, ok := wire.ParseClosing([]byte(value)); ok || got != (wire.Closing{}) {
			t.Errorf("ParseClosing(%q) = %+v, %v; want nothing", value, got, ok)
		}
	}
}

func FuzzParseClosing(f *testing.F) {
	for _, value := range []string{"0/1:1767323045000", "1/2:-5", "0/1:5x", "+0/1:5", "1/1:1", ""} {
		f.Add([]byte(value))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		c, ok := wire.ParseClosing(value)
		if ok && (string(c.Encode()) != string(value) || c.Reducer < 0 || c.Reducer >= c.Reducers) {
			t.Errorf("ParseClosing(%q) = %+v, which is written as %q", value, c, c.Encode())
		}
	})
}

func TestHeaderNames(t *testing.T) {
	for _, name := range []string{wire.CompleteHeader, wire.ClosedHeader} {
		if !strings.HasPrefix(name, "emostream-") {
			t.Errorf("header %q, want a name of our own", name)
		}
	}
}
