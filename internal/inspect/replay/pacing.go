package replay

import (
	"math"
	"time"
)

// rounding is what due times are rounded up to: reactions that are then due at the
// same time are sent together.
const rounding = 10 * time.Millisecond

// Pace says when a reaction is due, counted from the start of the replay, by the
// recorded time of the first one and the speed alone.
type Pace struct {
	speed float64 // 0: everything is due at once
	first int64   // recorded time of the first one, ms
	began bool
}

// NewPace returns the pace of a speed: 1 is the original one, 100 a hundred times as
// fast, and 0 as fast as can be.
func NewPace(speed float64) *Pace { return &Pace{speed: speed} }

// Due is when a reaction of a recorded time is due. The first is due at once, and so
// is one that is older than it or whose time is not known.
func (p *Pace) Due(at int64) time.Duration {
	if !p.began && at != math.MinInt64 {
		p.first, p.began = at, true
	}
	if p.speed <= 0 || at <= p.first {
		return 0
	}
	ticks := math.Ceil((float64(at) - float64(p.first)) * float64(time.Millisecond) / p.speed / float64(rounding))
	return time.Duration(math.Min(ticks, math.MaxInt64/float64(rounding)/2)) * rounding
}
