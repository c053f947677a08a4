package simulation_test

import (
	"maps"
	"math"
	"slices"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

// step is one move of the adversary: perhaps a fault, perhaps a few reactions, and one
// step of one request.
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
	w.continueReset()
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

// fault does something bad to process p, or to all processes, now and then.
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
	case w.once(w.set.resets):
		w.resetGroup(w.roles[w.rng.IntN(len(w.roles))])
	case w.once(w.set.removals):
		w.remove()
	case w.once(w.set.watermarkResets):
		w.beginReset()
	case w.once(w.set.strangers):
		w.intrude()
	case w.once(w.set.transactions):
		w.transact()
	case w.once(60):
		w.active = w.rng.IntN(w.set.reactions + 1)
		w.channels = 1 + w.rng.IntN(len(channels))
	}
}

// resetGroup does to a role that goes on from the log's start what
// kafka-consumer-groups --reset-offsets does: it stops who works, and leaves a commit
// without metadata.
func (w *world) resetGroup(r *role) {
	log := r.topic.partitions[r.partition]
	if r.topic != w.partials() && r.topic != w.counts() || r.since > 0 || log.start > 0 {
		return
	}
	w.faults.resets++
	w.event("%s is reset", r.name)
	if r.holder != nil {
		r.holder.stop()
	}
	r.commit = stream.Commit{Offset: w.rng.Int64N(log.end() + 1)}
}

// idleHour lets an hour pass without reactions, after which retention has removed most
// records. First it stops the processes that were taken for dead, and discards their
// commits: one that is too old may point to records that retention removes. This is
// the only case in which the promise needs Kafka to fence old members of a group.
func (w *world) idleHour() {
	w.faults.idleHours++
	for _, p := range w.workers {
		if p.role.holder != p {
			p.stop()
		}
	}
	w.settle()
	w.passFarTimes()
	if w.t.Failed() || w.isStopped() {
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

// intrude appends records of another program to a partition of any topic: records that
// are none of ours, tombstones, and batches that cannot be read.
func (w *world) intrude() {
	w.faults.strangers++
	names := slices.Sorted(maps.Keys(w.topics))
	t := w.topics[names[w.rng.IntN(len(names))]]
	p := t.partitions[w.rng.IntN(len(t.partitions))]
	for range 1 + w.rng.IntN(3) {
		how := unreadable
		if t != w.reactions() && w.rng.IntN(2) == 0 { // react writes what is no reaction
			how = foreign
		}
		r := stream.Record{Time: time.Now().UnixMilli()}
		switch w.rng.IntN(5) {
		case 0: // a tombstone
		case 1:
			r.Value = []byte("hello")
		case 2:
			r.Value = []byte(`{"mark":{"v":1,"partition":7,"partitions":7,"reducers":1,"window_ms":1,"lateness_ms":1}}`)
		case 3: // as an aggregate with other settings or for other numbers of partitions writes
			m := wire.Mark{Version: 1, Partitions: w.set.reactions, Reducers: w.set.reducers, Settings: wire.Settings{WindowMS: w.set.window.Milliseconds(), LatenessMS: w.set.lateness.Milliseconds()}}
			m.Reported, m.Closed = r.Time, r.Time
			switch w.rng.IntN(3) {
			case 0:
				m.LatenessMS++
			case 1:
				m.Partitions++
			case 2:
				m.Reducers++
			}
			r.Value = wire.Progress{Mark: &m}.Encode()
		case 4:
			r.Value = []byte(`{"partial":{"v":1,"partition":0,"end":200,"channel":"main","first":5,"next":6,"counts":{"🔥":7}}}`)
		}
		w.event("%s/%d: a strange record at %d", t.name, slices.Index(t.partitions, p), p.end())
		p.strange[p.end()] = how
		p.append(r)
	}
}

// transact lets another program begin a transaction of reactions, or end the one that it
// has open in a partition: it commits it, or takes it back.
func (w *world) transact() {
	p := w.reactions().partitions[w.rng.IntN(w.set.reactions)]
	w.faults.transactions++
	if len(p.open) > 0 {
		w.endTransaction(p)
		return
	}
	for range 1 + w.rng.IntN(3) {
		w.event("a reaction in a transaction at %d", p.end())
		p.open = append(p.open, p.end())
		p.append(stream.Record{Time: time.Now().UnixMilli(), Value: wire.AppendReaction(nil, wire.Reaction{UserID: "u", Emoji: "🔥"})})
	}
}

// endTransaction ends the transaction that is open in a partition.
func (w *world) endTransaction(p *partition) {
	committed := w.rng.IntN(2) == 0
	w.event("the transaction from %d on ends: %v", p.open[0], committed)
	if !committed {
		for _, offset := range p.open {
			p.strange[offset] = aborted
		}
	}
	p.open = nil
	w.lastWrite = time.Now()
}

// channels are the channels that reactions may have.
var channels = []string{"main", "a", "b"}

// pass lets d of the virtual time pass.
func (w *world) pass(d time.Duration) {
	if d > 0 {
		<-time.After(d)
	}
}

// react appends the reactions of one request to a main server. What the client learns
// of them makes no difference to the counting, so it is left out.
func (w *world) react() {
	if w.active == 0 {
		return
	}
	p := w.reactions().partitions[w.rng.IntN(w.active)]
	var records []stream.Record
	far := w.set.far > 0 && w.rng.IntN(w.set.far) == 0
	for range 1 + w.rng.IntN(3) {
		at := time.Now().Add(w.set.skew[w.rng.IntN(len(w.set.skew))])
		if w.rng.IntN(10) == 0 { // it took long to reach the log
			at = at.Add(-time.Duration(w.rng.Int64N(int64(w.set.window + 3*w.set.lateness))))
		}
		r := stream.Record{Time: at.UnixMilli(), Value: []byte("no reaction")}
		if far && w.rng.IntN(3) > 0 {
			r.Time = w.wrongTime(p)
			w.faults.far++
		}
		if w.rng.IntN(30) > 0 {
			r.Value = wire.AppendReaction(nil, wire.Reaction{
				UserID: "u", Emoji: []string{"🔥", "😂", "👍"}[w.rng.IntN(3)],
				Channel: channels[w.rng.IntN(w.channels)],
			})
		}
		records = append(records, r)
	}
	if w.rng.IntN(20) == 0 {
		return // the server refused it
	}
	w.event("%d reactions", len(records))
	p.append(records...)
	w.lastWrite = time.Now()
	w.written += len(records)
}

// wrongTime returns a time that a wrong clock or a wrong program sets in partition p.
//
// After a silence it is a far one. Any other would count in a window of before the
// silence, of which retention may have removed records.
func (w *world) wrongTime(p *partition) int64 {
	now := time.Now().UnixMilli()
	recent := 0
	for _, r := range p.from(max(0, p.end()-10), 10) {
		if at := time.UnixMilli(r.Time); time.Since(at).Abs() < time.Minute {
			recent++
		}
	}
	if recent < 5 || w.rng.IntN(3) > 0 {
		at := now + w.rng.Int64N(3*time.Hour.Milliseconds()) // a clock that is ahead
		if t := time.UnixMilli(at); t.After(w.farthest) {
			w.farthest = t
		}
		return at
	}
	return []int64{
		0, -1, -now, math.MinInt64, math.MaxInt64,
		1, now / 1000, // seconds
		now * 1000, now * 1_000_000, // microseconds and nanoseconds
	}[w.rng.IntN(9)]
}

// passFarTimes lets the windows of far times end, so that they are counted.
func (w *world) passFarTimes() {
	if wait := time.Until(w.farthest) + 2*w.set.window + w.set.lateness + 5*time.Second; !w.farthest.IsZero() && wait > 0 && !w.t.Failed() {
		w.event("all far times pass")
		w.pass(wait)
		w.announce()
		w.settle()
	}
}

// passCutWindows lets time pass until channels are called silent whose last window nobody
// called complete: retention has removed records of its emission, or has stopped the
// reducer half-way. Publishers take it for that of another program, and wait for the
// next one.
func (w *world) passCutWindows() {
	waits := func(cluster string) bool { return len(w.notQuiet(cluster)) > 0 }
	if w.t.Failed() || !w.unshown && !w.isStopped() || !slices.ContainsFunc(w.clusters(), waits) {
		return
	}
	w.event("the longest pause of another program passes")
	w.pass(2*time.Minute + 2*w.set.window) // the horizon of publishers
	w.announce()
	w.settle()
}

// settle stops the adversary and lets all processes work until nothing was written for
// three seconds.
func (w *world) settle() {
	const quiet = 3 * time.Second
	w.calm = true
	w.event("calm")
	for _, p := range w.reactions().partitions {
		if len(p.open) > 0 {
			w.endTransaction(p)
		}
	}
	w.finishReset()
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
				synctest.Wait() // one at a time, or the order would depend on the scheduler
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
