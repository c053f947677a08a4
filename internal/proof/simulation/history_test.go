package simulation_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/roster"
	"github.com/emostream/emostream/internal/stream"
	"github.com/emostream/emostream/internal/wire"
)

var (
	histories = flag.Int("histories", 500, "how many histories TestHistories runs")
	from      = flag.Uint64("from", 1, "seed of the first one")
	tell      = flag.Bool("tell", false, "tell all that happens")
)

// Histories of failures end well. A seed that fails is run again by
//
//	go test ./internal/proof/simulation -run Histories -histories 1 -from SEED -tell -v
func TestHistories(t *testing.T) {
	var total faults
	var next, reactions, events atomic.Int64
	var mu sync.Mutex
	var running sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		running.Go(func() {
			for i := next.Add(1) - 1; i < int64(*histories) && !t.Failed(); i = next.Add(1) - 1 {
				w := runHistory(t, *from+uint64(i), *tell)
				reactions.Add(int64(w.taps))
				events.Add(int64(w.events))
				mu.Lock()
				total.add(w.faults)
				mu.Unlock()
			}
		})
	}
	running.Wait()
	t.Logf("%d histories of %d reactions and %d events: %+v", *histories, reactions.Load(), events.Load(), total)
}

// The same seed is the same history, without which no failure could be looked
// into.
func TestHistoriesRepeat(t *testing.T) {
	for seed := range uint64(10) {
		if a, b := runHistory(t, seed, false), runHistory(t, seed, false); a.hash != b.hash {
			t.Errorf("seed %d: two runs of %d and %d events differ", seed, a.events, b.events)
		}
	}
}

func (f *faults) add(o faults) {
	f.kills += o.kills
	f.pauses += o.pauses
	f.zombies += o.zombies
	f.repeats += o.repeats
	f.leaps += o.leaps
	f.silences += o.silences
}

func runHistory(t *testing.T, seed uint64, trace bool) (w *world) {
	t.Helper()
	ok := t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 0))
			w = &world{
				t: t, rng: rng, set: newSettings(rng), topics: map[string]*topic{}, roster: &roster.Roster{}, trace: trace,
				decoded: decoded{map[string]wire.Count{}, map[string]wire.Swarm{}},
			}
			w.run()
		})
	})
	if !ok {
		t.Errorf("seed %d failed; to see it again: go test ./internal/proof/simulation -run Histories -histories 1 -from %d -tell -v", seed, seed)
	}
	return w
}

// event notes that something happens.
func (w *world) event(format string, args ...any) {
	w.events++
	w.mix(maphash.String(seedOfHashes, format))
	w.mix(uint64(time.Now().UnixMilli()))
	for _, arg := range args {
		switch arg := arg.(type) { // what happens often, without a text
		case int:
			w.mix(uint64(arg))
		case int64:
			w.mix(uint64(arg))
		case string:
			w.mix(maphash.String(seedOfHashes, arg))
		case *worker:
			w.mix(maphash.String(seedOfHashes, arg.role.name))
			w.mix(uint64(arg.id))
		default:
			w.mix(maphash.String(seedOfHashes, fmt.Sprintf("%+v", arg)))
		}
	}
	if w.trace {
		w.t.Logf("%s "+format, append([]any{time.Now().Format("15:04:05.000")}, args...)...)
	}
}

// mix lets the hash of all events depend on one more value.
func (w *world) mix(value uint64) { w.hash = (w.hash ^ value) * 0x100000001b3 }

// seedOfHashes makes the hashes of two histories comparable, in one process.
var seedOfHashes = maphash.MakeSeed()

func (w *world) run() {
	defer w.end()
	w.event("%+v", w.set)
	w.active, w.channels = w.set.reactions, len(channels)
	w.announce()
	w.addRoles()
	middle := w.rng.IntN(w.set.steps)
	for i := range w.set.steps {
		if w.t.Failed() {
			return
		}
		if i == middle {
			w.addObservers()
		}
		w.step()
	}
	w.settle()
	w.check()
	w.checkClosed()
}

// step is one choice of the adversary.
func (w *world) step() {
	synctest.Wait()
	w.reap()
	w.land()
	if len(w.workers) > 0 {
		w.fault(w.workers[w.rng.IntN(len(w.workers))])
	}
	if w.rng.IntN(4) == 0 {
		w.tap()
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

// fault may do something to a process, or to all.
func (w *world) fault(p *worker) {
	some := func(most time.Duration) time.Duration { return time.Duration(w.rng.Int64N(int64(most))) }
	switch {
	case w.once(w.set.kills):
		w.faults.kills++
		w.event("%s is killed", p)
		p.stop()
	case w.once(w.set.pauses):
		w.faults.pauses++
		p.paused = time.Now().Add(some(8 * time.Second))
		w.event("%s pauses until %v", p, p.paused)
	case w.once(w.set.zombies):
		w.faults.zombies++
		w.event("%s is taken for dead", p)
		p.paused = time.Now().Add(some(4 * time.Second))
		w.vacate(p)
	case w.once(w.set.leaps):
		w.faults.leaps++
		w.pass(some(20 * time.Second))
	case w.once(w.set.silences):
		w.silence()
	case w.once(60):
		w.active = w.rng.IntN(w.set.reactions + 1)
		w.channels = 1 + w.rng.IntN(len(channels))
	}
}

// silence is an hour without reactions, after which little of what was before is
// in any log. Nobody who was taken for dead lives that long, and what stands
// committed is the word of whoever lives: Kafka fences older generations, which
// is needed for nothing but this.
func (w *world) silence() {
	w.faults.silences++
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

// channels are those of all histories.
var channels = []string{"main", "a", "b"}

// pass lets time go by.
func (w *world) pass(d time.Duration) {
	if d > 0 {
		<-time.After(d)
	}
}

// tap writes a few reactions, all that one request carries. Whether it is told
// so makes no difference from here on.
func (w *world) tap() {
	if w.active == 0 {
		return
	}
	p := w.reactions().partitions[w.rng.IntN(w.active)]
	var records []stream.Record
	for range 1 + w.rng.IntN(3) {
		at := time.Now().Add(w.set.skew[w.rng.IntN(len(w.set.skew))])
		if w.rng.IntN(10) == 0 { // it was on its way for long
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
	w.wrote = time.Now()
	w.taps += len(records)
}

// settle lets everybody work on without faults, until nothing new comes of it.
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
	w.wrote = began
	for time.Since(w.wrote) < quiet && !w.t.Failed() {
		synctest.Wait()
		w.reap()
		w.land()
		next := time.Now().Add(50 * time.Millisecond)
		busy := false
		for _, r := range w.waiting() {
			if now := time.Now(); r.due(now) && !r.gaveUp() {
				busy = true
				w.take(r)
				synctest.Wait() // one after the other, or chance would decide
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

// end stops everybody and waits for them.
func (w *world) end() {
	for _, p := range w.workers {
		p.stop()
	}
	for _, p := range w.workers {
		if err := <-p.ended; !errors.Is(err, context.Canceled) && !errors.Is(err, stream.ErrFenced) {
			w.t.Errorf("%s ended: %v", p, err)
		}
	}
}

// addObservers lets publishers begin in the middle of what was counted, who know
// nothing of what was before and tell nobody but the check.
func (w *world) addObservers() {
	for i, p := range w.counts().partitions {
		w.roles = append(w.roles, &role{
			name: fmt.Sprintf("observe/%d", i), topic: w.counts(), partition: i, since: p.end(),
			work: w.observe, commit: stream.Commit{Offset: stream.None},
		})
	}
}
