package simulation_test

import (
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// step is one move of the adversary: perhaps a fault, perhaps reactions, and one step
// of one request.
func (w *world) step() {
	synctest.Wait()
	w.reap()
	w.land()
	if len(w.workers) > 0 {
		w.fault(w.workers[w.rng.IntN(len(w.workers))])
	}
	if w.rng.IntN(4) == 0 {
		w.react()
	}
	var due []*request
	now := time.Now()
	for _, r := range w.waiting() {
		if !now.Before(r.worker.paused) && r.due(now) {
			due = append(due, r)
		}
	}
	if len(due) > 0 {
		w.take(due[w.rng.IntN(len(due))])
	}
	w.pass(time.Duration(w.rng.Int64N(int64(w.set.pace))))
}

// fault may do something bad to a process, or to all.
func (w *world) fault(p *worker) {
	below := func(limit time.Duration) time.Duration { return time.Duration(w.rng.Int64N(int64(limit))) }
	switch {
	case w.once(w.set.kills):
		w.faults.kills++
		w.event("%s is killed", p)
		p.stop()
	case w.once(w.set.pauses):
		w.faults.pauses++
		p.paused = time.Now().Add(below(8 * time.Second))
		w.event("%s pauses until %v", p, p.paused)
	case w.once(w.set.zombies):
		w.faults.zombies++
		w.event("%s is taken for dead", p)
		p.paused = time.Now().Add(below(4 * time.Second))
		w.release(p)
	case w.once(w.set.leaps):
		w.faults.leaps++
		w.pass(below(20 * time.Second))
	case w.once(w.set.idleHours):
		w.idleHour()
	case w.once(60):
		w.active = w.rng.IntN(w.set.reactions + 1)
		w.channels = 1 + w.rng.IntN(len(channels))
	}
}

// idleHour is an hour without reactions, after which retention has removed most
// records. Processes that were taken for dead are stopped before it, and the commits
// are those of the holders: this is the one case for which it is needed that Kafka
// fences older generations.
func (w *world) idleHour() {
	w.faults.idleHours++
	for _, p := range w.workers {
		if p.role.holder != p {
			p.stop()
		}
	}
	w.settle()
	if w.t.Failed() {
		return
	}
	for _, r := range w.roles {
		r.commit = r.holder.commit
	}
	w.event("an hour of silence")
	w.pass(time.Hour)
	for _, name := range []string{w.reactions().name, w.partials().name, w.counts().name} {
		for _, p := range w.topics[name].partitions {
			if w.rng.IntN(4) > 0 {
				p.start = p.end()
			}
		}
	}
	w.announce()
	w.calm = false
}

// channels are those that reactions of all histories have.
var channels = []string{"main", "a", "b"}

// pass lets time go by.
func (w *world) pass(d time.Duration) {
	if d > 0 {
		<-time.After(d)
	}
}

// react writes the few reactions of one request to a main server. Whether the client
// hears of it makes no difference to the counting.
func (w *world) react() {
	if w.active == 0 {
		return
	}
	p := w.reactions().partitions[w.rng.IntN(w.active)]
	var records []stream.Record
	for range 1 + w.rng.IntN(3) {
		at := time.Now().Add(w.set.skew[w.rng.IntN(len(w.set.skew))])
		if w.rng.IntN(10) == 0 { // it took long to reach the log
			at = at.Add(-time.Duration(w.rng.Int64N(int64(w.set.window + 3*w.set.lateness))))
		}
		r := stream.Record{Time: at.UnixMilli(), Value: []byte("no reaction")}
		if w.rng.IntN(30) > 0 {
			r.Value = wire.AppendReaction(nil, wire.Reaction{
				UserID: "u", Emoji: []string{"🔥", "😂", "👍"}[w.rng.IntN(3)],
				Channel: channels[w.rng.IntN(w.channels)],
			})
		}
		records = append(records, r)
	}
	if w.rng.IntN(20) == 0 {
		return // refused
	}
	w.event("%d reactions", len(records))
	p.append(records...)
	w.lastWrite = time.Now()
	w.written += len(records)
}

// settle lets all processes work without faults until nothing is written for a while.
func (w *world) settle() {
	const quiet = 3 * time.Second
	w.calm = true
	w.event("calm")
	for _, p := range w.workers {
		p.paused = time.Time{}
	}
	for _, r := range w.roles {
		r.begins = time.Time{}
	}
	began := time.Now()
	w.lastWrite = began
	for time.Since(w.lastWrite) < quiet && !w.t.Failed() {
		synctest.Wait()
		w.reap()
		w.land()
		next := time.Now().Add(50 * time.Millisecond)
		busy := false
		for _, r := range w.waiting() {
			if now := time.Now(); r.due(now) && !r.gaveUp() {
				busy = true
				w.take(r)
				synctest.Wait() // one after the other: else the order would depend on the scheduler
			} else if r.until.Before(next) {
				next = r.until
			}
		}
		if !busy {
			w.pass(time.Until(next))
		}
		if time.Since(began) > time.Hour {
			w.t.Error("it never comes to rest")
		}
	}
}
