package loadgen

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/emostream/emostream/internal/sleep"
)

// joinFirst adds n attentive listeners, and all others.
func (r *run) joinFirst(n int) {
	slows, _, _ := ParseSlow(r.cfg.Slow) // Check has parsed it without an error
	r.audience.join(n, attentive)
	r.audience.join(slows, slow)
	r.audience.join(r.cfg.Stalled, stalled)
	r.audience.join(r.cfg.Mute, mute)
}

// arrive lets n listeners join evenly over a time, the last one at its end. It ends with
// ctx.
func (a *audience) arrive(ctx context.Context, start time.Time, over time.Duration, n int) {
	for i := range n {
		if sleep.Until(ctx, start.Add(time.Duration(float64(over)*float64(i+1)/float64(n)))) != nil {
			return
		}
		a.join(1, attentive)
	}
}

// ParseSlow reads how many listeners read slowly, and how many bytes a second each, as in
// 100:1000. If s is empty, there are none.
func ParseSlow(s string) (listeners, pace int, err error) {
	if s == "" {
		return 0, 0, nil
	}
	n, bytes, _ := strings.Cut(s, ":")
	listeners, errN := strconv.Atoi(strings.TrimSpace(n))
	pace, errB := strconv.Atoi(strings.TrimSpace(bytes))
	switch {
	case errN != nil || errB != nil || listeners < 0 || pace < 1:
		return 0, 0, fmt.Errorf("slow %.40q: want a number of listeners and how many bytes a second each reads, at least 1, as in 100:1000", s)
	case listeners > maxDawdlers || pace > maxPace:
		return 0, 0, fmt.Errorf("slow %.40q: up to %d listeners and %d bytes a second are allowed", s, maxDawdlers, maxPace)
	}
	return listeners, pace, nil
}

// Limits of listeners that are not attentive.
const (
	maxDawdlers = 10_000
	maxPace     = 1 << 30
)
