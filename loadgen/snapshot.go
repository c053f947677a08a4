package loadgen

import "time"

// Phase is what a run is doing.
type Phase string

// The phases of a run, in this order.
const (
	Waiting     Phase = "waiting"     // for the time that it is to start at
	Registering Phase = "registering" // until the listeners are connected
	Sending     Phase = "sending"
	Settling    Phase = "settling" // until the books balance, or patience ends
)

// Buckets is how many Snapshot.Buckets there are.
const Buckets = 32

// Snapshot is how far a run is, for a live view. It is a copy: whoever gets it
// may keep it. Counts are cumulative, of reactions unless they say otherwise;
// times of latencies are in milliseconds.
type Snapshot struct {
	Phase   Phase
	Elapsed time.Duration // of sending
	Planned time.Duration // of sending; 0: unknown
	Stage   int           // of the schedule that is under way, from 0
	Stages  int
	Step    int     // of --find-max, from 1; 0: there is no search
	Rate    float64 // of the step

	Asked   float64 // reactions a second, now
	Reached float64 // reactions sent in the last whole second

	Sent, Accepted, Rejected, InDoubt int64
	Waiting                           int64            // due, not sent
	Errors                            map[string]int64 // requests, by kind

	// Of the last whole second; 0 when nothing was answered in it.
	AckP50, AckP99 float64
	// Buckets counts answered requests by latency: i holds those from 2^(i-1) to
	// 2^i microseconds.
	Buckets [Buckets]int64

	OverheadP99 float64 // of the whole run
	Listeners   int     // connected
	Wanted      int     // listeners
	Events      int64   // that they got
}
