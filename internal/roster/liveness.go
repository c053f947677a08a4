package roster

import (
	"time"

	"github.com/emostream/emostream/internal/wire"
)

// Times of heartbeats.
const (
	HeartbeatInterval = time.Second               // the time between two heartbeats of a server
	LateAfter         = 5 * HeartbeatInterval / 2 // a server that has been silent for this long has missed two, and may be dead
	Timeout           = 5 * time.Second           // a server that has been silent for this long counts as gone
	Lookback          = 11 * time.Minute          // how much of the topic a new reader reads first
)

// Alive says whether the server is not gone at now.
func (e Entry) Alive(now time.Time) bool {
	return e.State != wire.StateGone && now.Sub(e.Heard) < Timeout
}

// Late says whether the server has missed two heartbeats at now.
func (e Entry) Late(now time.Time) bool { return now.Sub(e.Heard) >= LateAfter }
