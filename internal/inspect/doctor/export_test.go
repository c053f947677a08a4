package doctor

import (
	"time"

	"github.com/emostream/emostream/internal/wire"
)

// LastBeats is lastBeats, of heartbeats with the times at which they were written.
func LastBeats(statuses []wire.ServerStatus, at []time.Time, now time.Time) []Server {
	beats := make([]beat, len(statuses))
	for i, s := range statuses {
		beats[i] = beat{s, at[i]}
	}
	return lastBeats(beats, now)
}
