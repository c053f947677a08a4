package chaos

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/emostream/emostream/internal/sse"
	"github.com/emostream/emostream/internal/windowing"
	"github.com/emostream/emostream/internal/wire"
)

// lateness is the default of aggregate and subscribe. A listener that comes back is
// sent the windows that have grown since, if they ended no longer than this before the
// last one that it saw.
const lateness = windowing.DefaultLateness

// listener listens to a subscriber server, and connects again whenever it is cut off.
type listener struct {
	name, url string
	keys      *keys // nil: streams need no tickets

	mu          sync.Mutex
	totals      map[int64]int64 // the greatest total that it was shown of each window, by its end
	connections []Connection
	lastID      int64
}

// Connection is one connection of a listener.
type Connection struct {
	Since     time.Time
	LastID    int64   // the Last-Event-ID with which it began: the end of the newest window seen before; 0: none
	LastShown []Shown // the last window that it was shown; empty: none
}

// run listens until ctx ends.
func (l *listener) run(ctx context.Context) error {
	c := sse.Client{
		Locate:     func(context.Context, error) (string, error) { return l.keys.streamURL(l.url + "/v1/swarm"), nil },
		Reconnect:  100 * time.Millisecond,
		MaxBackoff: time.Second,
		OnState: func(state sse.State) {
			if state.Phase == sse.Live {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.connections = append(l.connections, Connection{Since: time.Now(), LastID: l.lastID})
			}
		},
		OnEvent: l.onEvent,
	}
	if err := c.Run(ctx); err != nil {
		return fmt.Errorf("listen to %s: %w", l.name, err)
	}
	return nil
}

func (l *listener) onEvent(e sse.Event) error {
	w, err := wire.DecodeSwarm(e.Data)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if id, err := strconv.ParseInt(e.ID, 10, 64); err == nil {
		l.lastID = id
	}
	if l.totals == nil {
		l.totals = map[int64]int64{}
	}
	l.totals[w.Window.End] = max(l.totals[w.Window.End], w.Total)
	l.connections[len(l.connections)-1].LastShown = []Shown{{w.Window.End, w.Total}}
	return nil
}

// hasShown returns whether the listener was shown reactions.
func (l *listener) hasShown() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, total := range l.totals {
		if total > 0 {
			return true
		}
	}
	return false
}

// check compares what the listener was shown with what its server's topic holds. It
// returns what the listener should have been shown and was not, and in how many windows
// it may have missed something.
func (l *listener) check(topic *Swarms) (wrong []string, missed int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, end := range slices.Sorted(maps.Keys(topic.Greatest)) {
		final := topic.Greatest[end]
		switch shown := l.totals[end]; {
		case shown == final.Total:
		case shown < final.Total && MayMiss(final, topic, l.connections):
			missed++
		default:
			wrong = append(wrong, fmt.Sprintf("%s showed %d in the window that ends at %s, and its topic says %d (at %d)",
				l.name, shown, at(end), final.Total, final.Offset))
		}
	}
	return wrong, missed
}

// at returns the end of a window as text.
func at(ms int64) string { return time.UnixMilli(ms).Format(timeLayout) }

// MayMiss returns whether a listener may have missed final, the last swarm of a window.
//
// A listener that comes back is sent all windows after the last one that it saw, and
// those of the lateness before that which have grown. So it may miss that an older
// window has grown, if the window grew while the listener was not connected. The window
// grew then if its last swarm stands in the topic after the last swarm that the
// listener was shown before, and was written before the listener was back. The second
// comparison allows some extra time, since the time of a record is when its writer
// began to write it.
func MayMiss(final Swarm, topic *Swarms, connections []Connection) bool {
	const spare = 10 * time.Second
	seen := int64(-1) // the offset in the topic up to which it was sent everything
	for i, c := range connections {
		reach := c.LastID - lateness.Milliseconds()
		if c.LastID == 0 {
			reach = math.MaxInt64 // it is shown the newest window only
		}
		if i > 0 && final.End <= reach && final.Offset > seen && final.Time <= c.Since.Add(spare).UnixMilli() {
			return true
		}
		for _, shown := range c.LastShown {
			seen = max(seen, topic.offset(shown))
		}
	}
	return false
}
