package replay

import (
	"math"
	"time"
)

// rounding is the multiple that due times are rounded up to. Reactions that then have
// the same due time are sent together.
const rounding = 10 * time.Millisecond

// Pace says when a reaction is due, as time since the start of the replay. It depends
// only on the speed and on how long after the first reaction this one was recorded.
type Pace struct {
	speed float64 // 0: everything is due at once
	first int64   // recorded time of the first reaction, ms
	began bool
}

// NewPace returns the pace for a speed: 1 is as recorded, 100 a hundred times as fast,
// and 0 as fast as possible.
func NewPace(speed float64) *Pace { return &Pace{speed: speed} }

// Due returns when a reaction with the recorded time at, in ms, is due. The first one
// is due at once. So is one that is older than the first, or whose time is not known
// (math.MinInt64).
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
