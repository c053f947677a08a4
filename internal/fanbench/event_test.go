package fanbench_test

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/emostream/emostream/internal/fanbench"
	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/wire"
)

// at is a time in µs.
const at = 1_767_323_045_678_901

func TestEventIsReadAsItIsWritten(t *testing.T) {
	for _, e := range []fanbench.Event{{Sequence: 1, Published: at}, {Sequence: 999_999, Published: at + 1}} {
		for _, emojis := range []int{1, 2, 128} {
			data, err := json.Marshal(e.Swarm(emojis))
			if err != nil {
				t.Fatal(err)
			}
			if got, ok := fanbench.ParseEvent(data); !ok || got != e {
				t.Errorf("%+v with %d emojis is read as %+v, %v", e, emojis, got, ok)
			}
			if s, err := wire.DecodeSwarm(data); err != nil || s.Window.End != e.Published/1000 {
				t.Errorf("%s is no swarm of its time: %+v, %v", data, s, err)
			}
		}
	}
}

// The targets are those of events of about 260 bytes.
func TestEventSize(t *testing.T) {
	s := fanbench.Event{Sequence: 12, Published: at}.Swarm(1)
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	frame := sse.AppendEvent(nil, sse.Event{ID: strconv.FormatInt(s.Window.End, 10), Name: "swarm", Data: data})
	if n := len(frame); n < 250 || n > 270 {
		t.Errorf("a frame has %d bytes, want about 260: %s", n, frame)
	}
}

func TestParseEventRefuses(t *testing.T) {
	for name, data := range map[string]string{
		"nothing":            ``,
		"no number":          `{"total":5}`,
		"no time":            `{"emoji_count":5}`,
		"text for a number":  `{"total":"5","emoji_count":1}`,
		"a number too large": `{"total":99999999999999999999,"emoji_count":1}`,
		"a torn one":         `{"total":5,"emoji_count":`,
	} {
		if e, ok := fanbench.ParseEvent([]byte(data)); ok {
			t.Errorf("%s: %s is read as %+v", name, data, e)
		}
	}
}
