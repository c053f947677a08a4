package loadgen

import (
	"context"
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
