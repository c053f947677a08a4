package kafka_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	kafkago "github.com/segmentio/kafka-go"

	"github.com/emostream/emostream/internal/kafka"
	"github.com/emostream/emostream/internal/sleep"
	"github.com/emostream/emostream/internal/stream"
)

// failingBrokers refuse the batches for some partitions.
type failingBrokers struct {
	mu       sync.Mutex
	refuse   map[int]bool // partitions that take no batches
	leader   bool         // whether those have a leader that answers
	attempts map[int]int  // by partition: batches that it was given
	given    map[int][]byte
}

// Produce implements kafka.Model.
func (f *failingBrokers) Produce(ctx context.Context, partition int, raw []byte) error {
	f.mu.Lock()
	if string(f.given[partition]) != string(raw) {
		f.attempts[partition]++
		f.given[partition] = append([]byte(nil), raw...)
	}
	refused := f.refuse[partition]
	f.mu.Unlock()
	if refused {
		return kafkago.NotEnoughReplicas
	}
	return sleep.For(ctx, time.Millisecond)
}

// ProducerID implements kafka.Model.
func (f *failingBrokers) ProducerID(context.Context) (int64, error) { return 1, nil }

// LeaderAnswers is asked by a producer whose partition rests.
func (f *failingBrokers) LeaderAnswers(_ context.Context, partition int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse[partition] && !f.leader {
		return kafkago.LeaderNotAvailable
	}
	return nil
}

// set says which partitions take no batches from now on.
func (f *failingBrokers) set(leader bool, refuse ...int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.leader, f.refuse = leader, map[int]bool{}
	for _, p := range refuse {
		f.refuse[p] = true
	}
}

// resting returns how many partitions rest, as the metric says.
func resting(t *testing.T, reg prometheus.Gatherer) int {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "emostream_produce_resting_partitions" {
			return int(f.GetMetric()[0].GetGauge().GetValue())
		}
	}
	t.Fatal("nothing tells how many partitions rest")
	return 0
}

// A partition that takes no writes gets no more than a batch in vain, and the others all
// that comes. When it takes writes again it is given some.
func TestPartitionsRest(t *testing.T) {
	for name, tt := range map[string]struct {
		refuse []int
		leader bool // whether the partitions that refuse have a leader that answers
		lost   int  // batches in five minutes, at most
		ready  bool // all the time but for the first seconds
		rests  int  // partitions that rest in the end; -1: now and then
	}{
		"one has no leader":                {[]int{2}, false, 1, true, 1},
		"three have no leader":             {[]int{0, 1, 3}, false, 3, true, 3},
		"one is short of replicas":         {[]int{2}, true, 15, true, -1},
		"all but one are":                  {[]int{1, 2, 3}, true, 45, true, -1},
		"none has a leader":                {[]int{0, 1, 2, 3}, false, 0, false, 3},
		"all are well":                     {nil, true, 0, true, 0},
		"none has a leader, it is not one": {[]int{0, 1, 2, 3}, true, 0, false, -1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := &failingBrokers{attempts: map[int]int{}, given: map[int][]byte{}}
				reg := prometheus.NewRegistry()
				p := kafka.NewModelProducer(b, kafka.ProducerConfig{Metrics: reg})
				ctx, stop := context.WithCancel(t.Context())
				var running, appends sync.WaitGroup
				running.Go(func() { p.RunPartitions(ctx, 4, false) })
				synctest.Wait()
				b.set(tt.leader, tt.refuse...)
				var mu sync.Mutex
				lost, written, notReady := 0, 0, 0
				for i := range 3000 {
					appends.Go(func() {
						err := p.Append(t.Context(), values("x"))
						mu.Lock()
						defer mu.Unlock()
						switch {
						case err == nil:
							written++
						case errors.Is(err, stream.ErrNotWritten):
							lost++
						default:
							t.Errorf("Append = %v", err)
						}
					})
					<-time.After(100 * time.Millisecond)
					if i > 100 && p.Err() != nil {
						notReady++
					}
				}
				appends.Wait()
				if all := len(tt.refuse) == 4; all != (written == 0) || !all && lost > tt.lost || written+lost != 3000 {
					t.Errorf("%d were not written, %d were, want at most %d lost", lost, written, tt.lost)
				}
				if tt.ready && notReady > 0 || !tt.ready && notReady < 2800 {
					t.Errorf("it was not ready %d times", notReady)
				}
				if got := resting(t, reg); tt.rests >= 0 && got != tt.rests {
					t.Errorf("%d partitions are said to rest, want %d", got, tt.rests)
				}
				b.set(true)
				<-time.After(31 * time.Second)
				if got := resting(t, reg); got != 0 {
					t.Errorf("%d partitions are said to rest when all is well", got)
				}
				b.mu.Lock()
				clear(b.attempts)
				b.mu.Unlock()
				for range 400 {
					if err := p.Append(t.Context(), values("x")); err != nil {
						t.Errorf("when all is well again: %v", err)
					}
				}
				for partition := range 4 {
					if n := b.attempts[partition]; n != 100 {
						t.Errorf("partition %d was given %d of 400 batches", partition, n)
					}
				}
				b.set(false, 0) // it stops while one rests
				_ = p.Append(t.Context(), values("x"))
				stop()
				running.Wait()
			})
		})
	}
}
