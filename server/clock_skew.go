package server

import (
	"fmt"
	"time"
)

// MaxSkew is how far the clock of a main server may be from the brokers'.
const MaxSkew = 2 * time.Second

// CheckSkew returns an error if a clock that is so far ahead of the brokers' is too
// far off. Ahead is negative if it is behind.
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
