package loadgen

import "time"

// TokenOf returns a function that tells which token a user of a run shows at some moment.
func TokenOf(c Config) func(user int, at time.Time) string {
	c = c.withDefaults()
	return c.newTokens(c.reactionMix()).of
}
