package kafka_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/stream"
)

var (
	histories = flag.Int("histories", 1000, "how many histories TestProducerHistories runs")
	from      = flag.Uint64("from", 1, "seed of the first one")
	tell      = flag.Bool("tell", false, "tell all that happens in them")
)

// Whatever happens to batches and their answers, an acknowledged record is in the log once.
// A record that was called not written is not in it. One in doubt is in it at most once. To
// run a seed again that failed:
//
//	go test ./internal/kafka -run ProducerHistories -histories 1 -from SEED -tell -v
func TestProducerHistories(t *testing.T) {
	t.Parallel() // others wait meanwhile
	var next, written, refused, doubted atomic.Int64
	var running sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		running.Go(func() {
			for i := next.Add(1) - 1; i < int64(*histories) && !t.Failed(); i = next.Add(1) - 1 {
				h := produceHistory(t, *from+uint64(i), *tell)
				written.Add(int64(h.written))
				refused.Add(int64(h.refused))
				doubted.Add(int64(h.doubted))
			}
		})
	}
	running.Wait()
	t.Logf("%d histories: %d acknowledged, %d not written, %d in doubt", *histories, written.Load(), refused.Load(), doubted.Load())
	if *histories >= 100 && (written.Load() == 0 || refused.Load() == 0 || doubted.Load() == 0) {
		t.Error("one of the outcomes never came about")
	}
}

// The same seed gives the same history.
func TestProducerHistoriesRepeat(t *testing.T) {
	for seed := range uint64(10) {
		if a, b := produceHistory(t, seed, false), produceHistory(t, seed, false); a.hash != b.hash {
			t.Errorf("seed %d: two runs of %d and %d events differ", seed, a.events, b.events)
		}
	}
}

// produced counts the outcomes in a history.
type produced struct {
	written, refused, doubted int
	events                    int
	hash                      uint64
}

func produceHistory(t *testing.T, seed uint64, trace bool) (out produced) {
	t.Helper()
	ok := t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			m := &model{t: t, rng: rng, embedded: rng.IntN(2) == 0, faults: 1 + rng.IntN(8), trace: trace}
			for range 1 + rng.IntN(3) {
				m.logs = append(m.logs, &modelLog{})
			}
			out = m.run()
		})
	})
	if !ok {
		t.Errorf("seed %d failed; to see it again: go test ./internal/kafka -run ProducerHistories -histories 1 -from %d -tell -v", seed, seed)
	}
	return out
}

// run appends through a producer while the adversary acts. It compares what Append
// returned with what the logs hold.
func (m *model) run() (out produced) {
	p := kafka.NewModelProducer(m, kafka.ProducerConfig{
		Topic: "t", MaxBatch: 2 + m.rng.IntN(20), Timeout: time.Duration(1+m.rng.IntN(5)) * time.Second,
	})
	m.event("embedded %v, %d partitions, a fault in %d", m.embedded, len(m.logs), m.faults)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { p.RunPartitions(ctx, len(m.logs), m.embedded) })
	synctest.Wait()

	outcomes := map[string]error{}
	var mu sync.Mutex
	for i := range 20 + m.rng.IntN(200) {
		if m.rng.IntN(2) == 0 {
			var vs []string
			for n := range 1 + m.rng.IntN(2) {
				vs = append(vs, fmt.Sprintf("%d.%d", i, n))
			}
			timeout := time.Hour // of the client
			if m.rng.IntN(4) == 0 {
				timeout = time.Duration(m.rng.Int64N(int64(3 * time.Second)))
			}
			running.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), timeout)
				defer cancel()
				err := p.Append(ctx, values(vs...))
				mu.Lock()
				defer mu.Unlock()
				outcomes[strings.Join(vs, " ")] = err
			})
		}
		m.step()
		<-time.After(1 + time.Duration(m.rng.Int64N(int64(100*time.Millisecond))))
	}
	m.calm = true
	for range 300 { // longer than any timeout, so that all has arrived
		m.step()
		<-time.After(100 * time.Millisecond)
	}
	stop()
	running.Wait()

	copies := m.copies()
	for vs, err := range outcomes {
		for v := range strings.SplitSeq(vs, " ") {
			n := copies[v]
			switch {
			case err == nil:
				out.written++
				if n != 1 {
					m.t.Errorf("%s was acknowledged and is in the log %d times", v, n)
				}
			case errors.Is(err, stream.ErrNotWritten):
				out.refused++
				if n != 0 {
					m.t.Errorf("%s was called not written and is in the log %d times: %v", v, n, err)
				}
			case errors.Is(err, stream.ErrInDoubt):
				out.doubted++
				if n > 1 {
					m.t.Errorf("%s is in doubt and is in the log %d times: %v", v, n, err)
				}
			default:
				m.t.Errorf("Append of %s = %v", v, err)
			}
		}
	}
	out.events, out.hash = m.events, m.hash
	return out
}
