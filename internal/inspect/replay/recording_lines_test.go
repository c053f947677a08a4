package replay_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/emostream/emostream/internal/inspect/replay"
	"github.com/emostream/emostream/internal/wire"
)

func TestLines(t *testing.T) {
	const long = 64 << 10
	const windows = "it is a table of windows, and they hold no single reactions: want what emostream export --what reactions writes"
	for name, test := range map[string]struct{ in, want string }{
		"as export writes":   {`{"time":"2026-11-23T14:42:00.250Z","user_id":"ann","emoji_type":"🔥","timestamp":"t","channel":"room-1"}`, "ann 🔥 t room-1 x1 @14:42:00.25"},
		"as a client sends":  {`{"user_id":"ann","emoji_type":":fire:","count":100}`, "ann :fire:   x100 @?"},
		"as consume prints":  {`{"topic":"emoji-topic","partition":0,"offset":7,"time":"2026-11-23T14:42:00.000Z","value":{"user_id":"ann","emoji_type":"🔥","timestamp":"t"}}`, "ann 🔥 t  x1 @14:42:00"},
		"by its timestamp":   {`{"user_id":"ann","emoji_type":"🔥","timestamp":"2026-11-23T15:42:00+01:00"}`, "ann 🔥 2026-11-23T15:42:00+01:00  x1 @14:42:00"},
		"by one of Python":   {`{"user_id":"ann","emoji_type":"🔥","timestamp":"2026-11-23T14:42:00.123456"}`, "ann 🔥 2026-11-23T14:42:00.123456  x1 @14:42:00.123"},
		"by a blank":         {`{"user_id":"a","emoji_type":"🔥","timestamp":"2026-11-23 14:42:00.123"}` + "\n" + `{"user_id":"a","emoji_type":"🔥","time":"2026-11-23 14:42:01"}`, "a 🔥 2026-11-23 14:42:00.123  x1 @14:42:00.123; a 🔥   x1 @14:42:01"},
		"by one of Flask":    {`{"user_id":"a","emoji_type":"🔥","timestamp":1795444920.125}` + "\n" + `{"user_id":"a","emoji_type":"🔥","timestamp":"1795444921"}`, "a 🔥 1795444920.125  x1 @14:42:00.125; a 🔥 1795444921  x1 @14:42:01"},
		"by one in ms":       {`{"user_id":"a","emoji_type":"🔥","timestamp":1795444920125}` + "\n" + `{"user_id":"a","emoji_type":"🔥","time":1795444921000}`, "a 🔥 1795444920125  x1 @14:42:00.125; a 🔥   x1 @14:42:01"},
		"by the one before":  {`{"user_id":"a","emoji_type":"🔥","time":"2026-11-23T14:42:00Z"}` + "\n" + `{"user_id":"b","emoji_type":"🔥","time":null}`, "a 🔥   x1 @14:42:00; b 🔥   x1 @14:42:00"},
		"numbers":            {`{"user_id":7,"emoji_type":"🔥","timestamp":1.5}`, "7 🔥 1.5  x1 @?"},
		"no user":            {`{"emoji_type":"🔥"}`, " 🔥   x1 @?"},
		"white space":        {"\n \t{ \"user_id\" : \"a\", \"emoji_type\":\"🔥\" } \r\n\n", "a 🔥   x1 @?"},
		"nothing":            {"", ""},
		"a byte order mark":  {"\ufeff" + `{"user_id":"a","emoji_type":"🔥"}`, "a 🔥   x1 @?"},
		"UTF-16":             {"\xff\xfe{\x00}\x00", "bad: line 1: it is UTF-16, and UTF-8 is wanted: PowerShell's > and Excel's \"Unicode Text\" write UTF-16, Out-File -Encoding utf8 and Excel's \"CSV UTF-8\" write UTF-8, and iconv -f UTF-16 -t UTF-8 makes it"},
		"CSV":                {"time,user_id,emoji_type,timestamp,channel\r\n2026-11-23T14:42:00.250Z,\"a,\"\"b\"\"\",🔥,,main\r\n2026-11-23T14:42:01Z,'=b,:tada:,t,room-1\n", `a,"b" 🔥   x1 @14:42:00.25; =b :tada: t room-1 x1 @14:42:01`},
		"CSV of Excel":       {"\ufeffuser_id;emoji_type;count;note\r\nann;🔥;3;hm\r\n\r\nbob;🎉;;\r\n", "ann 🔥   x3 @?; bob 🎉   x1 @?"},
		"joined files":       {"\ufeff{\"user_id\":\"a\",\"emoji_type\":\"🔥\"}\n\ufeff{\"user_id\":\"b\",\"emoji_type\":\"🔥\"}\n", "a 🔥   x1 @?; b 🔥   x1 @?"},
		"joined CSV":         {"\ufeffuser_id,emoji_type\nann,🔥\n\ufeffuser_id,emoji_type\r\nbob,🔥\nuser_id,emoji_type\n", "ann 🔥   x1 @?; bob 🔥   x1 @?"},
		"as a sheet writes":  {"\ufeffsep=;\r\nTime;USER_ID; Emoji_Type\r\n2026-11-23 14:42:00;ann;🔥;;\r\n;;\r\n;;;\r\n;bob;🔥;;x\r\nSEP=;\r\n;carl;🔥;\r\n", "ann 🔥   x1 @14:42:00; bad: line 6: not a reaction: it has 5 cells, and there are names of 3; carl 🔥   x1 @14:42:00"},
		"empty between tabs": {"time\tuser_id\temoji_type\tchannel\r\n\tann\t🔥\t\r\n\t\t\t\r\n", "ann 🔥   x1 @?"},
		"a tab in quotes":    {"\"sep=\t\"\nuser_id\temoji_type\nann\t🔥\t\n", "ann 🔥   x1 @?"},
		"a sheet of windows": {"sep=,\nWindow_Start,Emoji_Type,Emoji_Count,\nx\n", "bad: line 2: it is a table of windows, and they hold no single reactions: want what emostream export --what reactions writes"},
		"tabs":               {"emoji_type\tuser_id\n🔥\tann\n", "ann 🔥   x1 @?"},
		"CSV that is wrong":  {"user_id,emoji_type,count\nann,🔥\nann,🔥,x\nann,\"🔥,\nann,🔥,101\nbob,🔥,1\n", `bad: line 2: not a reaction: it has 2 cells, and there are names of 3; bad: line 3: its count is "x": want a number; bad: line 4: not a reaction: extraneous or missing " in quoted-field; bad: line 5: its count is 101: 1 to 100 are allowed; bob 🔥   x1 @?`},
		"a table of windows": {"window_start,window_end,channel,emoji_type,emoji_count,emoji_count_aggregated\nx\n", "bad: line 1: it is a table of windows, and they hold no single reactions: want what emostream export --what reactions writes"},
		"lines of windows":   {`{"window_start":"2026-11-23T14:42:00Z","window_end":"2026-11-23T14:42:02Z","channel":"main","emoji_type":"🔥","emoji_count":3,"emoji_count_aggregated":3}` + "\nx\n", "bad: line 1: " + windows},
		"counts of a topic":  {`{"topic":"emoji-aggregated","time":"2026-11-23T14:42:00Z","value":{"window":{},"emoji_type":"🔥","emoji_count":3}}`, "bad: line 1: " + windows},
		"what watch prints":  {`{"channel":"main","window":{},"total":3,"emojis":[{"emoji_type":"🔥","emoji_count":3}]}`, "bad: line 1: " + windows},
		"windows after taps": {`{"user_id":"a","emoji_type":"🔥"}` + "\n" + `{"emoji_type":"🔥","emoji_count":3}`, "a 🔥   x1 @?; bad: line 2: " + windows},
		"blanks in a header": {"Time ,USER_ID, Emoji_Type \n,ann,🔥\n", "ann 🔥   x1 @?"},
		"no column of them":  {"Time ,USER_ID,Emoji\n,ann,🔥\n", "bad: line 1: it names columns, like time and user_id, and none is emoji_type: give this name to the one that holds the emojis"},
		"no header":          {"2026-11-23T14:42:00Z;ann;🔥\n", "bad: line 1: not a reaction: it is no JSON object, and the first line does not name the columns of CSV: put one like time,user_id,emoji_type before all others"},
		"Parquet":            {"PAR1\x15\x04\n\n", "bad: line 1: it is a Parquet file: want JSON lines or CSV, as emostream export --what reactions --out reactions.jsonl writes"},
		"gzip":               {"\x1f\x8b\x08\x00\n", "bad: line 1: it is compressed by gzip: gunzip -c FILE | emostream replay - sends what is in it"},
		"an array":           {"\n[\n{}", "bad: line 2: it begins a JSON array: want a reaction in each line, as jq -c '.[]' FILE | emostream replay - sends them"},
		"no object":          {"7", "bad: line 1: not a reaction: json: cannot unmarshal number into Go value of type replay.written"},
		"null":               {"null", "bad: line 1: not a reaction: emoji_type must be 1 to 64 bytes of printable UTF-8"},
		"no emoji":           {`{"user_id":"a"}`, "bad: line 1: not a reaction: emoji_type must be 1 to 64 bytes of printable UTF-8"},
		"a wrong channel":    {`{"user_id":"a","emoji_type":"🔥","channel":"a b"}`, "bad: line 1: not a reaction: channel must be 1 to 64 of A-Z a-z 0-9 . _ -"},
		"a wrong time":       {`{"user_id":"a","emoji_type":"🔥","time":"noon"}`, `bad: line 1: its time is "noon": want one like "2006-01-02T15:04:05.000Z"`},
		"a wrong count":      {`{"user_id":"a","emoji_type":"🔥","count":101}`, "bad: line 1: its count is 101: 1 to 100 are allowed"},
		"no count":           {`{"user_id":"a","emoji_type":"🔥","count":0}`, "bad: line 1: its count is 0: 1 to 100 are allowed"},
		"bad, and then good": {"{\n" + `{"user_id":"a","emoji_type":"🔥"}`, "bad: line 1: not a reaction: unexpected end of JSON input; a 🔥   x1 @?"},
		"too long":           {strings.Repeat("x", long+1) + "\n" + `{"user_id":"a","emoji_type":"🔥"}`, "bad: line 1: it has more than 65536 bytes: want one reaction a line; a 🔥   x1 @?"},
		"just not too long":  {`{"user_id":"a","emoji_type":"🔥"}` + strings.Repeat(" ", long-36) + "\n", "a 🔥   x1 @?"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for r, err := range replay.Lines(strings.NewReader(test.in)) {
				got = append(got, spelled(r, err))
			}
			if s := strings.Join(got, "; "); s != test.want {
				t.Errorf("got  %s\nwant %s", s, test.want)
			}
		})
	}
}

func spelled(r replay.Reaction, err error) string {
	if err != nil {
		return "bad: " + err.Error()
	}
	at := "?"
	if r.At != math.MinInt64 {
		at = time.UnixMilli(r.At).UTC().Format("15:04:05.999")
	}
	return fmt.Sprintf("%s %s %s %s x%d @%s", r.UserID, r.Emoji, r.Timestamp, r.Channel, r.Count, at)
}

// A read error in the middle of a file is returned, and not taken for its end.
func TestBrokenLines(t *testing.T) {
	in := io.MultiReader(strings.NewReader(`{"user_id":"a","emoji_type":"🔥"}`+"\n"), iotest.ErrReader(errors.New("disk")))
	var got []string
	for r, err := range replay.Lines(in) {
		if _, ok := errors.AsType[*replay.BadError](err); ok {
			t.Errorf("%v is no bad line", err)
		}
		got = append(got, spelled(r, err))
	}
	if s := strings.Join(got, "; "); s != "a 🔥   x1 @?; bad: line 2: disk" {
		t.Errorf("got %s", s)
	}
}

// Every line gives a reaction within the limits, or an error that names the line.
func FuzzLines(f *testing.F) {
	f.Add([]byte(`{"time":"2026-11-23T14:42:00.250Z","user_id":"ann","emoji_type":"🔥","timestamp":"t","channel":"room-1","count":3}`))
	f.Add([]byte("{\"value\":{\"emoji_type\":\"a\"},\"time\":null}\n\nnull\n7\n[]"))
	f.Add([]byte("time,user_id,emoji_type,timestamp,channel,count\n2026-11-23T14:42:00.250Z,ann,🔥,t,main,7\n\"\n"))
	f.Add([]byte(`{"emoji_type":"🔥","timestamp":"9999-12-31T23:59:59.999999"}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		n := 0
		for r, err := range replay.Lines(strings.NewReader(string(in))) {
			n++
			if err != nil {
				if !strings.HasPrefix(err.Error(), "line ") {
					t.Errorf("%v does not name its line", err)
				}
				continue
			}
			if r.Count < 1 || r.Count > 100 || r.Emoji == "" || len(r.Emoji) > wire.MaxEmoji || r.Channel != "" && !wire.ValidChannel(r.Channel) {
				t.Errorf("read %+v", r)
			}
			if replay.NewPace(1).Due(r.At) != 0 {
				t.Errorf("the first, at %d, is not due at once", r.At)
			}
		}
		if lines := strings.Count(string(in), "\n") + 1; n > lines {
			t.Errorf("%d reactions in %d lines", n, lines)
		}
	})
}

func TestPace(t *testing.T) {
	const second = 1000
	for name, test := range map[string]struct {
		speed float64
		times []int64 // ms
		want  string
	}{
		"original":          {1, []int64{0, second, 2 * second}, "0s 1s 2s"},
		"a hundred times":   {100, []int64{0, 3600 * second, 86400 * second}, "0s 36s 14m24s"},
		"a tenth":           {0.1, []int64{0, second}, "0s 10s"},
		"rounded up":        {1, []int64{0, 1, 10, 11}, "0s 10ms 10ms 20ms"},
		"at once":           {0, []int64{0, second}, "0s 0s"},
		"older ones":        {1, []int64{second, 0, 2 * second}, "0s 0s 1s"},
		"before 1970":       {1, []int64{-second, 0}, "0s 1s"},
		"no time is known":  {1, []int64{math.MinInt64, math.MinInt64, 5 * second, 6 * second}, "0s 0s 0s 1s"},
		"beyond all clocks": {1e-9, []int64{0, math.MaxInt64 / 2}, "0s 1281023h53m38.42s"},
	} {
		t.Run(name, func(t *testing.T) {
			p := replay.NewPace(test.speed)
			var got []string
			for _, at := range test.times {
				got = append(got, p.Due(at).String())
			}
			if s := strings.Join(got, " "); s != test.want {
				t.Errorf("got %s, want %s", s, test.want)
			}
		})
	}
}
