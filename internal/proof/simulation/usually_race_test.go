//go:build race

package simulation_test

// usually is less under the race detector. It makes a history eight times slower, and has
// little to see there: one goroutine of a history runs at a time.
const usually = 100
