package doctor

import (
	"time"

	"github.com/emostream/emostream/internal/wire"
)

// LastBeats calls lastHeartbeats with heartbeats that were written at the times at.
func LastBeats(statuses []wire.ServerStatus, at []time.Time, now time.Time) []Server {
	beats := make([]heartbeat, len(statuses))
	for i, s := range statuses {
		beats[i] = heartbeat{ServerStatus: s, at: at[i]}
	}
	return lastHeartbeats(beats, now)
}
