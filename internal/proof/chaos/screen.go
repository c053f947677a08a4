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
	"github.com/emostream/emostream/internal/wire"
)

// lateness is aggregate's default, and subscribe's: how far back of what a
// listener saw last it is told of windows that have grown.
const lateness = 10 * time.Second

// screen listens to a subscriber server, and comes back whenever it is cut off.
type screen struct {
	name, url string

	mu     sync.Mutex
	totals map[int64]int64 // the greatest it was shown, by the window's end
	visits []Visit
	lastID int64
}

// Visit is one connection of a listener.
type Visit struct {
	Since  time.Time
	LastID int64   // that it came with: the end of the newest window it had seen; 0 if none
	Saw    []Shown // the last one only; empty if none
}

// run listens until ctx ends.
func (s *screen) run(ctx context.Context) error {
	c := sse.Client{
		URL:        s.url + "/v1/swarm",
		Reconnect:  100 * time.Millisecond,
		MaxBackoff: time.Second,
		OnState: func(state sse.State) {
			if state.Phase == sse.Live {
				s.mu.Lock()
				defer s.mu.Unlock()
				s.visits = append(s.visits, Visit{Since: time.Now(), LastID: s.lastID})
			}
		},
		OnEvent: s.see,
	}
	if err := c.Run(ctx); err != nil {
		return fmt.Errorf("listen to %s: %w", s.name, err)
	}
	return nil
}

func (s *screen) see(e sse.Event) error {
	w, err := wire.DecodeSwarm(e.Data)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if id, err := strconv.ParseInt(e.ID, 10, 64); err == nil {
		s.lastID = id
	}
	if s.totals == nil {
		s.totals = map[int64]int64{}
	}
	s.totals[w.Window.End] = max(s.totals[w.Window.End], w.Total)
	s.visits[len(s.visits)-1].Saw = []Shown{{w.Window.End, w.Total}}
	return nil
}

// busy says whether the screen has shown reactions.
func (s *screen) busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, total := range s.totals {
		if total > 0 {
			return true
		}
	}
	return false
}

// judge says what the screen should have shown and did not, and how many windows
// it may have missed.
func (s *screen) judge(topic *Swarms) (wrong []string, excused int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, end := range slices.Sorted(maps.Keys(topic.Greatest)) {
		final := topic.Greatest[end]
		switch shown := s.totals[end]; {
		case shown == final.Total:
		case shown < final.Total && Excused(final, topic, s.visits):
			excused++
		default:
			wrong = append(wrong, fmt.Sprintf("%s showed %d in the window that ends at %s, and its topic says %d (at %d)",
				s.name, shown, at(end), final.Total, final.Offset))
		}
	}
	return wrong, excused
}

// at writes the end of a window.
func at(ms int64) string { return time.UnixMilli(ms).Format(clock) }

// Excused says whether a listener may have missed a swarm. Where it comes back it
// is told of all windows after the last one that it saw, and of those that have
// grown of the lateness before. So what it may miss is what an older window has
// grown while it was not there: neither before it was cut off, by the last swarm
// that it saw then, nor after it was back (with time to spare, since the record's
// time is when its writer began to write).
func Excused(final Swarm, topic *Swarms, visits []Visit) bool {
	const spare = 10 * time.Second
	seen := int64(-1) // offset in the topic up to which it was told all
	for i, v := range visits {
		reach := v.LastID - lateness.Milliseconds()
		if v.LastID == 0 {
			reach = math.MaxInt64 // it is shown the newest window alone
		}
		if i > 0 && final.End <= reach && final.Offset > seen && final.Time <= v.Since.Add(spare).UnixMilli() {
			return true
		}
		for _, saw := range v.Saw {
			seen = max(seen, topic.offset(saw))
		}
	}
	return false
}
