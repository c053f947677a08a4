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
