package wire_test

import (
	"encoding/json"
	"testing"

	"github.com/emostream/emostream/internal/wire"
)

// The metadata of commits must not change: a newer program reads what an older one
// wrote.
func TestCommitMetadata(t *testing.T) {
	s := wire.Settings{WindowMS: 2000, LatenessMS: 10000}
	for want, meta := range map[string]any{
		`{"v":1,"watermark":5,"closed":-5,"counted":7,"newest":6,"window_ms":2000,"lateness_ms":10000}`: wire.CombinerCommit{Version: 1, Watermark: 5, Closed: -5, Emitted: 7, EmittedWatermark: 6, Settings: s},
		`{"v":1,"floor":5,"reduced":8,"window_ms":2000,"lateness_ms":10000}`:                            wire.ReducerCommit{Version: 1, Floor: 5, Emitted: 8, Settings: s},
		`{"v":1,"unsigned":5,"reducers":2,"closed":[6,7]}`:                                              wire.PublisherCommit{Version: 1, NewestIncomplete: 5, Reducers: 2, Closed: []int64{6, 7}},
		`{"v":1,"unsigned":5}`: wire.PublisherCommit{Version: 1, NewestIncomplete: 5},
	} {
		b, err := json.Marshal(meta)
		if err != nil || string(b) != want {
			t.Errorf("%T is written as %s, %v; want %s", meta, b, err, want)
		}
	}
}
