package sse_test

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	gosse "github.com/tmaxmax/go-sse"

	"github.com/emostream/emostream/internal/sse"
)

func TestAppendEvent(t *testing.T) {
	for name, tt := range map[string]struct {
		event sse.Event
		want  string
	}{
		"nothing":                         {sse.Event{}, ""},
		"data alone":                      {sse.Event{Data: []byte("🔥")}, "data: 🔥\n\n"},
		"all fields, in this order":       {sse.Event{ID: "7", Name: "swarm", Data: []byte("{}"), Retry: time.Second}, "id: 7\nevent: swarm\nretry: 1000\ndata: {}\n\n"},
		"an ID alone moves the cursor":    {sse.Event{ID: "7"}, "id: 7\n\n"},
		"LF, CR and CRLF end lines":       {sse.Event{Data: []byte("a\nb\rc\r\nd")}, "data: a\ndata: b\ndata: c\ndata: d\n\n"},
		"LFCR is two line ends":           {sse.Event{Data: []byte("a\n\rb")}, "data: a\ndata:\ndata: b\n\n"},
		"a last line end is kept":         {sse.Event{Data: []byte("a\n")}, "data: a\ndata:\n\n"},
		"a line end alone":                {sse.Event{Data: []byte("\n")}, "data:\ndata:\n\n"},
		"leading spaces are kept":         {sse.Event{ID: " 7", Name: " x", Data: []byte("  a\n b")}, "id:  7\nevent:  x\ndata:   a\ndata:  b\n\n"},
		"data that looks like fields":     {sse.Event{Data: []byte("id: 9\n:x")}, "data: id: 9\ndata: :x\n\n"},
		"an ID with LF is left out":       {sse.Event{ID: "1\ndata: x", Data: []byte("a")}, "data: a\n\n"},
		"an ID with CR is left out":       {sse.Event{ID: "1\r", Data: []byte("a")}, "data: a\n\n"},
		"an ID with NUL is left out":      {sse.Event{ID: "1\x00", Data: []byte("a")}, "data: a\n\n"},
		"only an ID, and not a legal one": {sse.Event{ID: "\n"}, ""},
		"a Name with LF is left out":      {sse.Event{Name: "x\nid: 1", Data: []byte("a")}, "data: a\n\n"},
		"a retry is rounded up":           {sse.Event{Retry: time.Millisecond + 1}, "retry: 2\n\n"},
		"the shortest retry":              {sse.Event{Retry: 1}, "retry: 1\n\n"},
		"the longest retry":               {sse.Event{Retry: math.MaxInt64}, "retry: 9223372036855\n\n"},
		"a negative retry says nothing":   {sse.Event{Retry: -1}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := string(sse.AppendEvent([]byte("before"), tt.event))
			if diff := cmp.Diff("before"+tt.want, got); diff != "" {
				t.Errorf("frame (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAppendComment(t *testing.T) {
	for text, want := range map[string]string{
		"":             ":\n\n",
		"hb":           ": hb\n\n",
		"a\r\ndata: b": ": a\n: data: b\n\n",
	} {
		if got := string(sse.AppendComment(nil, text)); got != want {
			t.Errorf("AppendComment(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestAppendRetry(t *testing.T) {
	if got, want := string(sse.AppendRetry(nil, 1500*time.Millisecond)), "retry: 1500\n\n"; got != want {
		t.Errorf("AppendRetry = %q, want %q", got, want)
	}
	if got := sse.AppendRetry(nil, 0); len(got) > 0 {
		t.Errorf("AppendRetry of nothing = %q, want nothing", got)
	}
}

// The decoder returns exactly what the encoder was given, also between other frames.
func FuzzAppendEvent(f *testing.F) {
	f.Add("1754000000000", "swarm", []byte(`{"total":3}`), int64(time.Second), "hb")
	f.Add(" 1", "", []byte("a\r\n\r\n b\rdata: c\n"), int64(0), "x\n\ndata: y")
	f.Add("1\x00", "a\nb", []byte("\ufeff"), int64(-1), "\ufeff")
	f.Add("", "message", bytes.Repeat([]byte("x"), 5000), int64(1), "")
	f.Fuzz(func(t *testing.T, id, name string, data []byte, retry int64, comment string) {
		stream := sse.AppendComment(nil, comment)
		stream = sse.AppendEvent(stream, sse.Event{ID: id, Name: name, Data: data, Retry: time.Duration(retry)})
		stream = sse.AppendComment(stream, comment)
		stream = sse.AppendEvent(stream, sse.Event{Data: []byte("last")})

		var got []gosse.Event
		for e, err := range gosse.Read(bytes.NewReader(stream), &gosse.ReadConfig{MaxEventSize: len(stream) + 1}) {
			if err != nil {
				t.Fatalf("decode %q: %v", stream, err)
			}
			if e.Data != "" {
				got = append(got, e)
			}
		}

		if strings.ContainsAny(id, "\r\n\x00") {
			id = ""
		}
		if strings.ContainsAny(name, "\r\n") {
			name = ""
		}
		var want []gosse.Event
		if len(data) > 0 {
			lines := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(data))
			want = append(want, gosse.Event{LastEventID: id, Type: name, Data: lines})
		}
		want = append(want, gosse.Event{LastEventID: id, Data: "last"})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("decoded from %q (-want +got):\n%s", stream, diff)
		}
	})
}
