package loadgen_test

import (
	"strconv"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/emostream/emostream/loadgen"
)

func TestCutFrames(t *testing.T) {
	for stream, want := range map[string][]string{
		"":                                {""},
		"data: x":                         {"data: x"},
		"data: x\n":                       {"data: x\n"},
		"data: x\n\n":                     {"data: x", ""},
		"id: 1\ndata: x\n\n: hb\n\ndata:": {"id: 1\ndata: x", ": hb", "data:"},
		"id: 1\r\ndata: x\r\n\r\ndata: y": {"id: 1\r\ndata: x", "data: y"},
		"\n\ndata: x\n\n\r\n":             {"data: x", ""},
		"id: 1\rdata: x\r\rdata: y\r":     {"id: 1\rdata: x", "data: y\r"},
	} {
		frames, rest := loadgen.CutFrames(stream)
		if diff := cmp.Diff(want, append(frames, rest)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", stream, diff)
		}
	}
}

// However many events a run shows, few are kept, and whoever keeps up gets one and the
// same event.
func TestEventCacheForgets(t *testing.T) {
	t.Parallel()
	const events = 100_000
	c := loadgen.NewEventCache()
	for i := range events {
		if !c.IsKept("data: " + strconv.Itoa(i)) {
			t.Fatalf("event %d is not kept", i)
		}
	}
	var listeners sync.WaitGroup
	for range 4 {
		listeners.Go(func() {
			for i := range events {
				c.IsKept("id: " + strconv.Itoa(i))
			}
		})
	}
	listeners.Wait()
	if n := c.Len(); n > 2*loadgen.GenerationSize {
		t.Errorf("%d events are kept", n)
	}
}
