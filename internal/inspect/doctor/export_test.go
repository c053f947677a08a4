package doctor

import (
	"time"

	"github.com/emostream/emostream/internal/wire"
)

// LastBeats is lastBeats, of heartbeats with the times at which they were written.
func LastBeats(statuses []wire.ServerStatus, at []time.Time, now time.Time) []Server {
	beats := make([]heartbeat, len(statuses))
	for i, s := range statuses {
		beats[i] = heartbeat{s, at[i]}
	}
	return lastHeartbeats(beats, now)
}
