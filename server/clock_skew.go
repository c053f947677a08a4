package server

import (
	"fmt"
	"time"
)

// MaxSkew is the greatest difference allowed between the clocks of a main server and of
// the brokers.
const MaxSkew = 2 * time.Second

// CheckSkew returns an error if this machine's clock differs from the brokers' by more
// than MaxSkew. ahead is how far it is ahead of theirs; negative: it is behind.
func CheckSkew(ahead time.Duration) error {
	if ahead.Abs() <= MaxSkew {
		return nil
	}
	where := "ahead of"
	if ahead < 0 {
		where = "behind"
	}
	return fmt.Errorf("this machine's clock is %v %s kafka's, and %v is allowed, because it decides which window a reaction is counted in: set the clock", ahead.Abs().Round(time.Millisecond), where, MaxSkew)
}
