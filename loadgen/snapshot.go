package loadgen

import (
	"maps"
	"time"

	"github.com/emostream/emostream/loadgen/report"
)

// Phase is what a run is doing.
type Phase string

// The phases of a run, in this order. Waiting and Settling may be left out.
const (
	Registering Phase = "registering" // until the listeners are connected
	Waiting     Phase = "waiting"     // until Config.StartAt
	Sending     Phase = "sending"
	Settling    Phase = "settling" // until the run balances, or Config.BalanceTimeout has passed
)

// Buckets is how many Snapshot.Buckets there are.
const Buckets = 32

// Snapshot is how far a run is, for a live view. It shares nothing with the run. Counts
// are since the start, and of reactions unless they say otherwise. Latencies are in
// milliseconds.
type Snapshot struct {
	Phase   Phase
	Elapsed time.Duration // of sending
	Planned time.Duration // of sending; 0: unknown
	Stage   int           // of the schedule, from 0
	Stages  int
	Step    int     // of a search, from 1; 0: there is none
	Rate    float64 // of that step

	Asked   float64 // reactions a second that are due now
	Reached float64 // reactions sent in the last whole second

	Sent, Accepted, Rejected, InDoubt int64
	Waiting                           int64            // due, and not sent yet
	Errors                            map[string]int64 // requests, by kind

	// AckP50 and AckP99 are of the last whole second; 0: nothing was answered in it.
	AckP50, AckP99 float64
	// Buckets counts answered requests by latency: bucket i those from 2^(i-1) to 2^i
	// microseconds.
	Buckets [Buckets]int64

	OverheadP99 float64 // of the whole run
	Listeners   int     // connected
	Wanted      int     // listeners that are to be connected
	Events      int64   // that listeners got
}

// snapshot copies how far the run is.
func (r *run) snapshot(now time.Time) Snapshot {
	s := Snapshot{
		Phase: r.phase.Load().(Phase), Planned: r.schedule.Length(), Stages: max(1, len(r.schedule.stages)), Wanted: r.wanted,
		Sent: r.stats.sent.Load(), Accepted: r.stats.accepted.Load(), Rejected: r.stats.rejected.Load(), InDoubt: r.stats.inDoubt.Load(),
	}
	if r.audience != nil {
		s.Listeners, s.Events = int(r.audience.connected.Load()), r.audience.events.Load()
	}
	if w := r.target.swarms; w != nil {
		w.mu.Lock()
		if w.overhead.Count() > 0 {
			s.OverheadP99 = report.InMS(w.overhead.Quantile(0.99))
		}
		w.mu.Unlock()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.series); n > 0 {
		p := r.series[n-1]
		s.Reached, s.AckP50, s.AckP99 = float64(p.Sent), p.AckP50, p.AckP99
	}
	if !r.start.IsZero() {
		s.Elapsed = max(0, now.Sub(r.start))
		if !r.ended.IsZero() {
			s.Elapsed = r.ended.Sub(r.start)
		}
		var rate float64
		s.Stage, rate = r.schedule.At(s.Elapsed)
		s.Asked = rate * float64(r.cfg.Batch)
		if r.sending.Load() {
			s.Waiting = r.sender.overdue(s.Elapsed) * int64(r.cfg.Batch)
		}
	}
	r.stats.mu.Lock()
	defer r.stats.mu.Unlock()
	s.Errors, s.Buckets = maps.Clone(r.stats.errors), r.stats.buckets
	return s
}
