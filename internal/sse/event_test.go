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
		"nothing":                     {sse.Event{}, ""},
		"data alone":                  {sse.Event{Data: []byte("🔥")}, "data: 🔥\n\n"},
		"all fields, in this order":   {sse.Event{ID: "7", Name: "swarm", Data: []byte("{}")}, "id: 7\nevent: swarm\ndata: {}\n\n"},
		"an ID and no data":           {sse.Event{ID: "7"}, ""},
		"a Name and no data":          {sse.Event{Name: "swarm", Data: []byte{}}, ""},
		"LF, CR and CRLF end lines":   {sse.Event{Data: []byte("a\nb\rc\r\nd")}, "data: a\ndata: b\ndata: c\ndata: d\n\n"},
		"LFCR is two line ends":       {sse.Event{Data: []byte("a\n\rb")}, "data: a\ndata:\ndata: b\n\n"},
		"a last line end is kept":     {sse.Event{Data: []byte("a\n")}, "data: a\ndata:\n\n"},
		"a line end alone":            {sse.Event{Data: []byte("\n")}, "data:\ndata:\n\n"},
		"leading spaces are kept":     {sse.Event{ID: " 7", Name: " x", Data: []byte("  a\n b")}, "id:  7\nevent:  x\ndata:   a\ndata:  b\n\n"},
		"data that looks like fields": {sse.Event{Data: []byte("id: 9\n:x")}, "data: id: 9\ndata: :x\n\n"},
		"an ID with LF is left out":   {sse.Event{ID: "1\ndata: x", Data: []byte("a")}, "data: a\n\n"},
		"an ID with CR is left out":   {sse.Event{ID: "1\r", Data: []byte("a")}, "data: a\n\n"},
		"an ID with NUL is left out":  {sse.Event{ID: "1\x00", Data: []byte("a")}, "data: a\n\n"},
		"a Name with LF is left out":  {sse.Event{Name: "x\nid: 1", Data: []byte("a")}, "data: a\n\n"},
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
		"":             ":\n",
		"hb":           ": hb\n",
		"a\r\ndata: b": ": a\n: data: b\n",
	} {
		if got := string(sse.AppendComment(nil, text)); got != want {
			t.Errorf("AppendComment(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestAppendRetry(t *testing.T) {
	for d, want := range map[time.Duration]string{
		1500 * time.Millisecond: "retry: 1500\n",
		time.Millisecond + 1:    "retry: 2\n",
		1:                       "retry: 1\n",
		math.MaxInt64:           "retry: 9223372036855\n",
		0:                       "",
		-1:                      "",
	} {
		if got := string(sse.AppendRetry([]byte("before\n"), d)); got != "before\n"+want {
			t.Errorf("AppendRetry of %v = %q, want %q", d, got, want)
		}
	}
}

// A comment and a retry make no event of their own. A program that splits the stream at
// its blank lines, as many libraries do, finds data in each piece.
func TestLinesBetweenEvents(t *testing.T) {
	stream := sse.AppendRetry(nil, time.Second)
	for range 3 {
		stream = sse.AppendComment(stream, "")
		stream = sse.AppendEvent(stream, sse.Event{ID: "1", Name: "swarm", Data: []byte("{}")})
		stream = sse.AppendComment(sse.AppendComment(stream, ""), "hb")
	}
	stream = sse.AppendRetry(stream, time.Second)
	blocks := strings.Split(string(stream), "\n\n")
	for _, block := range blocks[:len(blocks)-1] {
		if !strings.Contains(block, "\ndata: ") {
			t.Errorf("a block without data: %q", block)
		}
	}
	if got := len(blocks) - 1; got != 3 {
		t.Errorf("%d blocks, want 3", got)
	}
}

// The decoder returns exactly what the encoder was given, also between other frames.
func FuzzAppendEvent(f *testing.F) {
	f.Add("1754000000000", "swarm", []byte(`{"total":3}`), int64(time.Second), "hb")
	f.Add(" 1", "", []byte("a\r\n\r\n b\rdata: c\n"), int64(0), "x\n\ndata: y")
	f.Add("1\x00", "a\nb", []byte("\ufeff"), int64(-1), "\ufeff")
	f.Add("", "message", bytes.Repeat([]byte("x"), 5000), int64(1), "")
	f.Fuzz(func(t *testing.T, id, name string, data []byte, retry int64, comment string) {
		stream := sse.AppendRetry(sse.AppendComment(nil, comment), time.Duration(retry))
		stream = sse.AppendEvent(stream, sse.Event{ID: id, Name: name, Data: data})
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

		if strings.ContainsAny(id, "\r\n\x00") || len(data) == 0 {
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
