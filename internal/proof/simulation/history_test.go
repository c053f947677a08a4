package simulation_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/maphash"
	"math"
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
	histories = flag.Int("histories", usually, "how many histories TestHistories runs")
	from      = flag.Uint64("from", 1, "seed of the first one")
	tell      = flag.Bool("tell", false, "tell all that happens")
)

// In every history of failures, counts and swarms are right in the end. To run a seed
// that failed again:
//
//	go test ./internal/proof/simulation -run TestHistories$ -histories 1 -from SEED -tell -v
func TestHistories(t *testing.T) { runHistories(t, false) }

// Retention removes records at any moment, and nobody waits for it. Then everything is
// counted right nevertheless, or a stage stops and says what is gone. Once it goes on
// with --reset-lost, later reactions are counted right.
func TestRetentionHistories(t *testing.T) { runHistories(t, true) }

// runHistories runs histories in which retention removes records at any moment, or only
// after a silence.
func runHistories(t *testing.T, removes bool) {
	t.Helper()
	var total faults
	var next, reactions, events atomic.Int64
	var mu sync.Mutex
	var running sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		running.Go(func() {
			for i := next.Add(1) - 1; i < int64(*histories) && !t.Failed(); i = next.Add(1) - 1 {
				w := runHistory(t, *from+uint64(i), removes, *tell)
				reactions.Add(int64(w.written))
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

// Two runs of a seed are the same history. Otherwise failures could not be looked into.
func TestHistoriesRepeat(t *testing.T) {
	for seed := range uint64(10) {
		removes := seed%2 == 1
		if a, b := runHistory(t, seed, removes, false), runHistory(t, seed, removes, false); a.hash != b.hash {
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
	f.idleHours += o.idleHours
	f.resets += o.resets
	f.watermarkResets += o.watermarkResets
	f.strangers += o.strangers
	f.transactions += o.transactions
	f.far += o.far
	f.removals += o.removals
	f.stopped += o.stopped
}

func runHistory(t *testing.T, seed uint64, removes, trace bool) (w *world) {
	t.Helper()
	test := "TestHistories"
	if removes {
		test = "TestRetentionHistories"
	}
	ok := t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 0))
			w = &world{
				t: t, rng: rng, set: newSettings(rng), topics: map[string]*topic{}, held: map[int]int64{}, reopened: math.MaxInt64, roster: &roster.Roster{}, trace: trace,
				decoded: decoded{map[string]wire.Count{}, map[string]wire.Swarm{}},
			}
			if removes {
				w.set.removals, w.set.resets = 10+rng.IntN(300), 0
			}
			w.run()
		})
	})
	if !ok {
		t.Errorf("seed %d failed; to see it again: go test ./internal/proof/simulation -run %s$ -histories 1 -from %d -tell -v", seed, test, seed)
	}
	return w
}

// event adds something that happens to the hash of the history, and logs it with -tell.
func (w *world) event(format string, args ...any) {
	w.events++
	w.mix(maphash.String(seedOfHashes, format))
	w.mix(uint64(time.Now().UnixMilli()))
	for _, arg := range args {
		switch arg := arg.(type) { // fmt would take most of the time, so frequent types do without
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

// mix adds a value to the hash of the history.
func (w *world) mix(value uint64) { w.hash = (w.hash ^ value) * 0x100000001b3 }

// seedOfHashes is the same for the whole run of the tests, so that the hashes of two
// histories can be compared.
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
		stopped := w.isStopped()
		if i == middle || stopped && i < middle {
			w.addObservers()
		}
		if stopped {
			break
		}
		w.step()
	}
	w.settle()
	w.passFarTimes()
	w.passCutWindows()
	w.check()
	if w.isStopped() {
		w.resetLost()
		return
	}
	w.checkClosed()
}

// end stops all processes and waits until they have ended.
func (w *world) end() {
	for _, p := range w.workers {
		p.stop()
	}
	for _, p := range w.workers {
		if err := <-p.ended; !errors.Is(err, context.Canceled) && !errors.Is(err, stream.ErrFenced) && !p.saysWhatIsGone(err) {
			w.t.Errorf("%s ended: %v", p, err)
		}
	}
}

// addObservers adds publishers that begin at the present end of emoji-aggregated and
// know nothing of the records before. They write to a topic that only the checks read.
func (w *world) addObservers() {
	for i, p := range w.counts().partitions {
		w.roles = append(w.roles, &role{
			name: fmt.Sprintf("observe/%d", i), topic: w.counts(), partition: i, since: p.end(),
			work: w.observe, commit: stream.Commit{Offset: stream.None},
		})
	}
}
