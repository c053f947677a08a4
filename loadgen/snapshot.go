package loadgen

import (
	"maps"
	"time"

	"github.com/emostream/emostream/loadgen/report"
)

// Phase is what a run is doing.
type Phase string

// The phases of a run, in order. A run may skip Waiting and Settling.
const (
	Registering Phase = "registering" // until the listeners are connected
	Waiting     Phase = "waiting"     // until Config.StartAt
	Sending     Phase = "sending"
	Settling    Phase = "settling" // until the run balances, or Config.BalanceTimeout has passed
)

// Buckets is the length of Snapshot.Buckets.
const Buckets = 32

// Snapshot tells a live view how far a run is. It shares no memory with the run. Counts
// cover the run from its start, and are numbers of reactions unless their comment says
// otherwise. Latencies are in milliseconds, except in Buckets.
type Snapshot struct {
	Phase   Phase
	Elapsed time.Duration // of sending
	Planned time.Duration // of sending; 0: unknown
	Stage   int           // current stage of the schedule, from 0
	Stages  int
	Step    int     // step of a search, from 1; 0: no search
	Rate    float64 // rate of that step

	ClosedLoop bool    // as fast as the answers come
	WarmingUp  bool    // what is due now is not measured
	Asked      float64 // reactions a second that are due now
	Reached    float64 // reactions sent in the last whole second

	Sent, Accepted, Rejected, InDoubt int64
	Waiting                           int64            // due, but not sent yet
	Errors                            map[string]int64 // number of requests, by kind of error

	// AckP50 and AckP99 cover the last whole second; 0: nothing was answered in it.
	AckP50, AckP99 float64
	// Buckets counts answered requests by latency. Bucket i counts those from 2^(i-1)
	// to 2^i microseconds.
	Buckets [Buckets]int64

	OverheadP99 float64 // of the whole run
	Listeners   int     // connected
	Wanted      int     // listeners that shall be connected
	Events      int64   // events that listeners received
}

// snapshot returns how far the run is.
func (r *run) snapshot(now time.Time) Snapshot {
	s := Snapshot{
		Phase: r.phase.Load().(Phase), Planned: r.schedule.Length(), Stages: max(1, len(r.schedule.stages)), Wanted: r.wanted, ClosedLoop: r.cfg.closedLoop(),
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
		s.WarmingUp = s.Elapsed < r.cfg.WarmUp
		if r.sending.Load() {
			s.Waiting = r.sender.overdue(s.Elapsed) * int64(r.cfg.Batch)
		}
	}
	r.stats.mu.Lock()
	defer r.stats.mu.Unlock()
	s.Errors, s.Buckets = maps.Clone(r.stats.errors), r.stats.buckets
	return s
}
