package fanout

import (
	"encoding/json"
	"math"

	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/wire"
)

// appendSingles appends what a swarm adds to the Python system's stream, /sub1: an
// event for each single emoji. An emoji comes as often as its scaled count says,
// rounded up, and at most maxRepeats times. Those that were already sent for this
// window are not sent again.
func (w *window) appendSingles(out []byte, s wire.Swarm, maxRepeats int) []byte {
	for _, e := range s.Emojis {
		n := int(min(math.Ceil(max(0, e.Scaled)), float64(maxRepeats)))
		if n <= w.singles[e.Emoji] || len(out) > maxSinglesBytes {
			continue
		}
		data, err := json.Marshal(e.Emoji)
		if err != nil {
			continue // a string always marshals
		}
		event := sse.AppendEvent(nil, sse.Event{Data: data})
		for range n - w.singles[e.Emoji] {
			out = append(out, event...)
		}
		w.singles[e.Emoji] = n
	}
	return out
}
