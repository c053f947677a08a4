package chaos

import (
	"fmt"
	"time"
)

// Report is the result of a run.
type Report struct {
	Broker    string
	Seed      uint64
	Took      time.Duration // of the faults
	Stages    FaultCounts
	Brokers   FaultCounts
	Changes   int // of what is in force, by a manager
	Rotations int // of the keys of tokens and tickets
	Verdict
}

// String returns the report in one line.
func (r Report) String() string {
	late := time.Duration(0)
	if len(r.Latest) > 0 {
		late = r.Latest[0].By
	}
	return fmt.Sprintf("%s, seed %d, %.0f s: %d acknowledged, %d in doubt, %d counted, %d lost, %d doubled; "+
		"stages %v; brokers %v; %d changes by a manager; keys rotated %d times; a window was late by at most %.1f s",
		r.Broker, r.Seed, r.Took.Seconds(), r.OutcomeCounts[Acknowledged], r.OutcomeCounts[InDoubt], r.Counted, r.Lost(), r.Doubled(),
		r.Stages, r.Brokers, r.Changes, r.Rotations, late.Seconds())
}
