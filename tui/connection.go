package tui

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/emostream/emostream/internal/client"
	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/text"
	"github.com/emostream/emostream/internal/wire"
)

// ConnectionChange is a change of the connection to the stream.
type ConnectionChange struct {
	At     time.Time
	State  sse.State
	Server string // the assigned subscriber server; empty if there was none yet
}

// Connection is the state of the connection to the stream.
type Connection struct {
	ConnectionChange
	Draining   string    // the assigned server, if it is leaving; else empty
	Reconnects int       // how often the connection became live again
	LiveAt     time.Time // when it last became live; zero if it never was
	Resumed    bool      // whether it had been live before LiveAt
	Replayed   int       // how many windows that were missed before LiveAt were shown later
}

// Change returns the connection after a change.
func (n Connection) Change(l ConnectionChange) Connection {
	was := n.ConnectionChange
	n.ConnectionChange = l
	if l.State.Phase != sse.Live {
		return n
	}
	n.Resumed = !n.LiveAt.IsZero()
	if n.Resumed {
		n.Reconnects++
	}
	n.LiveAt, n.Replayed = l.At, 0
	if l.Server != was.Server || n.Draining != l.Server {
		n.Draining = ""
	}
	return n
}

// Live returns whether events arrive.
func (n Connection) Live() bool { return n.State.Phase == sse.Live }

// WithServers returns the connection after the main server reported the states of the
// subscriber servers. It notes whether the assigned one is leaving.
func (n Connection) WithServers(servers []client.ServerStatus) Connection {
	for _, s := range servers {
		if s.Name == n.Server && n.Server != "" && (s.State == wire.StateDraining || s.State == wire.StateGone) && !n.Live() {
			n.Draining = s.Name
		}
	}
	return n
}

// secondsToRetry returns how many seconds are left until the next attempt.
func (n Connection) secondsToRetry(now time.Time) int {
	return max(0, int(math.Ceil(n.At.Add(n.State.Wait).Sub(now).Seconds())))
}

// Headline returns the state in a few words.
func (n Connection) Headline(now time.Time) string {
	server := text.CleanCells(n.Server)
	switch n.State.Phase {
	case sse.Live:
		return "live " + server
	case sse.Connecting:
		if n.State.URL == "" || server == "" {
			return "connecting"
		}
		return "connecting to " + server
	case sse.Reconnecting:
	}
	what := "reconnecting"
	switch _, refused := errors.AsType[*sse.RefusedError](n.State.Err); {
	case n.Draining != "":
		what = "server draining, reconnecting"
	case refused:
		what = "refused, again"
	}
	if s := n.secondsToRetry(now); s > 0 {
		return fmt.Sprintf("%s in %d s", what, s)
	}
	return what + " now"
}

// Trouble returns why the connection was lost, or "" if it was not.
func (n Connection) Trouble() string {
	if n.State.Phase != sse.Reconnecting {
		return ""
	}
	if n.Draining != "" {
		return text.CleanCells(n.Draining) + " is draining: it leaves in order, and another server takes over"
	}
	return errorText(n.State.Err)
}

// resumed returns a text that says where the connection was resumed, and how many
// windows were replayed.
func (n Connection) resumed() string {
	replayed := "nothing was missed"
	switch {
	case n.Replayed == 1:
		replayed = "1 window replayed"
	case n.Replayed > 1:
		replayed = fmt.Sprintf("%d windows replayed", n.Replayed)
	}
	return "resumed at " + text.CleanCells(n.Server) + ", " + replayed
}
